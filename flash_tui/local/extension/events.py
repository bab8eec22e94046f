"""The event stream: server-sent events that can be taken up again where they broke off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import anyio
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from flash_tui.local.journal.journal import Subscription
from flash_tui.local.services import Services
from flash_tui.models.errors import UsageError
from flash_tui.models.events import EVENT

HEARTBEAT_S: Final = 10.0
"""A comment after so long without an event, so that either side notices a connection that is no more."""


async def stream(events: Subscription, heartbeat_s: float = HEARTBEAT_S) -> AsyncIterator[bytes]:
    """`id:` is the cursor, `data:` the event as JSON. Source: HTML standard, server-sent events."""
    yield b": connected\n\n"
    while True:
        block = b":\n\n"
        with anyio.move_on_after(heartbeat_s):
            cursor, event = await anext(events)
            block = b"id: %d\ndata: %b\n\n" % (cursor, EVENT.dump_json(event))
        yield block  # outside of the scope, which a generator must not hold while it is suspended


def _after(request: Request) -> int | None:
    """Where to go on: `after`, else the header that browsers send when they connect again, else from now."""
    text = request.query_params.get("after", request.headers.get("last-event-id"))
    if text is None:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise UsageError(f"after is not a cursor: {text[:50]}", where="after", hint="use the id of an event") from error


def routes(services: Services) -> list[BaseRoute]:
    async def events(request: Request) -> Response:
        subscription = services.journal.subscribe(_after(request), request.query_params.get("app"))
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(stream(subscription), media_type="text/event-stream", headers=headers)

    return [Route("/events", events)]
