from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace

import pytest

from flash_tui.build.builder import Builder
from flash_tui.runtime import pins
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import LayerStore
from flash_tui.runtime.zygote import LayerPair, Zygote
from tests.projects import settings_for

OpenBuilder = Callable[..., Builder]


@pytest.fixture(scope="session")
async def layers(layer_store_folder: Path) -> Path:
    """The shared layer store, with the newest base layer in it."""
    await LayerStore(layer_store_folder).base(pins.NEWEST, own_interpreter())
    return layer_store_folder


class Lent:
    """A warm interpreter that its borrowers cannot end."""

    def __init__(self, zygote: Zygote) -> None:
        self._zygote = zygote

    def __getattr__(self, name: str) -> object:
        return getattr(self._zygote, name)

    async def aclose(self) -> None:
        pass


@pytest.fixture(scope="session")
async def interpreters(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Callable[..., Awaitable[object]]]:
    """In the place of `Zygote.start`: one warm interpreter per pair of layers for all tests."""
    running: dict[LayerPair, Zygote] = {}

    async def lend(pair: LayerPair, *_: object) -> object:
        if pair not in running:
            running[pair] = await Zygote.start(pair, tmp_path_factory.mktemp("zygote"), dict(os.environ))
        return Lent(running[pair])

    yield lend
    for zygote in running.values():
        await zygote.aclose()


@pytest.fixture
def own_interpreters() -> None:
    """For tests whose subject is the life of an interpreter."""


@pytest.fixture
async def open_builder(
    layers: Path,
    tmp_path: Path,
    interpreters: Callable[..., Awaitable[object]],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Callable[..., Builder]]:
    """Makes builders of a project folder; all are closed at the test's end.

    They share interpreters, except in tests marked `usefixtures("own_interpreters")`.
    """
    if "own_interpreters" not in request.fixturenames:
        monkeypatch.setattr("flash_tui.build.discover.Zygote", SimpleNamespace(start=interpreters))
    async with AsyncExitStack() as stack:

        def opened(root: Path, *, target: str = "local", python: str | None = None, layers: Path = layers) -> Builder:
            builder = Builder(settings_for(root, tmp_path / "home", layers, target=target), python=python)
            stack.push_async_exit(builder)
            return builder

        yield opened
