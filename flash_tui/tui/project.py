"""Whether a folder holds a Flash project: a look at the sources, nothing imported or run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

MARK = b"runpod_flash"
MOST_FILES = 2_000
MOST_BYTES = 200_000
MOST_DEPTH = 4
_SKIPPED = {"node_modules", "site-packages", "venv", "__pycache__"}


def holds_project(folder: Path) -> bool:
    """Some Python file imports the SDK. Blocking: call it in a thread."""
    return any(_mentions(path) for path, _ in zip(_sources(folder), range(MOST_FILES), strict=False))


def _sources(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        depth = len(Path(root).relative_to(folder).parts)
        folders[:] = [
            name for name in sorted(folders) if depth < MOST_DEPTH and name not in _SKIPPED and not name.startswith(".")
        ]
        yield from (Path(root) / name for name in sorted(files) if name.endswith(".py"))


def _mentions(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return MARK in file.read(MOST_BYTES)
    except OSError:
        return False
