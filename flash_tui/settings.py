"""Settings, read once: the person's file, then the project's, then FLASH_TUI_* variables, then flags; the later wins.

`FLASH_TUI_HOME/settings.toml` holds what is the person's alone (theme, keymap, layout, editor). `[tool.flash-tui]` in
the project's `pyproject.toml` holds app, pipeline, target, watch and environments. A file that does not parse is named
with its line; the settings of the other sources still hold.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from flash_tui.models.app import DEFAULT_PIPELINE, Pipeline
from flash_tui.paths import Home, find_home

LOCAL_TARGET = "local"


@dataclass(frozen=True, slots=True)
class EnvironmentRules:
    """`[tool.flash-tui.environments.NAME]`."""

    protected: bool = False
    """Changing it asks for its name typed; the watch never deploys to it."""


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """`[tool.flash-tui.watch]`."""

    include: tuple[str, ...] = ()
    """Extra patterns (gitignore syntax) whose changes redeploy."""
    ignore: tuple[str, ...] = ()
    """Patterns whose changes do not."""
    settle_ms: int | None = None
    """Quiet time after the last change, in ms; None adapts."""


@dataclass(frozen=True, slots=True)
class Settings:
    home: Home
    project: Path
    """Root folder of the Flash project, absolute."""
    app: str
    """Name of the app. Default: the project folder's name, as the official tool."""
    target: str = LOCAL_TARGET
    """`local`, `runpod` or the origin of a platform."""
    pipeline: Pipeline = field(default_factory=Pipeline)
    environments: Mapping[str, EnvironmentRules] = field(default_factory=dict[str, EnvironmentRules])
    watch: WatchSettings = field(default_factory=WatchSettings)
    python_download: bool = False
    """Let uv download an interpreter that an endpoint asks for."""
    theme: str | None = None
    """`dark`, `light`, `high-contrast` or `colour-blind`; FLASH_TUI_THEME, default dark."""
    ascii: bool = False
    """Draw with ASCII signs alone; FLASH_TUI_ASCII. On by itself where the terminal knows no more."""
    keymap: Mapping[str, str] = field(default_factory=dict[str, str])
    """Binding id → keys, comma separated."""
    editor: str | None = None
    """Command that opens a file; default $VISUAL, then $EDITOR."""
    problems: tuple[str, ...] = ()
    """What is wrong with the settings files, each with file and line; the program goes on without them."""

    def rules(self, environment: str) -> EnvironmentRules:
        """The rules of an environment; the last stage of several is protected unless the project says otherwise."""
        stages = self.pipeline.stages
        is_last = len(stages) > 1 and environment == stages[-1]
        return self.environments.get(environment, EnvironmentRules(protected=is_last))


_TEXTS = "a list of texts"
_PROJECT_SHAPE: dict[str, Any] = {
    "app": str,
    "target": str,
    "pipeline": _TEXTS,
    "watch": {"include": _TEXTS, "ignore": _TEXTS, "settle_ms": int},
    "python": {"download": bool},
    "environments": {"*": {"protected": bool}},
}
_PERSON_SHAPE: dict[str, Any] = {"theme": str, "ascii": bool, "editor": str, "keymap": {"*": str}}
_WORDS = {str: "text", int: "a whole number", bool: "true or false"}


def _misfits(value: object, shape: Any, name: str) -> list[str]:  # noqa: ANN401 - a shape is a type, a word or a table
    """What in `value` is not as `shape` says, each as a sentence that names the setting."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return [f"{name} is a table"]
        shapes = cast("dict[str, Any]", shape)
        found: list[str] = []
        for key, inner in cast("dict[str, object]", value).items():
            place = f"{name}.{key}".lstrip(".")
            expected = shapes.get(key, shapes.get("*"))
            found += [f"no setting is called {place}"] if expected is None else _misfits(inner, expected, place)
        return found
    if shape == _TEXTS:
        items = cast("list[object]", value) if isinstance(value, list) else [None]
        is_right = all(isinstance(item, str) and item for item in items)
        return [] if is_right else [f"{name} is {_TEXTS}"]
    is_right = isinstance(value, shape) and (shape is not int or not isinstance(value, bool))
    return [] if is_right else [f"{name} is {_WORDS[shape]}"]


def _pipeline(value: object) -> tuple[tuple[str, ...], list[str]]:
    """The stages, and why they are not those of the file."""
    stages = _texts(value)
    if value is None or _misfits(value, _TEXTS, "pipeline"):
        return DEFAULT_PIPELINE, []
    if not stages or len(set(stages)) != len(stages):
        return DEFAULT_PIPELINE, ["pipeline names each of its environments once, and one at least"]
    return stages, []


def _table(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in cast("list[object]", value)) if isinstance(value, list) else ()


def _read_toml(path: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The file's content, or nothing and what is wrong with it. A missing file is nothing and no problem."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), ()
    except FileNotFoundError:
        return {}, ()
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, (f"{path}: {error}",)


def _rules(tables: dict[str, Any], stages: tuple[str, ...]) -> dict[str, EnvironmentRules]:
    last = stages[-1] if len(stages) > 1 else None
    return {
        name: EnvironmentRules(protected=bool(_table(table).get("protected", name == last)))
        for name, table in tables.items()
    }


def read_settings(
    project: Path,
    environ: Mapping[str, str],
    *,
    app: str | None = None,
    target: str | None = None,
) -> Settings:
    """Read every source once. `app` and `target` are the flags; None leaves them to the other sources."""
    home = find_home(environ)
    root = project.expanduser().absolute()
    person, person_problems = _read_toml(home.settings_file)
    pyproject, project_problems = _read_toml(root / "pyproject.toml")
    table = _table(_table(pyproject.get("tool")).get("flash-tui"))
    watch = _table(table.get("watch"))
    stages, pipeline_problems = _pipeline(table.get("pipeline"))
    misfits = [
        *(f"{home.settings_file}: {misfit}" for misfit in _misfits(person, _PERSON_SHAPE, "")),
        *(
            f"{root / 'pyproject.toml'}: {misfit}"
            for misfit in (*_misfits(table, _PROJECT_SHAPE, ""), *pipeline_problems)
        ),
    ]
    settle = watch.get("settle_ms")
    settings = Settings(
        home=home,
        project=root,
        app=app or environ.get("FLASH_TUI_APP") or str(table.get("app") or root.name),
        target=target or environ.get("FLASH_TUI_TARGET") or str(table.get("target") or LOCAL_TARGET),
        pipeline=Pipeline(stages),
        environments=_rules(_table(table.get("environments")), stages),
        watch=WatchSettings(
            include=_texts(watch.get("include")),
            ignore=_texts(watch.get("ignore")),
            settle_ms=settle if isinstance(settle, int) else None,
        ),
        python_download=bool(_table(table.get("python")).get("download", False)),
        problems=(*person_problems, *project_problems, *misfits),
    )
    return _with_person(settings, person, environ)


def _with_person(settings: Settings, person: dict[str, Any], environ: Mapping[str, str]) -> Settings:
    theme = environ.get("FLASH_TUI_THEME") or person.get("theme")
    return replace(
        settings,
        theme=str(theme) if theme else None,
        ascii=bool(environ.get("FLASH_TUI_ASCII") or person.get("ascii", False)),
        keymap={str(name): str(keys) for name, keys in _table(person.get("keymap")).items()},
        editor=str(person["editor"]) if person.get("editor") else environ.get("VISUAL") or environ.get("EDITOR"),
    )
