"""The service against the real builder and the real platform."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import anyio
import pytest

from flash_tui.api import Client
from flash_tui.models.errors import Conflict, UsageError
from flash_tui.models.watch_events import WatchEvent
from flash_tui.settings import Settings, read_settings
from flash_tui.watch.control import is_watched, send_command
from flash_tui.watch.service import run_watch

pytestmark = pytest.mark.anyio
DEADLINE_S = 60
STORM_S = 4.0
APP = """\
from runpod_flash import Endpoint

from greeting import WORD

api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 1))


@api.get("/word")
async def word() -> dict:
    return {"word": WORD}
"""


class Bench:
    """One project and what its watch says."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.events: list[WatchEvent] = []
        self._told = anyio.Event()

    def take(self, event: WatchEvent) -> None:
        self.events.append(event)
        self._told.set()
        self._told = anyio.Event()

    def save(self, word: str, name: str = "greeting.py") -> None:
        (self.settings.project / name).write_text(f"WORD = {word!r}\n")

    async def until(self, event: str, after: int = 0) -> WatchEvent:
        """The first such event behind the first `after` ones."""
        with anyio.fail_after(DEADLINE_S):
            while not (found := [seen for seen in self.events[after:] if seen.event == event]):
                await self._told.wait()
        return found[0]

    async def saved(self, word: str, event: str = "live") -> WatchEvent:
        """Save, and wait for what comes of it."""
        seen = len(self.events)
        self.save(word)
        return await self.until(event, after=seen)

    async def word(self) -> object:
        async with Client(self.settings) as client:
            answer = await client.call("api", route="GET /word")
        return answer.output


@pytest.fixture
def bench(platform, tmp_path: Path) -> Bench:
    root = tmp_path / f"watched-{uuid4().hex[:8]}"
    root.mkdir()
    (root / "api.py").write_text(APP)
    environ = {"FLASH_TUI_HOME": str(platform.home.root), "FLASH_TUI_LAYERS": str(platform.home.layers)}
    bench = Bench(read_settings(root, environ))
    bench.save("first")
    return bench


@asynccontextmanager
async def watched(bench: Bench) -> AsyncGenerator[None]:
    async with anyio.create_task_group() as group:
        seen = len(bench.events)
        group.start_soon(run_watch, bench.settings, "dev", bench.take)
        await bench.until("ready", after=seen)
        yield
        group.cancel_scope.cancel()


async def test_a_folder_goes_live_with_its_first_save_and_again_where_it_changed_meanwhile(bench: Bench) -> None:
    async with watched(bench):
        assert [event.event for event in bench.events] == ["ready"]
        live = await bench.saved("second")
        assert {"notice", "settle", "check", "discover", "pack", "upload", "boot", "health", "switch"} <= set(
            live.stages_ms or {}
        )
        assert (live.version, live.paths) == (1, ("greeting.py",))
        assert await bench.word() == {"word": "second"}
    bench.save("while nobody watched")
    seen = len(bench.events)
    async with watched(bench):
        assert (await bench.until("live", after=seen)).version == 2
        assert await bench.word() == {"word": "while nobody watched"}


async def test_what_is_broken_is_told_with_its_line_while_the_old_serves(bench: Bench) -> None:
    async with watched(bench):
        await bench.saved("good")
        seen = len(bench.events)
        (bench.settings.project / "greeting.py").write_text("WORD = (\n")
        syntax = await bench.until("failed", after=seen)
        assert syntax.error is not None
        assert (syntax.stage, syntax.error.file, syntax.error.line, syntax.version) == ("check", "greeting.py", 1, 1)
        (bench.settings.project / "greeting.py").write_text("WORD = 1 / 0\n")
        seen = len(bench.events)
        imported = await bench.until("failed", after=seen)
        assert imported.error is not None
        assert (imported.stage, imported.error.file, imported.error.line) == ("discover", "greeting.py", 1)
        assert await bench.word() == {"word": "good"}
        assert (await bench.saved("mended")).version == 2


async def test_a_rollback_pauses_the_watch_until_it_is_told_to_go_on(bench: Bench) -> None:
    async with watched(bench):
        await bench.saved("one")
        await bench.saved("two")
        async with Client(bench.settings) as client:
            await client.rollback(await client.rollback_plan("dev"))
        paused = await bench.until("paused")
        assert paused.reason == "dev was rolled back to v1"
        await bench.saved("three", event="change")
        assert await bench.word() == {"word": "one"}
        seen = len(bench.events)
        assert await send_command(bench.settings, "dev", "resume")
        await bench.until("live", after=seen)
        assert await bench.word() == {"word": "three"}


async def test_continuous_saves_go_live_on_the_way_and_the_last_one_in_the_end(bench: Bench) -> None:
    async with watched(bench):
        await bench.saved("warm")
        seen = len(bench.events)
        began, number = anyio.current_time(), 0
        while anyio.current_time() - began < STORM_S:
            number += 1
            bench.save(f"storm {number}")
            await anyio.sleep(0.05)  # the person's pace, not a wait for anything
        asked = len(bench.events)
        while await bench.word() != {"word": f"storm {number}"}:
            live = await bench.until("live", after=asked)
            asked = bench.events.index(live) + 1
    lives = [event for event in bench.events[seen:] if event.event == "live"]
    assert len(lives) >= 2
    assert not [event for event in bench.events if event.event == "failed"]


async def test_an_app_that_was_deleted_comes_back_with_the_next_save(bench: Bench) -> None:
    async with watched(bench):
        await bench.saved("one")
        async with Client(bench.settings) as client:
            await client.delete_app(bench.settings.app)
        assert (await bench.saved("two")).version == 1
        assert await bench.word() == {"word": "two"}


async def test_once_brings_the_environment_to_the_folder_and_ends(bench: Bench) -> None:
    assert await run_watch(bench.settings, "dev", bench.take, once=True) == 0
    assert bench.events[-1].event == "live"
    assert await run_watch(bench.settings, "dev", bench.take, once=True) == 0
    assert bench.events[-1].version == 1
    (bench.settings.project / "api.py").write_text("import nothing_of_this_name\n")
    assert await run_watch(bench.settings, "dev", bench.take, once=True) == 1
    assert bench.events[-1].event == "failed"


async def test_a_protected_environment_is_never_watched(bench: Bench) -> None:
    with pytest.raises(UsageError, match="production is protected"):
        await run_watch(bench.settings, "production", bench.take)


async def test_a_second_watch_is_refused_while_the_first_runs(bench: Bench) -> None:
    async with watched(bench):
        with pytest.raises(Conflict, match="being watched already"):
            await run_watch(bench.settings, "dev", bench.take)
    assert not is_watched(bench.settings, "dev")


def test_a_child_ends_when_its_standard_input_does(bench: Bench) -> None:
    home = bench.settings.home
    environ = os.environ | {"FLASH_TUI_HOME": str(home.root), "FLASH_TUI_LAYERS": str(home.layers)}
    command = [sys.executable, "-m", "flash_tui", "watch", str(bench.settings.project), "--json", "--child"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert b'"ready"' in child.stdout.readline()
        child.stdin.close()
        assert child.wait(DEADLINE_S) == 0
