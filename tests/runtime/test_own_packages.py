"""Finding a project's own packages."""

from __future__ import annotations

from pathlib import Path

from flash_tui.runtime.own_packages import own_packages


def test_only_packages_for_the_same_python_count(tmp_path: Path) -> None:
    folder = tmp_path / ".venv" / "lib" / "python3.12" / "site-packages"
    folder.mkdir(parents=True)
    assert own_packages(tmp_path, (3, 12)) == folder
    assert own_packages(tmp_path, (3, 11)) is None
