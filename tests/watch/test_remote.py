"""A watch as its user has it: a child of its own, or another's that runs already."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import anyio
import pytest

from flash_tui.models.watch_events import WatchEvent
from flash_tui.settings import Settings, read_settings
from flash_tui.watch.control import is_watched
from flash_tui.watch.remote import Watch

pytestmark = pytest.mark.anyio
DEADLINE_S = 60


class Taker:
    """A watch, and what it has told."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.events: list[str] = []
        self._told = anyio.Event()

    def take(self, event: WatchEvent) -> None:
        self.events.append(event.event)
        self._told.set()
        self._told = anyio.Event()

    async def until(self, event: str) -> None:
        with anyio.fail_after(DEADLINE_S):
            while event not in self.events:
                await self._told.wait()


@pytest.fixture
def project_settings(platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    root = tmp_path / f"remote-{uuid4().hex[:8]}"
    root.mkdir()
    (root / "api.py").write_text("x = 1\n")
    monkeypatch.setenv("FLASH_TUI_HOME", str(platform.home.root))
    monkeypatch.setenv("FLASH_TUI_LAYERS", str(platform.home.layers))
    return read_settings(root, {"FLASH_TUI_HOME": str(platform.home.root)})


@asynccontextmanager
async def taking(settings: Settings) -> AsyncGenerator[Taker]:
    taker = Taker(Watch(settings, "dev", target_was_named=False))
    async with anyio.create_task_group() as group:
        group.start_soon(taker.watch.run, taker.take)
        yield taker
        group.cancel_scope.cancel()


async def test_a_child_is_started_obeys_and_ends_with_us(project_settings: Settings) -> None:
    async with taking(project_settings) as mine:
        await mine.until("ready")
        assert mine.watch.is_child
        assert await mine.watch.send("pause")
        await mine.until("paused")
    assert not is_watched(project_settings, "dev")


async def test_a_watch_that_runs_is_joined_and_followed_when_it_ends(project_settings: Settings) -> None:
    async with anyio.create_task_group() as group:
        async with taking(project_settings) as first:
            await first.until("ready")
            second = Taker(Watch(project_settings, "dev", target_was_named=False))
            group.start_soon(second.watch.run, second.take)
            await second.until("ready")
            assert not second.watch.is_child
            assert await second.watch.send("pause")
            await first.until("paused")
            await second.until("paused")
            second.events.clear()
        await second.until("ready")
        assert second.watch.is_child
        group.cancel_scope.cancel()
