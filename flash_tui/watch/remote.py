"""The watch as its user sees it: start one as a child, or join the one that runs; read its events, tell it what to do.

Loads neither watchfiles nor the builder: the terminal UI uses this.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.abc import Process
from pydantic import ValidationError

from flash_tui.models.watch_events import WatchEvent
from flash_tui.settings import Settings
from flash_tui.watch.control import is_watched, send_command
from flash_tui.watch.journal import follow_journal

GRACE_S = 5.0
MAX_LINE_BYTES = 4_000_000
FIRST_RESTART_S, LONGEST_RESTART_S = 0.5, 30.0
LOOK_S = 1.0


class Watch:
    """One environment's watch, wherever it runs."""

    def __init__(self, settings: Settings, environment: str, *, target_was_named: bool) -> None:
        self._settings = settings
        self._environment = environment
        self._target_was_named = target_was_named
        self.is_child = False
        """Whether the watch is ours, and ends with us."""

    async def run(self, take: Callable[[WatchEvent], None]) -> None:
        """Give each event to `take`, until cancelled: a watch that ends is followed by a new child.

        Joined to another process's watch, the events begin at that watch's start.
        """
        restart_s = FIRST_RESTART_S
        while True:
            started_at = time.monotonic()
            if await anyio.to_thread.run_sync(is_watched, self._settings, self._environment):
                self.is_child = False
                await self._join(take)
                continue
            self.is_child = True
            await self._run_child(take)
            if time.monotonic() - started_at > LONGEST_RESTART_S:
                restart_s = FIRST_RESTART_S
            await anyio.sleep(restart_s)
            restart_s = min(2 * restart_s, LONGEST_RESTART_S)

    async def send(self, command: str) -> bool:
        """Say `pause`, `resume`, `deploy` or `cancel`; False if nobody listens."""
        return await send_command(self._settings, self._environment, command)

    async def _run_child(self, take: Callable[[WatchEvent], None]) -> None:
        log = self._settings.home.watch_journal(self._settings.project, self._environment).with_suffix(".log")
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        async with _process(self._command(), log) as process:
            assert process.stdout is not None
            buffer = b""
            async for data in process.stdout:
                *lines, buffer = (buffer + data).split(b"\n")
                for event in filter(None, map(_parse, lines)):
                    take(event)
                buffer = buffer[-MAX_LINE_BYTES:]

    def _command(self) -> list[str]:
        settings = self._settings
        words = [sys.executable, "-m", "flash_tui", "watch", str(settings.project), "--json", "--child"]
        words += ["--env", self._environment, "--app", settings.app]
        # Unless a person named it, the target stays the project's: a watch of the cloud must be asked for by name.
        return [*words, "--target", settings.target] if self._target_was_named else words

    async def _join(self, take: Callable[[WatchEvent], None]) -> None:
        """The events of another process's watch, until that process is gone."""
        journal = self._settings.home.watch_journal(self._settings.project, self._environment)
        async with anyio.create_task_group() as group:
            group.start_soon(self._until_gone, group.cancel_scope)
            async for event in follow_journal(journal):
                take(event)

    async def _until_gone(self, scope: anyio.CancelScope) -> None:
        # Another process's lock is freed without a word.
        while await anyio.to_thread.run_sync(is_watched, self._settings, self._environment):  # noqa: ASYNC110
            await anyio.sleep(LOOK_S)
        scope.cancel()


def _parse(line: bytes) -> WatchEvent | None:
    try:
        return WatchEvent.model_validate_json(line)
    except ValidationError:
        return None


@asynccontextmanager
async def _process(command: list[str], log: Path) -> AsyncGenerator[Process]:
    """A child that ends when its standard input does; killed if it does not, and reaped in any case."""
    with log.open("ab") as stderr:
        process = await anyio.open_process(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,
            env=os.environ,
        )
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            if process.stdin is not None:
                with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await process.stdin.aclose()
            with anyio.move_on_after(GRACE_S):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            await process.aclose()
