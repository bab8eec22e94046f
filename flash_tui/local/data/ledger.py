"""Writes to the job tables: in order, many in one transaction, awaited only by those who promised durability."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import anyio
from anyio.abc import TaskStatus

from flash_tui.local.workers.worker import Bell
from flash_tui.models.errors import FlashTuiError, TargetUnreachable

T = TypeVar("T")
Write = Callable[[sqlite3.Connection], None]


class Transactions(Protocol):
    """The part of `Store` that is needed here."""

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T: ...


@dataclass(eq=False, slots=True)
class _Entry:
    write: Write
    done: anyio.Event = field(default_factory=anyio.Event)
    error: FlashTuiError | None = None


def _write_all(connection: sqlite3.Connection, entries: list[_Entry]) -> None:
    """All of them; one that is refused (it must refuse before it writes) does not keep the others from being kept."""
    for entry in entries:
        try:
            entry.write(connection)
        except FlashTuiError as error:
            entry.error = error


class Ledger:
    """A queue of writes with one writer."""

    def __init__(self, store: Transactions) -> None:
        self._store = store
        self._waiting: list[_Entry] = []
        self._bell = Bell()
        self._is_closed = False

    async def write(self, write: Write) -> None:
        """Stored when this returns. Raises what `write` raises, of our family."""
        entry = self._add(write)
        await entry.done.wait()
        if entry.error is not None:
            raise entry.error

    def write_behind(self, write: Write) -> None:
        """Stored soon, in order with the others; lost if the platform is killed within the next milliseconds."""
        self._add(write)

    def _add(self, write: Write) -> _Entry:
        if self._is_closed:
            raise TargetUnreachable("the platform is stopping", where="jobs", hint="try again when it runs")
        entry = _Entry(write)
        self._waiting.append(entry)
        self._bell.ring()
        return entry

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Write until cancelled; what waits then is still written."""
        task_status.started()
        try:
            while True:
                while not self._waiting:
                    await self._bell.wait()
                await self._flush()
        finally:
            self._is_closed = True
            with anyio.CancelScope(shield=True):
                await self._flush()

    async def _flush(self) -> None:
        entries, self._waiting = self._waiting, []
        if not entries:
            return
        try:
            await self._store.transact(lambda connection: _write_all(connection, entries))
        except FlashTuiError as error:
            for entry in entries:
                entry.error = entry.error or error
        finally:
            for entry in entries:
                entry.done.set()
