"""`init`, `build` and `demo`: what begins with a folder."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path

from flash_tui.cli.options import Invocation
from flash_tui.models.errors import UsageError
from flash_tui.models.human import short_digest, size
from flash_tui.settings import read_settings

TEMPLATE: dict[str, str] = {
    "cpu_worker.py": "a queue endpoint",
    "lb_worker.py": "a load-balanced endpoint with two routes",
    "words.py": "what they share",
    "requirements.txt": "what they import",
    "pyproject.toml": "settings",
    ".gitignore": "what is neither kept nor shipped",
    "README.md": "what to try",
}
"""The files of the sample project, in the order in which they are named, and what each is."""


def write_template(folder: Path) -> tuple[list[str], list[str]]:
    """Write the sample project's files that are not there yet: (written, kept).

    Raises:
        UsageError: the folder cannot be written.
    """
    source = resources.files("flash_tui.cli") / "template"
    written: list[str] = []
    kept: list[str] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in TEMPLATE:
            text = (source / name.removeprefix(".")).read_text(encoding="utf-8")
            try:
                with (folder / name).open("x", encoding="utf-8") as file:
                    file.write(text.replace("{{project}}", _project_name(folder)))
            except FileExistsError:
                kept.append(name)
            else:
                written.append(name)
    except OSError as error:
        raise UsageError(
            f"the sample project cannot be written: {error.strerror}", where=str(error.filename or folder)
        ) from error
    return written, kept


def _project_name(folder: Path) -> str:
    """The folder's name as packaging allows it."""
    return re.sub(r"[^A-Za-z0-9]+", "-", folder.absolute().name).strip("-").lower() or "flash-app"


def init(invocation: Invocation) -> int:
    output = invocation.output
    folder = Path(invocation.arguments.directory).expanduser().absolute()
    written, kept = write_template(folder)
    if output.as_json:
        output.document({"project": str(folder), "written": written, "kept": kept})
        return 0
    _tell_template(invocation, folder, written, kept)
    output.say(f"next: flash-tui {'' if folder == Path.cwd() else folder}".rstrip())
    return 0


def _tell_template(invocation: Invocation, folder: Path, written: list[str], kept: list[str]) -> None:
    """Say what was written where."""
    output = invocation.output
    output.say(f"project: {folder}")
    for name in written:
        output.say(f"  wrote  {name:<18}{TEMPLATE[name]}")
    for name in kept:
        output.say(f"  kept   {name:<18}it was there")


async def build(invocation: Invocation) -> int:
    """Write the artifact and the manifest. No platform takes part."""
    from flash_tui.build.builder import Builder, write_outputs  # noqa: PLC0415 - `init` has no use for it
    from flash_tui.cli.progress import Progress, timings_line  # noqa: PLC0415 - the same

    output, settings = invocation.output, invocation.settings
    wanted: Path | None = invocation.arguments.output
    place = None if wanted is None else Path.cwd() / wanted
    async with Builder(settings) as builder:
        prepared = await builder.build(Progress(output))
        built = await write_outputs(prepared, settings.project, place)
    if output.as_json:
        output.document(built)
        return 0
    output.line(built.path)
    output.say(f"{size(built.size_bytes)}, {short_digest(built.digest)}: {', '.join(built.resources)}")
    output.say(f"  {timings_line(built.timings_ms)}")
    return 0


def demo(invocation: Invocation) -> int:
    """The sample project, made if it is not there, deployed to the first environment, and opened in the UI.

    A second `demo` of the same folder goes on with what is there, whatever became of it.
    """
    import anyio  # noqa: PLC0415 - `init` has no use for it

    from flash_tui.cli.deploy import deploy_project, tell  # noqa: PLC0415 - the same

    arguments, output = invocation.arguments, invocation.output
    folder = Path(arguments.directory).expanduser().absolute()
    if _is_empty(folder):
        written, kept = write_template(folder)
        _tell_template(invocation, folder, written, kept)
    else:
        output.say(f"project: {folder} (it was there)")
    settings = read_settings(folder, os.environ, target=getattr(arguments, "target", None))
    here = replace(invocation, settings=settings)
    environment = settings.pipeline.first
    result = anyio.run(deploy_project, here, environment)
    code = tell(here, result)
    if arguments.no_tui or not (sys.stdin.isatty() and sys.stdout.isatty()):
        output.say(f"open it: flash-tui {folder}")
        return code
    from flash_tui.tui.app import run  # noqa: PLC0415 - textual

    return run(settings, environment=environment, watch=True, read_only=False)


def _is_empty(folder: Path) -> bool:
    """Whether nothing of a person's is in it, or there is no such folder."""
    try:
        return all(entry.name.startswith(".") for entry in folder.iterdir())
    except FileNotFoundError:
        return True
    except OSError as error:
        raise UsageError(f"{folder} cannot be used: {error.strerror}", where=str(folder)) from error
