"""Lifecycles that tests share. Fixtures of one package live beside its tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, settings

from flash_tui.paths import Home
from flash_tui.runtime import pins
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import LayerStore
from flash_tui.runtime.zygote import LayerPair, Zygote

# A shared machine is slow at times, which says nothing about the code.
settings.register_profile("flash-tui", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("flash-tui")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _scrubbed_environment() -> None:
    """No test sees this machine's settings, keys or proxies."""
    for name in list(os.environ):
        if name.startswith(("FLASH_", "RUNPOD_")) or name.lower().endswith("_proxy"):
            del os.environ[name]


@pytest.fixture(scope="session")
def layer_store_folder(pytestconfig: pytest.Config) -> Path:
    """One layer store for all tests and all runs: installing a layer takes seconds and the network."""
    cache = pytestconfig.cache
    assert cache is not None
    return Path(cache.mkdir("layers"))


@dataclass(frozen=True, slots=True)
class RunningPlatform:
    """The platform all tests of a run share; apps keep them apart."""

    url: str
    token: str
    home: Home

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, layer_store_folder: Path) -> Iterator[RunningPlatform]:
    """A running daemon with a home of its own; always stopped."""
    from flash_tui.client import local_platform

    home = Home(root=tmp_path_factory.mktemp("home"), layers=layer_store_folder)
    try:
        address = anyio.run(local_platform.ensure_running, home)
        yield RunningPlatform(address.url, address.token, home)
    finally:
        anyio.run(local_platform.stop, home)


@pytest.fixture(scope="session")
async def layer_pair(layer_store_folder: Path) -> LayerPair:
    """The newest base layer for the interpreter that runs the tests; no dependencies."""
    interpreter = own_interpreter()
    base = await LayerStore(layer_store_folder).base(pins.NEWEST, interpreter)
    return LayerPair(interpreter.path, base.folder)


@pytest.fixture(scope="session")
async def zygote(layer_pair: LayerPair, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Zygote]:
    """A warm interpreter over `layer_pair`. Never retired or closed by a test."""
    zygote = await Zygote.start(layer_pair, tmp_path_factory.mktemp("scratch"), dict(os.environ))
    yield zygote
    await zygote.aclose()


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    """An unpacked build without files."""
    folder = tmp_path / "app"
    folder.mkdir()
    return folder
