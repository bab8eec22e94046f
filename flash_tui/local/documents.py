"""Requests into models, models into answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response

from flash_tui.models.document import Document
from flash_tui.models.errors import UsageError

D = TypeVar("D", bound=Document)

_JSON = "application/json"


def answer(document: Document, status: int = 200) -> Response:
    return Response(document.model_dump_json(), status, media_type=_JSON)


def answer_all(documents: Sequence[Document]) -> Response:
    """A JSON array."""
    return Response("[" + ",".join(document.model_dump_json() for document in documents) + "]", media_type=_JSON)


def parse(kind: type[D], raw: bytes, where: str) -> D:
    """Raises UsageError: it is not JSON, or not such a document."""
    try:
        return kind.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(
            f"the request is not valid: {place or 'body'}: {first['msg']}", where=where, hint=f"send a {kind.__name__}"
        ) from error


async def body(request: Request, kind: type[D]) -> D:
    """Raises UsageError."""
    return parse(kind, await request.body(), f"{request.method} {request.url.path}")


def number(request: Request, name: str, default: int, *, at_least: int = 0, at_most: int) -> int:
    """A query parameter, brought into its bounds. Raises UsageError."""
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        return min(max(int(text), at_least), at_most)
    except ValueError as error:
        raise UsageError(f"{name} is not a number: {text[:50]}", where=name, hint=f"{name}={default}") from error


def moment(request: Request, name: str) -> datetime | None:
    """A query parameter that is an ISO-8601 time; one without a zone is UTC. Raises UsageError."""
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace(" ", "+"))  # a plus that was not escaped
    except ValueError as error:
        hint = f"{name}=2026-01-31T12:00:00Z"
        raise UsageError(f"{name} is not a time: {text[:50]}", where=name, hint=hint) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
