"""The event ring and the log: nobody misses an event unknowingly, nobody drowns, nothing secret stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.local.journal import journal as module
from flash_tui.local.journal.journal import Journal
from flash_tui.local.journal.log_archive import LogArchive, LogQuery
from flash_tui.models.events import AppGone, EnvironmentGone, Event, LogsWritten, StreamReset
from flash_tui.models.log import LogLine

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_line(text: str = "hello", *, app: str = "shop", after_s: float = 0, **fields: str) -> LogLine:
    names = {"environment": "dev", "endpoint": "resize", "worker": "w-1", "stream": "stdout"} | fields
    return LogLine(at=START + timedelta(seconds=after_s), app=app, build=1, text=text, **names)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    archive = LogArchive(tmp_path / "logs.sqlite3")
    yield Journal(archive, lambda text: text.replace("s3cret", "[hidden]"), first_cursor=100)
    await archive.aclose()


async def take(journal: Journal, count: int, after: int | None, app: str | None = None) -> list[tuple[int, Event]]:
    taken: list[tuple[int, Event]] = []
    with anyio.fail_after(5):
        async for item in journal.subscribe(after, app):
            taken.append(item)
            if len(taken) == count:
                break
    return taken


async def test_cursors_count_up_and_a_subscriber_goes_on_behind_its_own(journal: Journal) -> None:
    assert [journal.publish(AppGone(app=name)) for name in "abc"] == [101, 102, 103]
    assert await take(journal, 2, 101) == [(102, AppGone(app="b")), (103, AppGone(app="c"))]
    assert await take(journal, 3, 100) == [(101, AppGone(app="a")), (102, AppGone(app="b")), (103, AppGone(app="c"))]


async def test_an_event_wakes_a_waiting_subscriber(journal: Journal) -> None:
    async with anyio.create_task_group() as group:

        async def follow() -> None:
            assert await take(journal, 1, journal.cursor) == [(101, AppGone(app="a"))]

        group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        journal.publish(AppGone(app="a"))


async def test_a_wait_that_is_cancelled_can_be_taken_up_again(journal: Journal) -> None:
    events = journal.subscribe()
    with anyio.move_on_after(0):
        await anext(events)
    journal.publish(AppGone(app="a"))
    assert await anext(events) == (101, AppGone(app="a"))


@pytest.mark.parametrize("cursor", [0, 99, 5000])
async def test_a_cursor_of_another_life_is_reset_once(journal: Journal, cursor: int) -> None:
    journal.publish(AppGone(app="a"))
    async with anyio.create_task_group() as group:

        async def follow() -> None:
            assert await take(journal, 2, cursor) == [(101, StreamReset()), (102, AppGone(app="b"))]

        group.start_soon(follow)
        await anyio.wait_all_tasks_blocked()
        journal.publish(AppGone(app="b"))


async def test_a_restarted_platform_begins_behind_all_cursors_before(tmp_path: Path) -> None:
    before = Journal(LogArchive(tmp_path / "logs"))
    last = before.publish(AppGone(app="a"))
    after = Journal(LogArchive(tmp_path / "logs"))
    assert (await take(after, 1, last))[0][1] == StreamReset()


@given(st.lists(st.integers(0, 30), max_size=60))
async def test_a_slow_subscriber_sees_every_event_or_a_reset(bursts: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RING_EVENTS", 16)
        journal = Journal(LogArchive(Path("unused")), first_cursor=0)
        seen = 0
        events = journal.subscribe(0)
        for burst in bursts:
            for _ in range(burst):
                journal.publish(AppGone(app="a"))
            if journal.cursor > seen:
                cursor, event = await anext(events)
                assert cursor == (journal.cursor if isinstance(event, StreamReset) else seen + 1)
                seen = cursor


async def test_the_log_lines_in_the_ring_are_bounded_by_their_size(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RING_LOG_CHARS", 100)
    for _ in range(10):
        journal.publish(LogsWritten(lines=(a_line("x" * 30),)))
    assert (await take(journal, 1, 106))[0][1] == StreamReset()
    assert len(await take(journal, 3, 107)) == 3


async def test_a_subscriber_to_one_app_sees_no_other(journal: Journal) -> None:
    journal.publish(EnvironmentGone(app="other", environment="dev"))
    journal.publish(LogsWritten(lines=(a_line("mine"), a_line("theirs", app="other"))))
    ((cursor, event),) = await take(journal, 1, 100, "shop")
    assert cursor == 102
    assert isinstance(event, LogsWritten)
    assert [line.text for line in event.lines] == ["mine"]


async def test_lines_are_kept_published_in_one_batch_and_clean(journal: Journal) -> None:
    for number in range(3):
        journal.log(a_line(f"{number} s3cret"))
    assert [line.text for line in await journal.logs(LogQuery())] == ["0 [hidden]", "1 [hidden]", "2 [hidden]"]
    ((_, event),) = await take(journal, 1, 100)
    assert isinstance(event, LogsWritten)
    assert (len(event.lines), event.dropped) == (3, 0)


async def test_a_batch_is_bounded_and_says_what_it_dropped(journal: Journal) -> None:
    for number in range(1000):
        journal.log(a_line(str(number)))
    await journal.flush()
    ((_, event),) = await take(journal, 1, 100)
    assert isinstance(event, LogsWritten)
    assert (event.lines[-1].text, len(event.lines), event.dropped) == ("999", 200, 800)
    assert len(await journal.logs(LogQuery())) == 1000


async def test_lines_that_come_faster_than_the_disk_are_counted(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING_LINES", 10)
    for number in range(15):
        journal.log(a_line(str(number)))
    lines = await journal.logs(LogQuery())
    assert (len(lines), lines[-1].stream, lines[-1].text.split()[0]) == (11, "system", "5")


async def test_running_it_publishes_lines_without_being_asked_and_writes_the_rest_at_the_end(tmp_path: Path) -> None:
    journal = Journal(LogArchive(tmp_path / "logs"), first_cursor=100)
    async with anyio.create_task_group() as group:
        await group.start(journal.run)
        journal.log(a_line("first"))
        assert len(await take(journal, 1, 100)) == 1
        journal.log(a_line("last"))
        group.cancel_scope.cancel()
    again = LogArchive(tmp_path / "logs")
    assert [line.text for line in await again.read(LogQuery())] == ["first", "last"]
    await again.aclose()


@pytest.mark.parametrize(
    ("query", "texts"),
    [
        (LogQuery(app="shop"), ["a", "b", "c"]),
        (LogQuery(app="shop", environment="dev"), ["a", "b"]),
        (LogQuery(endpoint="web"), ["b", "d"]),
        (LogQuery(worker="w-2"), ["d"]),
        (LogQuery(since=START + timedelta(seconds=2)), ["c", "d"]),
        (LogQuery(limit=2), ["c", "d"]),
    ],
)
async def test_logs_are_found_by_what_they_belong_to(journal: Journal, query: LogQuery, texts: list[str]) -> None:
    lines = [
        a_line("a"),
        a_line("b", endpoint="web", after_s=1),
        a_line("c", environment="staging", after_s=2),
        a_line("d", app="other", endpoint="web", worker="w-2", after_s=3),
    ]
    for line in lines:
        journal.log(line)
    assert [line.text for line in await journal.logs(query)] == texts
    if query.limit == 1000:
        assert [line.text for line in lines if query.matches(line)] == texts


@pytest.mark.parametrize("bounds", [{"max_lines": 100}, {"max_chars": 500}])
async def test_the_log_file_is_bounded_and_the_newest_stay(tmp_path: Path, bounds: dict[str, int]) -> None:
    archive = LogArchive(tmp_path / "logs", **bounds)
    for start in range(0, 10_000, 500):
        await archive.write([a_line(f"{number:05}") for number in range(start, start + 500)])
    lines = await archive.read(LogQuery(limit=10_000))
    assert len(lines) <= 100 + module.BATCH_LINES + 2000
    assert lines[-1].text == "09999"
    assert (tmp_path / "logs").stat().st_mode & 0o777 == 0o600
    await archive.aclose()
