"""The database file: schema, transactions, refusal of what it does not know."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import anyio
import pytest

from flash_tui.local.store.apps import create_app, list_apps
from flash_tui.local.store.database import Store
from flash_tui.models.errors import Conflict, FlashTuiError

pytestmark = pytest.mark.anyio


async def test_what_was_committed_is_there_after_reopening(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "p" / "platform.sqlite3")
    await store.transact(lambda c: create_app(c, "shop"))
    await store.aclose()
    again = await Store.open(tmp_path / "p" / "platform.sqlite3")
    assert [app.name for app in await again.transact(list_apps)] == ["shop"]
    await again.aclose()


async def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "p" / "platform.sqlite3")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "p").iterdir()}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o700
    await store.aclose()


async def test_a_failure_undoes_the_whole_transaction(store: Store) -> None:
    def work(connection: sqlite3.Connection) -> None:
        create_app(connection, "shop")
        raise Conflict("no")

    with pytest.raises(Conflict):
        await store.transact(work)
    assert await store.transact(list_apps) == ()


async def test_an_error_of_sqlite_names_the_file_and_leaves_the_store_usable(store: Store) -> None:
    with pytest.raises(FlashTuiError, match="no such table") as caught:
        await store.transact(lambda c: c.execute("SELECT * FROM nowhere"))
    assert caught.value.where.endswith("platform.sqlite3")
    assert await store.transact(list_apps) == ()


async def test_a_cancelled_caller_leaves_a_whole_transaction(store: Store) -> None:
    started = anyio.Event()

    def work(connection: sqlite3.Connection) -> None:
        anyio.from_thread.run_sync(started.set)
        create_app(connection, "shop")

    async with anyio.create_task_group() as group:
        group.start_soon(store.transact, work)
        await started.wait()
        group.cancel_scope.cancel()
    assert [app.name for app in await store.transact(list_apps)] == ["shop"]


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "platform.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(Conflict, match="schema 999"):
        await Store.open(path)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "platform.sqlite3"
    path.write_text("not a database, but long enough to be read as one" * 20)
    with pytest.raises(FlashTuiError, match="cannot be used"):
        await Store.open(path)
