"""Where a project's own virtual environment keeps its packages."""

from __future__ import annotations

from pathlib import Path

_FOLDERS = (".venv", "venv", "env")
"""As the official ignore rules name them."""


def own_packages(root: Path, python: tuple[int, int]) -> Path | None:
    """The `site-packages` for that Python in the project at `root`; None if it has none. Blocks (a few stats)."""
    for name in _FOLDERS:
        folder = root / name / "lib" / f"python{python[0]}.{python[1]}" / "site-packages"
        if folder.is_dir():
            return folder
    return None
