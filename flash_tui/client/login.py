"""Getting a key for a target: ask for one, let a person approve it in the browser, wait.

Source: runpod_flash 1.21 `cli/commands/login.py`, `core/credentials.py:save_api_key`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import anyio

from flash_tui.client import operations
from flash_tui.client.connection import Connection
from flash_tui.client.graphql import GraphQL
from flash_tui.client.target import RUNPOD_TARGET, Target
from flash_tui.models.errors import FlashTuiError, Unauthorised, UsageError
from flash_tui.settings import LOCAL_TARGET

POLL_S = 2.0
LONGEST_S = 600.0
_DONE = {"APPROVED", "CONSUMED"}
_REFUSED = {"DENIED", "EXPIRED", "CONSUMED"}
_CONSOLE = "https://console.runpod.io"


async def log_in(target: str, show: Callable[[str], None], poll_s: float = POLL_S) -> str:
    """A key for `runpod` or an origin. `show` gets the address at which a person approves it.

    Raises:
        Unauthorised: the person said no, or nothing in time.
        UsageError: the local platform, which needs no login.
        TargetUnreachable: no answer.
    """
    if target == LOCAL_TARGET:
        raise UsageError("the local platform needs no login", hint="flash-tui login --target runpod")
    place, console = _without_key(target)
    async with Connection(place) as connection:
        graphql = GraphQL(connection)
        request = await graphql.run(operations.CREATE_LOGIN)
        show(f"{console}/flash/login?request={request.id}")
        left_s = LONGEST_S
        if request.expires_at is not None:
            left_s = min(left_s, (request.expires_at - datetime.now(UTC)).total_seconds())
        with anyio.move_on_after(left_s):
            return await _until_approved(graphql, request.id, poll_s)
    raise Unauthorised("nobody approved the login in time", where=console, hint="run `flash-tui login` again")


async def _until_approved(graphql: GraphQL, request_id: str, poll_s: float) -> str:
    while True:
        answer = await graphql.run(operations.LOGIN_STATUS, flashAuthRequestId=request_id)
        status = (answer.status or "").upper()
        if answer.api_key and status in _DONE:
            return answer.api_key
        if status in _REFUSED:
            raise Unauthorised(f"the login was {status.lower()}", hint="run `flash-tui login` again")
        await anyio.sleep(poll_s)


def _without_key(target: str) -> tuple[Target, str]:
    origin = None if target == RUNPOD_TARGET else target.rstrip("/")
    place = Target(
        name=target,
        graphql_url=f"{origin}/graphql" if origin else "https://api.runpod.io/graphql",
        data_url=f"{origin}/v2" if origin else "https://api.runpod.ai/v2",
        rest_url=f"{origin}/v1" if origin else "https://rest.runpod.io/v1",
        logs_url=origin or "https://hapi.runpod.net",
        extension_url=None,
        token="",
        token_source="",
        start_hint="check this machine's connection",
    )
    return place, origin or _CONSOLE


def store_key(path: Path, key: str) -> None:
    """Write `[default] api_key` to a config file, keep the rest of it as it is; only its owner can read it.

    Raises:
        FlashTuiError: the file cannot be read, changed safely, or written.
    """
    try:
        changed = _with_key(path.read_text(encoding="utf-8") if path.exists() else "", key)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_suffix(".new")
        new.touch(mode=0o600)
        new.write_text(changed, encoding="utf-8")
        new.replace(path)
    except (OSError, ValueError) as error:
        raise FlashTuiError(
            f"the key cannot be stored: {error}",
            where=str(path),
            hint='mend the file, or write api_key = "…" under [default] yourself',
        ) from error


def _with_key(text: str, key: str) -> str:
    """The file's text with the key in it. Raises ValueError if that would change anything else."""
    before = tomllib.loads(text)
    changed = _edited(text, key)
    if tomllib.loads(changed) != before | {"default": {**before.get("default", {}), "api_key": key}}:
        raise ValueError("its layout is unusual")
    return changed


def _edited(text: str, key: str) -> str:
    line = f'api_key = "{key}"'
    head = re.search(r"^\[default\][ \t]*(#.*)?$", text, re.MULTILINE)
    if head is None:
        return f"{text.rstrip()}\n\n[default]\n{line}\n".lstrip()
    following = re.search(r"^\[", text[head.end() :], re.MULTILINE)
    end = head.end() + following.start() if following else len(text)
    table = text[head.end() : end]
    known = re.search(r"^api_key[ \t]*=.*$", table, re.MULTILINE)
    table = f"\n{line}{table}" if known is None else table[: known.start()] + line + table[known.end() :]
    return text[: head.end()] + table + text[end:]
