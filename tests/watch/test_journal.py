"""The journal that a later reader tails."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from flash_tui.models.watch_events import WatchEvent
from flash_tui.settings import read_settings
from flash_tui.watch import journal as journal_module
from flash_tui.watch.journal import Journal, event_line, follow_journal, new_header, read_header
from flash_tui.watch.memory import recall, remember

pytestmark = pytest.mark.anyio


def an_event(event: str = "live", **fields: object) -> WatchEvent:
    return WatchEvent.model_validate({"event": event, "at": datetime(2026, 1, 1, tzinfo=UTC), **fields})


def a_journal(path: Path) -> Journal:
    return Journal(path, new_header(path.with_suffix(".sock"), path.parent, "dev"))


async def first_events(path: Path, count: int) -> list[str]:
    seen: list[str] = []
    with anyio.fail_after(10):
        async for event in follow_journal(path):
            seen.append(event.event)
            if len(seen) == count:
                break
    return seen


async def test_a_reader_gets_what_was_written_before_and_after_it_came(tmp_path: Path) -> None:
    path = tmp_path / "journals" / "watch.jsonl"
    with a_journal(path) as journal:
        journal.write(an_event("ready"))
        async with anyio.create_task_group() as group:
            seen: list[str] = []

            async def read() -> None:
                seen.extend(await first_events(path, 2))

            group.start_soon(read)
            await anyio.lowlevel.checkpoint()
            journal.write(an_event("live"))
    assert seen == ["ready", "live"]


def test_the_first_line_says_who_writes_and_where_it_listens(tmp_path: Path) -> None:
    path = tmp_path / "watch.jsonl"
    with a_journal(path):
        header = read_header(path)
    assert header is not None
    assert header.socket == str(tmp_path / "watch.sock")
    assert read_header(tmp_path / "none") is None


async def test_a_new_watch_begins_a_new_journal_and_readers_follow(tmp_path: Path) -> None:
    path = tmp_path / "watch.jsonl"
    with a_journal(path) as journal:
        journal.write(an_event("first"))
    with a_journal(path) as journal:
        journal.write(an_event("second"))
        assert await first_events(path, 1) == ["second"]


async def test_a_journal_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MAX_BYTES", 500)
    path = tmp_path / "watch.jsonl"
    with a_journal(path) as journal:
        for number in range(50):
            journal.write(an_event(f"event{number}"))
        assert path.stat().st_size < 1000
        assert read_header(path) is not None


def test_a_line_has_only_the_fields_of_its_event() -> None:
    assert event_line(an_event("paused", reason="rolled back")) == (
        '{"event": "paused", "at": "2026-01-01T00:00:00Z", "reason": "rolled back"}'
    )


def test_what_went_live_is_remembered_per_target(tmp_path: Path) -> None:
    here = read_settings(tmp_path, {"FLASH_TUI_HOME": str(tmp_path / "home")})
    there = read_settings(tmp_path, {"FLASH_TUI_HOME": str(tmp_path / "home")}, target="runpod")
    remember(here, "dev", {"a.py": "1"}, build_id="b1", version=7, generation=3)
    record = recall(here, "dev")
    assert record is not None
    assert (record.files, record.version, record.generation) == ({"a.py": "1"}, 7, 3)
    assert recall(there, "dev") is None
    assert recall(here, "staging") is None
