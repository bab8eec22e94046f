"""Requirements → exact versions, kept by their inputs: a save, or an unchanged build, starts no uv and asks no network.

The pins of the newest base layer are preferences: what a project leaves open comes out as the worker image has it, and
is most likely in uv's cache already. What the official tool leaves out for its size is overridden away with all it
brings.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast

import anyio

from flash_tui.models.errors import BuildFailed
from flash_tui.runtime import pins
from flash_tui.runtime.archive import written_aside
from flash_tui.runtime.interpreters import Interpreter
from flash_tui.runtime.packing import EXCLUDED
from flash_tui.runtime.uv import Report, UvFailed, explain, run_uv, write_lines

RESOLVE_LIMIT_S = 300.0
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Resolution:
    """What requirements come to on one platform."""

    pins: tuple[str, ...]
    """`name==version`, sorted."""

    @property
    def sdk_version(self) -> str | None:
        """The version of runpod-flash among them."""
        prefix = f"{pins.SDK}=="
        return next((pin.removeprefix(prefix) for pin in self.pins if pin.startswith(prefix)), None)


def platform_options(interpreter: Interpreter) -> list[str]:
    """The options of uv that make it choose wheels for the interpreter's platform.

    On Linux those that Flash's images take, too. Source: runpod_flash `cli/commands/build.py:RUNPOD_PLATFORMS`.
    """
    target = interpreter.platform
    system = {"linux": f"{target.architecture}-manylinux_2_28", "macos": f"{target.architecture}-apple-darwin"}
    named = system.get(target.os)
    return ["--python-version", target.python, *(["--python-platform", named] if named else [])]


class Resolver:
    """Resolves, and remembers in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def resolve(self, requirements: Sequence[str], interpreter: Interpreter, report: Report) -> Resolution:
        if not requirements:
            return Resolution(())
        for line in requirements:
            _check(line)
        place = self._folder / f"{_key(requirements, interpreter)}.json"
        kept = _read(place)
        if kept is not None:
            return kept
        report(f"resolving {len(requirements)} requirement{'' if len(requirements) == 1 else 's'} …")
        resolution = await self._ask(requirements, interpreter)
        await anyio.to_thread.run_sync(_keep, place, resolution)
        return resolution

    async def _ask(self, requirements: Sequence[str], interpreter: Interpreter) -> Resolution:
        with tempfile.TemporaryDirectory(prefix="flash-tui-") as folder:
            asked = write_lines(Path(folder, "requirements.txt"), requirements)
            never = write_lines(Path(folder, "left-out.txt"), [f"{name}; python_version < '0'" for name in EXCLUDED])
            answer = write_lines(Path(folder, "resolved.txt"), pins.pins(pins.NEWEST).splitlines())
            command = ["pip", "compile", str(asked), "--override", str(never), "--output-file", str(answer)]
            command += ["--no-header", "--no-annotate", "--no-build", "--quiet", "--no-emit-index-url"]
            command += ["--no-emit-find-links", "--python", str(interpreter.path), *platform_options(interpreter)]
            try:
                await run_uv(command, limit_s=RESOLVE_LIMIT_S)
            except UvFailed as failure:
                await self._ask_offline(command, failure)
            lines = answer.read_text(encoding="utf-8").splitlines()
        return Resolution(tuple(sorted(line.strip() for line in lines if line.strip() and not line.startswith("#"))))

    async def _ask_offline(self, command: list[str], failure: UvFailed) -> None:
        """Without an index, what uv's cache knows may do."""
        trouble = explain(failure, "the requirements cannot be resolved", where="requirements.txt")
        if not failure.is_network:
            raise trouble from failure
        try:
            await run_uv([*command, "--offline"], limit_s=RESOLVE_LIMIT_S)
        except UvFailed:
            raise trouble from failure


def _check(line: str) -> None:
    """Refuse what the official build cannot take either: it hands each line to pip as one argument."""
    if line.startswith("-"):
        raise BuildFailed(
            f"the line {line!r} is an option, and a Flash build takes packages only",
            where="requirements.txt",
            hint="write the packages themselves into requirements.txt",
            file="requirements.txt",
        )
    if "\n" in line or "\0" in line:
        raise BuildFailed("a requirement holds a line break", where=repr(line)[:200], hint="write one package a line")


def _key(requirements: Sequence[str], interpreter: Interpreter) -> str:
    content = [_FORMAT, interpreter.tag, str(interpreter.platform), *EXCLUDED, pins.pins(pins.NEWEST), *requirements]
    return sha256(json.dumps(content).encode()).hexdigest()


def _read(place: Path) -> Resolution | None:
    try:
        lines: object = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return None
    return Resolution(tuple(map(str, cast("list[object]", lines)))) if isinstance(lines, list) else None


def _keep(place: Path, resolution: Resolution) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(place) as stream:
        stream.write(json.dumps(resolution.pins).encode())


def normalised_name(requirement: str) -> str:
    """The package that a requirement names: `runpod-flash` of `Runpod_Flash[x]>=1`."""
    found = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    return re.sub(r"[-_.]+", "-", found[0]).lower() if found else ""
