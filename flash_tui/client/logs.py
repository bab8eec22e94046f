"""Following logs: what was written, then what is being written, each line once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

import anyio

from flash_tui.client import limits
from flash_tui.client.dialect import Dialect
from flash_tui.models.events import LogsWritten, StreamReset
from flash_tui.models.log import LogLine

_MOST_LINES = 10_000


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines. None: all of that kind."""

    app: str
    environment: str | None = None
    endpoint: str | None = None
    since: datetime | None = None

    def fits(self, line: LogLine) -> bool:
        return (
            line.app == self.app
            and self.environment in {None, line.environment}
            and self.endpoint in {None, line.endpoint}
            and (self.since is None or line.at >= self.since)
        )


async def follow_logs(dialect: Dialect, query: LogQuery) -> AsyncGenerator[LogLine]:
    """Lines since `query.since` (None: from now on), then as they are written. Never ends by itself.

    Lines that did not fit into an event are read from the log.

    Raises:
        TargetUnreachable: the connection was lost.
    """
    seen = _Seen(query.since)
    while True:
        cursor = (await dialect.state(query.app)).cursor
        if seen.last is not None:
            for line in seen.new(await _read(dialect, query, seen.last)):
                yield line
        async with aclosing(_batches(dialect, query, cursor, seen)) as batches:
            async for lines in batches:
                for line in seen.new(filter(query.fits, lines)):
                    yield line


async def _batches(dialect: Dialect, query: LogQuery, cursor: int, seen: _Seen) -> AsyncGenerator[tuple[LogLine, ...]]:
    """Lines as events bring them, until the stream cannot be followed any further from its cursor."""
    if not dialect.announces_logs:
        async for lines in _polled(dialect, query, seen):
            yield lines
    async with aclosing(dialect.events(cursor, query.app)) as events:
        async for _, event in events:
            if isinstance(event, StreamReset):
                return
            if isinstance(event, LogsWritten):
                missed = event.dropped and seen.last is not None
                yield await _read(dialect, query, seen.last) if missed else event.lines


async def _polled(dialect: Dialect, query: LogQuery, seen: _Seen) -> AsyncGenerator[tuple[LogLine, ...]]:
    """Never ends by itself."""
    since = seen.last or datetime.now(UTC)
    while True:
        await anyio.sleep(limits.LOG_POLL_S)
        yield await _read(dialect, query, seen.last or since)


async def _read(dialect: Dialect, query: LogQuery, since: datetime | None) -> tuple[LogLine, ...]:
    return await dialect.logs(query.app, query.environment, query.endpoint, since, _MOST_LINES)


class _Seen:
    """Tells new lines from those that came by the other way. Lines of one instant are kept, as they may come twice."""

    def __init__(self, since: datetime | None) -> None:
        self.last = since
        """Nothing older is missing."""
        self._recent: dict[LogLine, None] = {}

    def new(self, lines: Iterable[LogLine]) -> Iterator[LogLine]:
        for line in lines:
            if line in self._recent:
                continue
            self._recent[line] = None
            if len(self._recent) > _MOST_LINES:
                del self._recent[next(iter(self._recent))]
            self.last = line.at if self.last is None else max(self.last, line.at)
            yield line
