"""The watch as a child process: stdout is one event a line, stdin takes commands; it ends when that closes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import datetime

import anyio
from anyio.abc import Process
from pydantic import ValidationError

from flash_tui.models.snapshot import Notice, NoticeKind
from flash_tui.models.watch_events import WatchEvent
from flash_tui.models.watch_view import WatchPhase, WatchView
from flash_tui.settings import LOCAL_TARGET, Settings
from flash_tui.tui.store import Store

STEADY_S = 10.0
"""A child that lived this long was well; the next is started at once."""
FIRST_RETRY_S = 1.0
LAST_RETRY_S = 30.0
END_S = 5.0
MAX_LINE_BYTES = 1 << 20
LAST_WORDS = 400


class WatchChild:
    """Keeps one watch running."""

    def __init__(self, settings: Settings, environment: str | None, store: Store, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._environment = environment
        self._store = store
        self._now = now
        self._process: Process | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    async def run(self) -> None:
        """Until cancelled; a child that dies is started again, after longer and longer waits."""
        retry_s = FIRST_RETRY_S
        while True:
            self._show(WatchView(WatchPhase.STARTING, self._environment or self._settings.pipeline.first))
            began = self._now()
            words = await self._live()
            if (self._now() - began).total_seconds() > STEADY_S:
                retry_s = FIRST_RETRY_S
            self._died(words)
            await anyio.sleep(retry_s)
            retry_s = min(retry_s * 2, LAST_RETRY_S)

    async def tell(self, command: str) -> None:
        """`pause`, `resume`, `deploy` or `cancel`."""
        if self._process is not None and self._process.stdin is not None:
            try:
                await self._process.stdin.send(f"{command}\n".encode())
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return  # it is dying; the loop above starts the next one

    def _argv(self) -> list[str]:
        settings = self._settings
        argv = [sys.executable, "-m", "flash_tui", "watch", str(settings.project), "--json", "--child"]
        if self._environment is not None:
            argv += ["-e", self._environment]
        if settings.target != LOCAL_TARGET:
            argv += ["--target", settings.target]
        return [*argv, "--app", settings.app]

    async def _live(self) -> str:
        """One child's life; its last words on stderr."""
        words = bytearray()
        environ = {**os.environ, "FLASH_TUI_HOME": str(self._settings.home.root)}
        process = await anyio.open_process(
            self._argv(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._end, process)
            self._process = process
            async with anyio.create_task_group() as group:
                group.start_soon(_collect, process, words)
                await self._read(process)
        return words.decode(errors="replace").strip()

    async def _read(self, process: Process) -> None:
        assert process.stdout is not None
        rest = b""
        async for chunk in process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._heard(line)
            if len(rest) > MAX_LINE_BYTES:
                rest = b""

    def _heard(self, line: bytes) -> None:
        try:
            event = WatchEvent.model_validate_json(line)
        except ValidationError:
            return  # not ours: something printed into the stream
        self._store.apply(lambda snapshot: replace(snapshot, watch=snapshot.watch.with_event(event)))

    async def _end(self, process: Process) -> None:
        """Close its stdin, which ends it; be sure that it is gone."""
        self._process = None
        with anyio.CancelScope(shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            with anyio.move_on_after(END_S):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            await process.aclose()

    def _died(self, words: str) -> None:
        last = words.splitlines()[-1][:LAST_WORDS] if words else "the watch ended"
        watch = replace(self._store.snapshot.watch, phase=WatchPhase.OFF, reason=f"not watching: {last}")
        notice = Notice(NoticeKind.NEEDS_YOU, "The watch ended", last, "r", "deploys without it")
        self._store.apply(lambda snapshot: replace(snapshot.with_notice(notice), watch=watch))

    def _show(self, watch: WatchView) -> None:
        saves = self._store.snapshot.watch.saves
        self._store.apply(lambda snapshot: replace(snapshot, watch=replace(watch, saves=saves)))


async def _collect(process: Process, words: bytearray) -> None:
    assert process.stderr is not None
    async for chunk in process.stderr:
        words += chunk
        del words[:-4096]
