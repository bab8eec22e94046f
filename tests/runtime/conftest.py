"""One warm interpreter for all tests of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from flash_tui.runtime.zygote import LayerPair, Zygote


@pytest.fixture(scope="session")
async def zygote(layer_pair: LayerPair, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Zygote]:
    zygote = await Zygote.start(layer_pair, tmp_path_factory.mktemp("scratch"))
    yield zygote
    await zygote.aclose()


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    """An unpacked build without files."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder
