"""`init`, `build` and `demo`: what begins with a folder."""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path

from flash_tui.cli.options import Invocation
from flash_tui.models.errors import UsageError

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
    tell_template(invocation, folder, written, kept)
    return 0


def tell_template(invocation: Invocation, folder: Path, written: list[str], kept: list[str]) -> None:
    """Say what was written where, and what to do with it."""
    output = invocation.output
    output.say(f"project: {folder}")
    for name in written:
        output.say(f"  wrote  {name:<18}{TEMPLATE[name]}")
    for name in kept:
        output.say(f"  kept   {name:<18}it was there")
    if invocation.arguments.handler.endswith(":init"):
        output.say(f"next: flash-tui {'' if folder == Path.cwd() else folder}".rstrip())
