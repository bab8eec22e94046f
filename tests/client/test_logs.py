"""Following logs: each line once, whichever way it came."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from flash_tui.client import limits
from flash_tui.client.logs import LogQuery, follow_logs
from flash_tui.models.errors import TargetUnreachable
from flash_tui.models.events import Event, LogsWritten, StreamReset
from flash_tui.models.log import LogLine
from tests.builders import APP, NOW, a_line
from tests.deploy.fake_dialect import FakeDialect

pytestmark = pytest.mark.anyio


def line(number: int, **fields: object) -> LogLine:
    return a_line(f"line {number}", at=NOW + timedelta(seconds=number), **fields)


@dataclass
class Logged(FakeDialect):
    """Its log, and what its streams bring; the last stream breaks off."""

    log: tuple[LogLine, ...] = ()
    streams: list[tuple[Event, ...]] = field(default_factory=list)

    async def logs(self, app, environment, endpoint, since, limit) -> tuple[LogLine, ...]:
        del app, limit
        fits = (environment, endpoint)
        return tuple(
            item
            for item in self.log
            if (since is None or item.at >= since)
            and fits[0] in {None, item.environment}
            and fits[1] in {None, item.endpoint}
        )

    async def events(self, cursor: int, app: str | None = None) -> AsyncGenerator[tuple[int, Event]]:
        del app
        for event in self.streams.pop(0):
            cursor += 1
            yield cursor, event
        raise TargetUnreachable("lost")


async def followed(dialect: FakeDialect, query: LogQuery, most: int = 100) -> list[str]:
    texts: list[str] = []
    try:
        async with aclosing(follow_logs(dialect, query)) as lines:
            async for item in lines:
                texts.append(item.text)
                if len(texts) == most:
                    break
    except TargetUnreachable:
        pass
    return texts


async def test_a_line_that_comes_by_both_ways_is_told_once() -> None:
    dialect = Logged(log=(line(1), line(2)), streams=[(LogsWritten(lines=(line(2), line(3))),)])
    assert await followed(dialect, LogQuery(APP, since=NOW)) == ["line 1", "line 2", "line 3"]


async def test_without_a_beginning_only_new_lines_are_told() -> None:
    dialect = Logged(log=(line(1),), streams=[(LogsWritten(lines=(line(2),)),)])
    assert await followed(dialect, LogQuery(APP)) == ["line 2"]


async def test_lines_that_did_not_fit_into_an_event_are_read_from_the_log() -> None:
    log = (line(1), line(2), line(3), line(4))
    dialect = Logged(log=log, streams=[(LogsWritten(lines=(line(4),), dropped=2),)])
    assert await followed(dialect, LogQuery(APP, since=NOW)) == ["line 1", "line 2", "line 3", "line 4"]


async def test_a_stream_that_starts_anew_misses_nothing() -> None:
    dialect = Logged(log=(line(1), line(2)), streams=[(LogsWritten(lines=(line(1),)), StreamReset()), ()])
    assert await followed(dialect, LogQuery(APP)) == ["line 1", "line 2"]


async def test_only_lines_asked_for_are_told() -> None:
    lines = (line(1, endpoint="web"), line(2), line(3, environment="staging"), line(4, app="other"))
    dialect = Logged(streams=[(LogsWritten(lines=lines),)])
    assert await followed(dialect, LogQuery(APP, "dev", "api")) == ["line 2"]


async def test_a_target_that_announces_no_lines_is_asked_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LOG_POLL_S", 0.0)
    dialect = Logged(announces_logs=False, log=(line(1), line(2)))
    assert await followed(dialect, LogQuery(APP, since=NOW), most=2) == ["line 1", "line 2"]
