"""The feed against a target that comes and goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from flash_tui.models.events import EnvironmentChanged, PlatformState, StreamReset
from flash_tui.models.snapshot import LinkState, Snapshot
from flash_tui.tui import feed as feed_module
from flash_tui.tui.feed import Feed
from flash_tui.tui.store import Store
from tests.builders import APP, NOW, a_settings, an_app, an_environment
from tests.tui.fake_client import FakeTarget

pytestmark = pytest.mark.anyio
DEADLINE_S = 5.0


class Watched:
    """A store whose every snapshot is looked at."""

    def __init__(self) -> None:
        self._changed = anyio.Event()
        self.store = Store(self._publish, lambda callback: callback())

    def _publish(self, _: Snapshot) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def until(self, wanted: Callable[[Snapshot], bool]) -> Snapshot:
        with anyio.fail_after(DEADLINE_S):
            while not wanted(self.store.snapshot):
                await self._changed.wait()
        return self.store.snapshot


def a_state(build: int = 14) -> PlatformState:
    return PlatformState(cursor=1, apps=(an_app(),), environments=(an_environment("dev", build=build),))


@asynccontextmanager
async def following(monkeypatch: pytest.MonkeyPatch, target: FakeTarget) -> AsyncIterator[tuple[Watched, Feed]]:
    monkeypatch.setattr(feed_module, "Client", target.client)
    monkeypatch.setattr(feed_module, "FIRST_RETRY_S", 0.01)
    watched = Watched()
    feed = Feed(a_settings(), watched.store, lambda: NOW)
    async with anyio.create_task_group() as group:
        group.start_soon(feed.run)
        yield watched, feed
        group.cancel_scope.cancel()


def serves(snapshot: Snapshot, version: int) -> bool:
    environment = snapshot.environments.get((APP, "dev"))
    return environment is not None and environment.build is not None and environment.build.version == version


async def test_the_state_is_read_then_events_are_folded_in(monkeypatch: pytest.MonkeyPatch) -> None:
    target = FakeTarget(a_state())
    async with following(monkeypatch, target) as (watched, _):
        await watched.until(lambda one: serves(one, 14) and one.link.state is LinkState.LIVE)
        target.publish(EnvironmentChanged(environment=an_environment("dev", build=15)))
        await watched.until(lambda one: serves(one, 15))


async def test_a_target_that_goes_away_empties_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    target = FakeTarget(a_state())
    async with following(monkeypatch, target) as (watched, feed):
        await watched.until(lambda one: one.is_known)
        target.die()
        snapshot = await watched.until(lambda one: one.link.is_stale)
        assert serves(snapshot, 14)
        assert snapshot.link.since == NOW
        assert feed.client is None


async def test_a_target_that_comes_back_is_read_anew_and_said_to_be_back(monkeypatch: pytest.MonkeyPatch) -> None:
    target = FakeTarget(a_state())
    async with following(monkeypatch, target) as (watched, _):
        await watched.until(lambda one: one.is_known)
        target.die()
        await watched.until(lambda one: one.link.is_stale)
        target.state, target.is_up = a_state(16), True
        snapshot = await watched.until(lambda one: serves(one, 16))
        assert target.opened == 2
        assert snapshot.link.state is LinkState.LIVE
        await watched.until(lambda one: any("back after" in notice.text for notice in one.notices))


async def test_a_stream_that_cannot_be_resumed_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    target = FakeTarget(a_state())
    async with following(monkeypatch, target) as (watched, _):
        await watched.until(lambda one: one.is_known)
        target.state = a_state(17)
        target.publish(StreamReset())
        await watched.until(lambda one: serves(one, 17))
        assert target.opened == 1


async def test_refresh_reads_everything_now(monkeypatch: pytest.MonkeyPatch) -> None:
    target = FakeTarget(a_state())
    async with following(monkeypatch, target) as (watched, feed):
        await watched.until(lambda one: one.is_known)
        await anyio.wait_all_tasks_blocked()
        target.state = a_state(18)
        feed.retry_now()
        await watched.until(lambda one: serves(one, 18))


async def test_a_target_that_never_answered_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    target = FakeTarget(a_state())
    target.is_up = False
    async with following(monkeypatch, target) as (watched, _):
        snapshot = await watched.until(lambda one: one.link.is_stale)
        assert "local does not answer" in snapshot.link.reason
        assert not snapshot.is_known
