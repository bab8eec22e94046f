"""The person's editor at a line of a file, with the screen handed over until it ends."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

from textual.app import App, SuspendNotSupported

from flash_tui.settings import Settings

PLUS_LINE = {"vi", "vim", "nvim", "nano", "emacs", "emacsclient", "kak", "micro", "joe", "ne"}


def command(editor: str, path: Path, line: int) -> list[str]:
    """The command line that opens `path` at `line`."""
    words = shlex.split(editor)
    name = Path(words[0]).name
    if name in {"code", "codium", "cursor"}:
        return [*words, "--goto", f"{path}:{line}"]
    if name in {"hx", "helix", "subl", "zed"}:
        return [*words, f"{path}:{line}"]
    return [*words, f"+{line}", str(path)] if name in PLUS_LINE else [*words, str(path)]


def edit(app: App[int], settings: Settings, path: str, line: int) -> str:
    """Open a file of the project and wait for the editor to end; why it could not be, or nothing."""
    if not settings.editor:
        return "set $EDITOR, or editor in settings.toml"
    place = (settings.project / path).resolve()
    if not place.is_relative_to(settings.project.resolve()):
        return f"{path} is not in the project"
    try:
        with app.suspend():
            subprocess.run(command(settings.editor, place, line), check=False)
    except SuspendNotSupported:
        return f"no editor can open here; the place is {path}:{line}"
    except OSError as error:
        return f"{settings.editor}: {error.strerror}"
    return ""
