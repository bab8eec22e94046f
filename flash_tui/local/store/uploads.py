"""Uploads of the official path: announced, received by a signed PUT, then finalised into a build."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from flash_tui.local.store.values import as_moment, now_text, random_text
from flash_tui.models.errors import NotFound
from flash_tui.models.identifiers import AppId, BuildId, Digest

_OBJECT_KEY_CHARS = 32


@dataclass(frozen=True, slots=True)
class Upload:
    object_key: str
    app_id: AppId
    announced_bytes: int
    digest: Digest | None
    """None until its bytes have come."""
    size_bytes: int | None
    build_id: BuildId | None
    created_at: datetime


def announce_upload(connection: sqlite3.Connection, app_id: AppId, announced_bytes: int) -> Upload:
    object_key = f"{random_text(_OBJECT_KEY_CHARS)}.tar.gz"
    connection.execute(
        "INSERT INTO uploads (object_key, app_id, announced_bytes, created_at) VALUES (?, ?, ?, ?)",
        (object_key, app_id, announced_bytes, now_text()),
    )
    return get_upload(connection, object_key)


def get_upload(connection: sqlite3.Connection, object_key: str) -> Upload:
    """Raises NotFound."""
    row = connection.execute("SELECT * FROM uploads WHERE object_key = ?", (object_key,)).fetchone()
    if row is None:
        raise NotFound(f"artifact not found: {object_key}", where=object_key, hint="ask for an upload URL first")
    return Upload(
        object_key=row["object_key"],
        app_id=AppId(row["app_id"]),
        announced_bytes=row["announced_bytes"],
        digest=None if row["digest"] is None else Digest(row["digest"]),
        size_bytes=row["size_bytes"],
        build_id=None if row["build_id"] is None else BuildId(row["build_id"]),
        created_at=as_moment(row["created_at"]),
    )


def receive_upload(connection: sqlite3.Connection, object_key: str, digest: Digest, size_bytes: int) -> None:
    connection.execute(
        "UPDATE uploads SET digest = ?, size_bytes = ? WHERE object_key = ?", (digest, size_bytes, object_key)
    )


def finalize_upload(connection: sqlite3.Connection, object_key: str, build_id: BuildId) -> None:
    connection.execute("UPDATE uploads SET build_id = ? WHERE object_key = ?", (build_id, object_key))


def forget_uploads(connection: sqlite3.Connection, before: str) -> tuple[Upload, ...]:
    """Drop the rows of uploads that never became builds and are older than `before` (a time as text)."""
    rows = connection.execute(
        "SELECT object_key FROM uploads WHERE build_id IS NULL AND created_at < ?", (before,)
    ).fetchall()
    dropped = tuple(get_upload(connection, row["object_key"]) for row in rows)
    connection.execute("DELETE FROM uploads WHERE build_id IS NULL AND created_at < ?", (before,))
    return dropped
