"""Lifecycles that tests share. Fixtures of one package live beside its tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings


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
