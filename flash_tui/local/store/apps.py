"""Apps: names that group environments and builds."""

from __future__ import annotations

import sqlite3

from flash_tui.local.store.values import as_moment, checked_name, new_id, now_text
from flash_tui.models.app import App
from flash_tui.models.errors import Conflict, NotFound
from flash_tui.models.identifiers import AppId

_SELECT = """
SELECT a.id, a.name, a.created_at, (SELECT count(*) FROM builds b WHERE b.app_id = a.id) AS builds
FROM apps a
"""


def _app(connection: sqlite3.Connection, row: sqlite3.Row) -> App:
    names = connection.execute(
        "SELECT name FROM environments WHERE app_id = ? ORDER BY position, rowid", (row["id"],)
    ).fetchall()
    return App(
        id=AppId(row["id"]),
        name=row["name"],
        environments=tuple(name["name"] for name in names),
        builds=row["builds"],
        created_at=as_moment(row["created_at"]),
    )


def list_apps(connection: sqlite3.Connection) -> tuple[App, ...]:
    """By name."""
    return tuple(_app(connection, row) for row in connection.execute(f"{_SELECT} ORDER BY a.name").fetchall())


def find_app(connection: sqlite3.Connection, name: str) -> App | None:
    row = connection.execute(f"{_SELECT} WHERE a.name = ?", (name,)).fetchone()
    return None if row is None else _app(connection, row)


def get_app(connection: sqlite3.Connection, name: str) -> App:
    """Raises NotFound, in the words that the official tool looks for."""
    app = find_app(connection, name)
    if app is None:
        raise _not_found(name)
    return app


def get_app_by_id(connection: sqlite3.Connection, app_id: AppId) -> App:
    """Raises NotFound, in the words that the official tool looks for."""
    row = connection.execute(f"{_SELECT} WHERE a.id = ?", (app_id,)).fetchone()
    if row is None:
        raise _not_found(app_id)
    return _app(connection, row)


def create_app(connection: sqlite3.Connection, name: str) -> App:
    """Raises Conflict if the name is taken."""
    checked_name(name, "app")
    if find_app(connection, name) is not None:
        raise Conflict(f"the app {name} exists already", where=name, hint="choose another name, or deploy to it")
    connection.execute("INSERT INTO apps (id, name, created_at) VALUES (?, ?, ?)", (new_id("app"), name, now_text()))
    return get_app(connection, name)


def delete_app(connection: sqlite3.Connection, app_id: AppId) -> None:
    """With its environments, endpoints and builds; the records of its deployments stay."""
    if connection.execute("DELETE FROM apps WHERE id = ?", (app_id,)).rowcount == 0:
        raise _not_found(app_id)


def next_version(connection: sqlite3.Connection, app_id: AppId) -> int:
    """Allocate the app's next build version: 1, 2, …; a version is never given twice."""
    row = connection.execute(
        "UPDATE apps SET last_version = last_version + 1 WHERE id = ? RETURNING last_version", (app_id,)
    ).fetchone()
    if row is None:
        raise _not_found(app_id)
    return int(row["last_version"])


def _not_found(name: str) -> NotFound:
    return NotFound(f"app not found: {name}", where=name, hint="`flash-tui app list` shows the apps of this platform")
