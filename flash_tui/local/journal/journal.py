"""Events and log lines: kept for a while, fanned out to whoever follows.

Events live in one ring. A subscriber is a cursor into it and nothing else, so a slow one costs nothing: what the ring
has dropped before it was read is told as one `reset`, which means "read the whole state again". Cursors begin at the
time the platform started, in microseconds, so a cursor of an earlier life is always too old, never mistaken.

Log lines are put on disk and published in batches, at most thirty a second however much the workers print.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskStatus

from flash_tui.local.journal.log_archive import LogArchive, LogQuery
from flash_tui.local.workers.worker import Bell
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.events import (
    AppChanged,
    AppGone,
    BuildChanged,
    DeploymentChanged,
    EnvironmentChanged,
    EnvironmentGone,
    Event,
    LogsWritten,
    StreamReset,
)
from flash_tui.models.log import LogLine

RING_EVENTS = 4_096
RING_LOG_CHARS = 32 << 20
"""Of all log lines in the ring together."""
BATCH_INTERVAL_S = 1 / 30
BATCH_LINES = 200
BATCH_CHARS = 256 << 10
"""A batch holds at most so much; the rest is `dropped` from the stream and is in the log all the same."""
PENDING_LINES = 20_000
"""Lines waiting for the disk; beyond, the newest are lost and a line says how many."""


@dataclass(frozen=True, slots=True)
class _Entry:
    cursor: int
    event: Event
    chars: int


@dataclass(eq=False, slots=True)
class _Pending:
    """Lines that came since the last batch."""

    lines: list[LogLine] = field(default_factory=list[LogLine])
    lost: int = 0
    bell: Bell = field(default_factory=Bell)


def app_of(event: Event) -> str | None:
    """The app that an event is about; None for one that concerns all."""
    match event:
        case AppChanged():
            return event.app.name
        case AppGone() | EnvironmentGone():
            return event.app
        case EnvironmentChanged():
            return event.environment.app
        case BuildChanged():
            return event.build.app
        case DeploymentChanged():
            return event.deployment.app
        case LogsWritten() | StreamReset():
            return None


def _narrowed(event: Event, app: str) -> Event | None:
    """What of `event` concerns `app`."""
    if isinstance(event, LogsWritten):
        lines = tuple(line for line in event.lines if line.app == app)
        return event.model_copy(update={"lines": lines}) if lines else None
    about = app_of(event)
    return event if about is None or about == app else None


class Subscription:
    """An endless iterator over (cursor, event). A step that is cancelled is taken again the next time."""

    def __init__(self, journal: Journal, cursor: int, app: str | None) -> None:
        self._journal = journal
        self._cursor = cursor
        self._app = app

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> tuple[int, Event]:
        while True:
            self._cursor, event = await self._journal.behind(self._cursor)
            wanted = event if self._app is None else _narrowed(event, self._app)
            if wanted is not None:
                return self._cursor, wanted


class Journal:
    """The platform's one journal."""

    def __init__(
        self, archive: LogArchive, clean: Callable[[str], str] = str, *, first_cursor: int | None = None
    ) -> None:
        self._archive = archive
        self._clean = clean
        """Hides secrets; applied to every line before anything else sees it."""
        self._first = time.time_ns() // 1000 if first_cursor is None else first_cursor
        self._last = self._first
        self._ring: deque[_Entry] = deque()
        self._ring_chars = 0
        self._bell = Bell()
        self._pending = _Pending()
        self._turn = anyio.Lock()

    # --- events

    @property
    def cursor(self) -> int:
        """Of the last event; a subscriber that begins here sees all that comes after."""
        return self._last

    def publish(self, event: Event) -> int:
        """Append an event and wake all subscribers; returns its cursor."""
        self._last += 1
        chars = sum(len(line.text) for line in event.lines) if isinstance(event, LogsWritten) else 0
        self._ring.append(_Entry(self._last, event, chars))
        self._ring_chars += chars
        while len(self._ring) > RING_EVENTS or (self._ring_chars > RING_LOG_CHARS and len(self._ring) > 1):
            self._ring_chars -= self._ring.popleft().chars
        self._bell.ring()
        return self._last

    def subscribe(self, after: int | None = None, app: str | None = None) -> Subscription:
        """Events behind the cursor `after` (None: from now on), of one app or of all, as they come; never ends.

        A cursor that is unknown, or so old that events are missing, gives one `StreamReset` and goes on from now.
        """
        return Subscription(self, self._last if after is None else after, app)

    async def behind(self, cursor: int) -> tuple[int, Event]:
        """The event behind `cursor`, waiting for it if need be, or `StreamReset` and where to go on."""
        oldest = self._ring[0].cursor if self._ring else self._last + 1
        if not max(oldest - 1, self._first) <= cursor <= self._last:
            return self._last, StreamReset()
        while cursor == self._last:
            await self._bell.wait()
        oldest = self._ring[0].cursor
        if cursor < oldest - 1:  # a burst came between the bell and this task's turn
            return self._last, StreamReset()
        entry = self._ring[cursor + 1 - oldest]  # cursors in the ring are consecutive
        return entry.cursor, entry.event

    # --- logs

    def log(self, line: LogLine) -> None:
        """Take in a line; it is on disk and with all subscribers within a thirtieth of a second."""
        if len(self._pending.lines) >= PENDING_LINES:
            self._pending.lost += 1
            return
        self._pending.lines.append(line.model_copy(update={"text": self._clean(line.text)}))
        self._pending.bell.ring()

    async def logs(self, query: LogQuery) -> tuple[LogLine, ...]:
        """Oldest first, the newest `query.limit` of those that match, all that were taken in so far among them."""
        await self.flush()
        return await self._archive.read(query)

    async def flush(self) -> None:
        """Put on disk and publish what waits.

        Raises:
            FlashTuiError: the log file cannot be written; the lines were published all the same.
        """
        async with self._turn:
            lines, lost = self._pending.lines, self._pending.lost
            self._pending.lines, self._pending.lost = [], 0
            if not lines:
                return
            if lost:
                note = f"{lost} lines were lost: they came faster than the disk took them"
                lines.append(lines[-1].model_copy(update={"stream": "system", "text": note}))
            self.publish(_batch(lines))
            try:
                with anyio.CancelScope(shield=True):  # they are in no list any more
                    await self._archive.write(lines)
            except FlashTuiError:
                self._pending.lost += len(lines)
                raise

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Write batches until cancelled; what waits then is still written."""
        task_status.started()
        try:
            while True:
                while not self._pending.lines:
                    await self._pending.bell.wait()
                await self._try_flush()
                await anyio.sleep(BATCH_INTERVAL_S)
        finally:
            with anyio.CancelScope(shield=True):
                await self._try_flush()
                await self._archive.aclose()

    async def _try_flush(self) -> None:
        """A full disk is said with the next line that can be written again."""
        with suppress(FlashTuiError):
            await self.flush()


def _batch(lines: list[LogLine]) -> LogsWritten:
    """The newest lines that fit one event."""
    kept: list[LogLine] = []
    chars = 0
    for line in reversed(lines[-BATCH_LINES:]):
        chars += len(line.text)
        if kept and chars > BATCH_CHARS:
            break
        kept.append(line)
    return LogsWritten(lines=tuple(reversed(kept)), dropped=len(lines) - len(kept))
