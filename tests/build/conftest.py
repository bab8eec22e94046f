from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from flash_tui.build.builder import Builder
from flash_tui.runtime import pins
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import LayerStore
from tests.projects import settings_for

OpenBuilder = Callable[..., Builder]


@pytest.fixture(scope="session")
async def layers(layer_store_folder: Path) -> Path:
    """The shared layer store, with the newest base layer in it."""
    await LayerStore(layer_store_folder).base(pins.NEWEST, own_interpreter())
    return layer_store_folder


@pytest.fixture
async def open_builder(layers: Path, tmp_path: Path) -> AsyncIterator[Callable[..., Builder]]:
    """Makes builders of a project folder; all are closed at the test's end."""
    async with AsyncExitStack() as stack:

        def opened(root: Path, *, app: str = "sample", target: str = "local", python: str | None = None) -> Builder:
            settings = settings_for(root, tmp_path / "home", layers, app=app, target=target)
            builder = Builder(settings, python=python)
            stack.push_async_exit(builder)
            return builder

        yield opened
