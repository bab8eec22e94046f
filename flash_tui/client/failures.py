"""What others call a failure → ours: transport exceptions, HTTP statuses, error documents. The client's rim.

Every text says what happened, where, and what to do; none holds the key.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final, cast

import httpx
from pydantic import ValidationError

from flash_tui.client import limits
from flash_tui.client.target import Target
from flash_tui.models.errors import (
    Conflict,
    ErrorDocument,
    FlashTuiError,
    NotFound,
    TargetUnreachable,
    Unauthorised,
    UsageError,
    error_from_document,
)

_TRANSPORT: Final[tuple[tuple[type[httpx.TransportError], str], ...]] = (
    (httpx.ConnectTimeout, "does not answer"),
    (httpx.PoolTimeout, "is busy: no connection became free"),
    (httpx.TimeoutException, "did not answer in time"),
    (httpx.ProxyError, "cannot be reached through the proxy"),
    (httpx.ConnectError, "cannot be reached"),
    (httpx.NetworkError, "broke off the connection"),
    (httpx.ProtocolError, "broke off the connection"),
)
"""The first that fits says what happened."""

_STATUS: Final[Mapping[int, type[FlashTuiError]]] = {
    400: UsageError,
    401: Unauthorised,
    403: Unauthorised,
    404: NotFound,
    409: Conflict,
    410: NotFound,
    422: UsageError,
    429: TargetUnreachable,
    502: TargetUnreachable,
    503: TargetUnreachable,
    504: TargetUnreachable,
}
"""Any other status of 400 and up is a plain `FlashTuiError`."""


@contextmanager
def transport_errors(target: Target, url: str) -> Generator[None]:
    """Turn what httpx raises inside into ours.

    Raises:
        TargetUnreachable: no answer, or not all of it.
        UsageError: the URL cannot be asked for.
        FlashTuiError: the answer cannot be read.
    """
    try:
        yield
    except httpx.UnsupportedProtocol as error:
        raise UsageError(f"{_place(url)} cannot be asked for: {error}", where=target.name) from error
    except httpx.InvalidURL as error:
        raise UsageError(f"{_place(url)} is not a URL: {error}", where=target.name) from error
    except httpx.TransportError as error:
        what = next((text for kind, text in _TRANSPORT if isinstance(error, kind)), "failed")
        raise TargetUnreachable(f"{target.name} {what}", where=_place(url), hint=target.start_hint) from error
    except httpx.HTTPError as error:
        raise unreadable(target, url, str(error)) from error


def unreadable(target: Target, url: str, why: str) -> FlashTuiError:
    """An answer that is not of the protocol."""
    hint = "check that the target is a Flash platform and that no proxy answers in its place"
    return FlashTuiError(f"{target.name} answered something else than expected: {why}", where=_place(url), hint=hint)


def refusal(target: Target, url: str, status: int, content: bytes) -> FlashTuiError:
    """The error that an answer with a status of 400 or more stands for."""
    family = _STATUS.get(status, FlashTuiError)
    content = target.hide(content.decode("utf-8", "replace")).encode()
    document = error_document(content)
    if family is Unauthorised or (document is not None and document.code == Unauthorised.code):
        return unauthorised(target, url, document.what if document else "")
    if document is not None:
        return error_from_document(document)
    text = _shown(content)
    told = f": {text}" if text else ""
    return family(f"{target.name} answered {status}{told}", where=_place(url), hint=_hint(target, family))


def unauthorised(target: Target, url: str, said: str = "") -> Unauthorised:
    """The key was refused; names where the key came from, never the key."""
    told = f": {said}" if said else ""
    if target.is_local:
        hint = "start the platform anew: flash-tui platform stop, then again"
    else:
        hint = f"the key comes from {target.token_source}; `flash-tui login` stores another"
    return Unauthorised(f"{target.name} refuses the key of {target.token_source}{told}", where=_place(url), hint=hint)


def error_document(content: bytes) -> ErrorDocument | None:
    """The document in `{"error": {...}}`, if that is what the answer is."""
    try:
        raw: object = json.loads(content)
        error = cast("dict[str, Any]", raw).get("error") if isinstance(raw, dict) else None
        return ErrorDocument.model_validate(error) if isinstance(error, dict) else None
    except (ValueError, RecursionError):  # a validation error is a ValueError
        return None


def first_problem(error: ValidationError) -> str:
    """Where a document is not as expected, in one line, without its content."""
    first = cast("dict[str, Any]", error.errors(include_url=False, include_input=False)[0])
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


def _place(url: str) -> str:
    """An address without its query: a signature is as good as a key."""
    return url.partition("?")[0]


def _shown(content: bytes) -> str:
    text = content[: 4 * limits.MAX_ERROR_CHARS].decode("utf-8", "replace").strip()
    if text.startswith("<"):
        return ""  # somebody's web page
    return " ".join(text.split())[: limits.MAX_ERROR_CHARS]


def _hint(target: Target, family: type[FlashTuiError]) -> str:
    if family is TargetUnreachable:
        return "try again in a moment; " + target.start_hint
    return "" if family is not FlashTuiError else target.start_hint
