"""Log lines on disk: a SQLite file of their own, so that a chatty worker never makes a deployment wait.

Bounded by lines and by characters; the oldest go first. Only what the platform was killed in the middle of is lost:
lines are written in batches, a few milliseconds after they came.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from flash_tui.local.store.database import database_errors
from flash_tui.local.store.values import as_moment, as_text
from flash_tui.models.log import LogLine

MAX_LINES = 200_000
MAX_CHARS = 128 << 20
_PRUNE_EVERY = 2_000
"""Lines written between two looks at the limits."""
_PRUNE_SHARE = 10
"""Each time a tenth goes, so that it is not done at every batch."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    app TEXT NOT NULL,
    environment TEXT NOT NULL,
    endpoint TEXT,
    worker TEXT,
    build INTEGER,
    stream TEXT NOT NULL,
    text TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS lines_by_environment ON lines (app, environment, id);
"""


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Which lines; None does not ask."""

    app: str | None = None
    environment: str | None = None
    endpoint: str | None = None
    worker: str | None = None
    since: datetime | None = None
    limit: int = 1000
    """The newest so many."""

    def matches(self, line: LogLine) -> bool:
        """Whether the line is one of those asked for, `limit` apart."""
        wanted = (self.app, self.environment, self.endpoint, self.worker)
        found = (line.app, line.environment, line.endpoint, line.worker)
        return all(want is None or want == have for want, have in zip(wanted, found, strict=True)) and (
            self.since is None or line.at >= self.since
        )


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = OFF")  # a torn log is no loss; the state has a file of its own
    connection.executescript(_SCHEMA)
    return connection


class LogArchive:
    """The file and the one thread that touches it."""

    def __init__(self, path: Path, *, max_lines: int = MAX_LINES, max_chars: int = MAX_CHARS) -> None:
        self._path = path
        self._max_lines = max_lines
        self._max_chars = max_chars
        self._turn = anyio.CapacityLimiter(1)
        self._connection: sqlite3.Connection | None = None
        self._until_prune = 0

    async def write(self, lines: Sequence[LogLine]) -> None:
        """Append. Raises FlashTuiError if the file cannot be written."""
        with database_errors(self._path):
            await anyio.to_thread.run_sync(self._write, lines, limiter=self._turn)

    async def read(self, query: LogQuery) -> tuple[LogLine, ...]:
        """Oldest first, the newest `limit` of those that match."""
        with database_errors(self._path):
            return await anyio.to_thread.run_sync(partial(self._read, query), limiter=self._turn)

    async def aclose(self) -> None:
        await anyio.to_thread.run_sync(self._close, limiter=self._turn)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = _connect(self._path)
        return self._connection

    def _write(self, lines: Sequence[LogLine]) -> None:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany(
                "INSERT INTO lines (at, app, environment, endpoint, worker, build, stream, text)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [(as_text(o.at), o.app, o.environment, o.endpoint, o.worker, o.build, o.stream, o.text) for o in lines],
            )
            self._until_prune -= len(lines)
            if self._until_prune <= 0:
                self._prune(connection)
                self._until_prune = _PRUNE_EVERY
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _prune(self, connection: sqlite3.Connection) -> None:
        lines, chars = connection.execute("SELECT count(*), ifnull(sum(length(text)), 0) FROM lines").fetchone()
        if lines <= self._max_lines and chars <= self._max_chars:
            return
        surplus = max(lines - self._max_lines, 0) + lines // _PRUNE_SHARE + 1
        if chars > self._max_chars:
            surplus = max(surplus, int(lines * (1 - self._max_chars / chars)) + 1)
        connection.execute("DELETE FROM lines WHERE id IN (SELECT id FROM lines ORDER BY id LIMIT ?)", (surplus,))

    def _read(self, query: LogQuery) -> tuple[LogLine, ...]:
        rows = self._open().execute(
            """
            SELECT * FROM lines
            WHERE (:app IS NULL OR app = :app) AND (:environment IS NULL OR environment = :environment)
              AND (:endpoint IS NULL OR endpoint = :endpoint) AND (:worker IS NULL OR worker = :worker)
              AND (:since IS NULL OR at >= :since)
            ORDER BY id DESC LIMIT :limit
            """,
            {
                "app": query.app,
                "environment": query.environment,
                "endpoint": query.endpoint,
                "worker": query.worker,
                "since": None if query.since is None else as_text(query.since),
                "limit": query.limit,
            },
        )
        return tuple(_line(row) for row in reversed(rows.fetchall()))


def _line(row: sqlite3.Row) -> LogLine:
    return LogLine(
        at=as_moment(row["at"]),
        app=row["app"],
        environment=row["environment"],
        endpoint=row["endpoint"],
        worker=row["worker"],
        build=row["build"],
        stream=row["stream"],
        text=row["text"],
    )
