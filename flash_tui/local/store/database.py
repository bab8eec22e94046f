"""The platform's memory: one SQLite file, one thread that touches it, one transaction per piece of work.

What is acknowledged must survive the daemon's death at any instant. In WAL mode with `synchronous=NORMAL` a committed
transaction is in the operating system's hands, so a killed process loses nothing; a power cut may lose the last
moments, but never leaves half a transaction. `FULL` would add a disk flush to every save and every job for a platform
that lives on one person's machine.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from flash_tui.models.errors import Conflict, FlashTuiError

T = TypeVar("T")

_BUSY_S = 5.0


@contextmanager
def database_errors(path: Path) -> Generator[None]:
    """What SQLite says, in the family's words."""
    try:
        yield
    except sqlite3.Error as error:
        raise FlashTuiError(
            f"the platform's database cannot be used: {error}",
            where=str(path),
            hint="look for a full disk; `flash-tui platform reset` starts with an empty one",
        ) from error


def _migrations() -> list[tuple[int, str]]:
    """Number and text of every migration, in order. `0001_first.sql` brings the schema to version 1."""
    folder = resources.files("flash_tui.local.store") / "migrations"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [(int(file.name.split("_", 1)[0]), file.read_text(encoding="utf-8")) for file in files]


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema to the newest version, a transaction a step.

    Raises:
        Conflict: the file was written by a newer flash-tui.
    """
    steps = _migrations()
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    newest = steps[-1][0]
    if version > newest:
        raise Conflict(
            f"the platform's database has schema {version}; this flash-tui knows up to {newest}",
            where=str(path),
            hint="use the newer flash-tui, or another FLASH_TUI_HOME",
        )
    for number, script in steps:
        if number > version:
            connection.executescript(f"BEGIN;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection, path)
    return connection


class Store:
    """The open database. Table modules hold plain functions that take the connection and return models."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._turn = anyio.CapacityLimiter(1)  # the one database thread

    @classmethod
    async def open(cls, path: Path) -> Store:
        """Open or create the file (0600) and bring its schema up to date.

        Raises:
            FlashTuiError: the file cannot be used, or is of a newer version (Conflict).
        """
        with database_errors(path):
            return cls(await anyio.to_thread.run_sync(_connect, path), path)

    async def transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` in one transaction; what it raises undoes all of it.

        A caller cancelled meanwhile is let go only when the transaction has ended, so it is never half known.
        """
        with database_errors(self._path):
            return await anyio.to_thread.run_sync(partial(self._run, work), limiter=self._turn)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            answer = work(self._connection)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # some errors of SQLite end it themselves
                self._connection.execute("ROLLBACK")
            raise
        return answer

    async def aclose(self) -> None:
        await anyio.to_thread.run_sync(self._connection.close, limiter=self._turn)
