"""Login requests at the local platform: who waits for the key, and the answer of a person."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from flash_tui.client.local_platform import PlatformAddress, open_client
from flash_tui.models.errors import ErrorDocument, TargetUnreachable, error_from_document
from flash_tui.models.platform import LoginDocument

_LOGINS: Final = "/flash-tui/v1/logins"
_TIMEOUT_S: Final = 5.0


async def pending_logins(address: PlatformAddress) -> tuple[LoginDocument, ...]:
    """Requests that wait for an answer, oldest first. Raises TargetUnreachable."""
    content = await _ask(address, "GET", _LOGINS)
    return TypeAdapter(tuple[LoginDocument, ...]).validate_json(content)


async def answer_login(address: PlatformAddress, login_id: str, *, approve: bool) -> LoginDocument:
    """Hand out the key, or not.

    Raises:
        NotFound: there is no such request.
        Conflict: it was answered already, or has expired.
        TargetUnreachable: the platform does not answer.
    """
    path = f"{_LOGINS}/{quote(login_id, safe='')}/{'approve' if approve else 'deny'}"
    return LoginDocument.model_validate_json(await _ask(address, "POST", path))


async def _ask(address: PlatformAddress, method: str, path: str) -> bytes:
    hint = "`flash-tui platform start` starts it"
    try:
        async with open_client(address.url, address.token) as client:
            response = await client.request(method, path, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise TargetUnreachable("the local platform does not answer", where=address.url, hint=hint) from error
    if response.is_success:
        return response.content
    try:
        document = ErrorDocument.model_validate(response.json()["error"])
    except (ValueError, KeyError, TypeError, ValidationError) as error:
        what = f"the local platform answered {response.status_code}"
        raise TargetUnreachable(what, where=address.url, hint=hint) from error
    raise error_from_document(document)
