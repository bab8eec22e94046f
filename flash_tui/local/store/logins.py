"""Login requests of the official flow. A person approves them; they never approve themselves."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from flash_tui.local.store.values import as_moment, as_text, new_id, now_utc
from flash_tui.models.errors import Conflict, NotFound

LOGIN_LIFETIME = timedelta(minutes=10)


class LoginStatus(StrEnum):
    """Source: runpod_flash 1.21 `cli/commands/login.py`."""

    PENDING = "PENDING"
    APPROVED = "APPROVED"
    DENIED = "DENIED"
    EXPIRED = "EXPIRED"
    CONSUMED = "CONSUMED"


@dataclass(frozen=True, slots=True)
class LoginRequest:
    id: str
    status: LoginStatus
    created_at: datetime
    expires_at: datetime


def create_login(connection: sqlite3.Connection) -> LoginRequest:
    moment = now_utc()
    login = LoginRequest(new_id("login"), LoginStatus.PENDING, moment, moment + LOGIN_LIFETIME)
    connection.execute(
        "INSERT INTO login_requests VALUES (?, ?, ?, ?)",
        (login.id, login.status.value, as_text(login.created_at), as_text(login.expires_at)),
    )
    return login


def get_login(connection: sqlite3.Connection, login_id: str) -> LoginRequest:
    """As it is now: one that nobody answered in time is EXPIRED. Raises NotFound."""
    row = connection.execute("SELECT * FROM login_requests WHERE id = ?", (login_id,)).fetchone()
    if row is None:
        raise NotFound(f"login request not found: {login_id}", where=login_id, hint="start `flash login` again")
    status, expires_at = LoginStatus(row["status"]), as_moment(row["expires_at"])
    if status in {LoginStatus.PENDING, LoginStatus.APPROVED} and expires_at < now_utc():
        status = LoginStatus.EXPIRED
    return LoginRequest(row["id"], status, as_moment(row["created_at"]), expires_at)


def move_login(connection: sqlite3.Connection, login_id: str, source: LoginStatus, target: LoginStatus) -> LoginRequest:
    """From one status to the next. Raises NotFound, or Conflict if it is not in `source`."""
    found = get_login(connection, login_id)
    if found.status is not source:
        raise Conflict(f"the login request is {found.status.value}", where=login_id, hint="start `flash login` again")
    connection.execute("UPDATE login_requests SET status = ? WHERE id = ?", (target.value, login_id))
    return get_login(connection, login_id)


def pending_logins(connection: sqlite3.Connection) -> tuple[LoginRequest, ...]:
    """Oldest first."""
    rows = connection.execute(
        "SELECT id FROM login_requests WHERE status = 'PENDING' AND expires_at > ? ORDER BY rowid",
        (as_text(now_utc()),),
    )
    return tuple(get_login(connection, row["id"]) for row in rows.fetchall())
