"""A home and a sample project for a story; nothing of ours runs once it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import FlashTui, until


@pytest.fixture
def flash_tui(tmp_path: Path, layer_store_folder: Path) -> Iterator[FlashTui]:
    home = tmp_path / "home"
    command = FlashTui(home=home, layers=layer_store_folder)
    yield command
    command.run("platform", "stop", code=None)
    until(lambda: not command.processes(), what="all processes of the home to end")


@pytest.fixture
def project(flash_tui: FlashTui, tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    flash_tui.run("init", str(folder))
    return folder
