"""Networks that fail, and targets that answer what they should not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import anyio
import httpx

from flash_tui.client.connection import Connection
from flash_tui.client.target import Target, origin_target

KEY = "rpa_secret"
ORIGIN = "http://platform.test"

Handler = Callable[[httpx.Request], httpx.Response]


def a_target(origin: str = ORIGIN) -> Target:
    return origin_target(origin, {"RUNPOD_API_KEY": KEY})


def a_connection(handler: Handler, target: Target | None = None) -> Connection:
    async def handle(request: httpx.Request) -> httpx.Response:
        await anyio.lowlevel.checkpoint()  # as a real network, it can be interrupted
        return handler(request)

    return Connection(target or a_target(), httpx.MockTransport(handle))


def answers(status: int = 200, document: object = None, **options: object) -> Handler:
    """A target that says the same to everything."""
    content = {} if document is None else {"json": document}
    return lambda _: httpx.Response(status, **content, **options)  # pyright: ignore[reportArgumentType]


def breaks(error: Exception) -> Handler:
    """A network on which nothing comes through."""

    def handle(_: httpx.Request) -> httpx.Response:
        raise error

    return handle


class Script:
    """Answers one after the other, and remembers what was asked. The last one stays."""

    def __init__(self, *steps: httpx.Response | Exception) -> None:
        self.steps = list(steps)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step

    def documents(self) -> list[object]:
        return [json.loads(request.content) for request in self.asked]


class Body(httpx.AsyncByteStream):
    """An answer's body that may end in an error."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self._chunks = chunks
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        if self._error is not None:
            raise self._error
