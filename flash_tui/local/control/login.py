"""The official login: a request is made, a person approves it at this computer, the key is handed out once.

Source: runpod_flash 1.21 `cli/commands/login.py`: asks every 2 s until APPROVED or CONSUMED comes with a key.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from flash_tui.local.control.context import Info
from flash_tui.local.control.objects import time_text
from flash_tui.local.store import logins
from flash_tui.local.store.logins import LoginRequest, LoginStatus
from flash_tui.models.errors import Conflict

MAX_PENDING = 20
"""Requests need no key, so anybody on this computer can make them."""


def _object(found: LoginRequest, key: str | None = None) -> dict[str, Any]:
    return {
        "id": found.id,
        "status": found.status.value,
        "expiresAt": time_text(found.expires_at),
        "apiKey": key,
    }


async def create(_: object, info: Info) -> dict[str, Any]:
    services = info.context

    def work(connection: sqlite3.Connection) -> LoginRequest:
        if len(logins.pending_logins(connection)) >= MAX_PENDING:
            raise Conflict(
                "too many login requests wait for an answer",
                where="login",
                hint="`flash-tui platform approve` lists them",
            )
        return logins.create_login(connection)

    return _object(await services.store.transact(work))


async def status(_: object, info: Info, flashAuthRequestId: str) -> dict[str, Any]:  # noqa: N803
    services = info.context

    def work(connection: sqlite3.Connection) -> tuple[LoginRequest, bool]:
        found = logins.get_login(connection, flashAuthRequestId)
        if found.status is not LoginStatus.APPROVED:
            return found, False
        return logins.move_login(connection, found.id, LoginStatus.APPROVED, LoginStatus.CONSUMED), True

    found, is_approved = await services.store.transact(work)
    return _object(found, services.token if is_approved else None)
