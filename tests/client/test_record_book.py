"""The journal of a target without history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest

from flash_tui.client.record_book import BuildFacts, RecordBook
from flash_tui.models.identifiers import BuildId
from flash_tui.models.states import Cause, Outcome
from flash_tui.paths import Home
from tests.builders import APP, a_deployment, a_digest, ago

pytestmark = pytest.mark.anyio


@pytest.fixture
def book(tmp_path: Path) -> RecordBook:
    return RecordBook(Home(root=tmp_path / "home", layers=tmp_path / "layers"), "https://api.test/graphql")


async def test_a_target_nobody_acted_on_has_no_records(book: RecordBook) -> None:
    records = await book.read()
    assert (records.of(APP), records.builds, records.seen) == ((), {}, {})


async def test_the_last_line_about_a_deployment_holds(book: RecordBook) -> None:
    now = datetime.now(UTC)
    await book.write_deployment(a_deployment(1, outcome=None, started_at=now))
    await book.write_deployment(a_deployment(1, started_at=now))
    assert [item.outcome for item in (await book.read()).of(APP)] == [Outcome.SUCCEEDED]


async def test_history_is_told_newest_first_and_by_environment(book: RecordBook) -> None:
    await book.write_deployment(a_deployment(1, started_at=ago(hours=2)))
    await book.write_deployment(a_deployment(2, environment="staging", started_at=ago(hours=1)))
    await book.write_deployment(a_deployment(3, cause=Cause.UNDEPLOY, started_at=ago(minutes=1)))
    records = await book.read()
    assert [item.id for item in records.of(APP)] == ["dep_3", "dep_2", "dep_1"]
    assert [item.id for item in records.of(APP, "staging")] == ["dep_2"]
    assert records.is_undeployed(APP, "dev")
    assert not records.is_undeployed(APP, "staging")


async def test_what_is_known_of_a_build_is_kept(book: RecordBook) -> None:
    facts = BuildFacts(id=BuildId("b"), digest=a_digest(1), source_digest=None, size_bytes=7)
    await book.write_build(facts)
    await book.write_seen("env", "b")
    records = await book.read()
    assert (records.builds, records.seen) == ({"b": facts}, {"env": "b"})


async def test_a_record_whose_writer_died_is_closed(book: RecordBook) -> None:
    began = datetime.now(UTC) - timedelta(hours=1)
    await book.write_deployment(a_deployment(1, outcome=None, started_at=began))
    last = (await book.read()).of(APP)[0]
    assert last.outcome is Outcome.FAILED
    assert last.error is not None
    assert last.error.code == "interrupted"


async def test_lines_that_cannot_be_read_are_passed_over(book: RecordBook) -> None:
    await book.write_deployment(a_deployment(1))
    async with await anyio.open_file(book.path, "ab") as file:
        await file.write(b'{"half\n[]\n{"kind": "deployment", "document": {}}\n{"kind": "weather"}\n\xff\n')
    await book.write_deployment(a_deployment(2))
    assert len((await book.read()).of(APP)) == 2


async def test_a_journal_is_readable_by_its_owner_only(book: RecordBook) -> None:
    await book.write_seen("env", None)
    assert book.path.stat().st_mode & 0o077 == 0
