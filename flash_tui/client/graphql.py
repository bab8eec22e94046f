"""One POST: time-out, retries for what changes nothing, errors of the official control plane as ours.

Source: runpod_flash `core/api/runpod.py`: the mere presence of `errors` is an error.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final, TypeVar, cast

import anyio

from flash_tui.client import limits
from flash_tui.client.connection import Answer, Connection, dump
from flash_tui.client.failures import refusal, unauthorised, unreadable
from flash_tui.client.operations import Operation
from flash_tui.models.errors import Conflict, FlashTuiError, NotFound, TargetUnreachable

T = TypeVar("T")

_PASSING: Final = (
    "try again later",
    "internal server error",
    "service unavailable",
    "too many requests",
    "temporarily unavailable",
)
"""Errors that may be gone with the next attempt. Source: runpod_flash `core/api/runpod.py`."""

_WORDS: Final[tuple[tuple[str, type[FlashTuiError]], ...]] = (
    ("not found", NotFound),
    ("already exists", Conflict),
)


class GraphQL:
    """The official control plane of one target."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self, operation: Operation[T], **variables: object) -> T:
        """Execute one operation and take its answer. Queries are tried again, mutations never.

        Raises:
            NotFound: what was named is not there.
            Unauthorised: the key was refused.
            TargetUnreachable: no answer, also after the retries.
            FlashTuiError: the control plane refused.
        """
        attempts = limits.QUERY_ATTEMPTS if operation.is_query else 1
        for attempt in range(1, attempts + 1):
            try:
                return await self._once(operation, variables)
            except TargetUnreachable:
                if attempt == attempts:
                    raise
            await anyio.sleep(_pause_s(attempt))
        raise AssertionError  # the last attempt returns or raises

    async def _once(self, operation: Operation[T], variables: Mapping[str, object]) -> T:
        url = self._connection.target.graphql_url
        body = dump({"query": operation.text, "variables": variables})
        answer = await self._connection.ask("POST", url, body=body, headers={"Content-Type": "application/json"})
        raw = self._checked(answer)
        for key in operation.path:
            raw = cast("dict[str, Any]", raw).get(key) if isinstance(raw, dict) else None
        if raw is None and operation.missing:
            raise NotFound(operation.missing, where=self._connection.target.name)
        return self._connection.adapt(operation.answer, raw, url)

    def _checked(self, answer: Answer) -> object:
        target = self._connection.target
        if answer.status in {401, 403}:
            raise refusal(target, answer.url, answer.status, answer.content)
        try:
            raw = self._connection.parse(answer)
        except FlashTuiError:
            if answer.is_error:
                raise refusal(target, answer.url, answer.status, answer.content) from None
            raise
        document = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
        if "errors" in document:
            raise self._error(document["errors"])
        if answer.is_error:
            raise refusal(target, answer.url, answer.status, answer.content)
        if "data" not in document:
            raise unreadable(target, answer.url, "no GraphQL answer")
        return document["data"]

    def _error(self, errors: object) -> FlashTuiError:
        target = self._connection.target
        items = cast("list[object]", errors) if isinstance(errors, list) else []
        texts = [str(cast("dict[str, Any]", item).get("message", "")) for item in items if isinstance(item, dict)]
        what = (
            target.hide("; ".join(filter(None, texts)))[: limits.MAX_ERROR_CHARS]
            or f"{target.name} refused without a reason"
        )
        low = what.lower()
        if "unauthorized" in low or "unauthenticated" in low:
            return unauthorised(target, target.graphql_url, what)
        if any(phrase in low for phrase in _PASSING):
            return TargetUnreachable(what, where=target.graphql_url, hint="try again in a moment")
        family = next((family for word, family in _WORDS if word in low), FlashTuiError)
        return family(what, where=target.graphql_url)


def _pause_s(attempt: int) -> float:
    pause = min(limits.FIRST_RETRY_S * 2 ** (attempt - 1), limits.LAST_RETRY_S)
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - spreads retries, guards nothing
