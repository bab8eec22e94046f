"""Folders of artifacts: made read-only, removed whatever workers did to them, and what a disk says in our words."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from flash_tui.models.errors import FlashTuiError


@contextmanager
def disk_errors(what: str) -> Generator[None]:
    """A full disk, a folder that may not be written: said with what could not be done."""
    try:
        yield
    except OSError as error:
        hint = "free the disk, or set FLASH_TUI_HOME to a folder that can be written"
        reason = error.strerror or type(error).__name__
        raise FlashTuiError(f"{what}: {reason}", where=str(error.filename or ""), hint=hint) from error


def protect(folder: Path) -> None:
    """Files become read-only: a worker that writes into its own code would change it for all others."""
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            path.chmod(path.stat().st_mode & ~0o222)


def remove(folder: Path) -> None:
    """A folder of ours with all that is in it, or nothing; workers may have changed the modes in it."""
    if not folder.is_dir():
        return
    folder.chmod(stat.S_IRWXU)
    for place, names, _ in os.walk(folder):
        for path in (Path(place) / name for name in names):
            if not path.is_symlink():
                path.chmod(stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)


def changed_at(place: Path) -> float:
    """Unix seconds; never, if it is gone meanwhile."""
    try:
        return place.lstat().st_mtime
    except FileNotFoundError:
        return float("inf")
