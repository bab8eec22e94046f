"""The platform's own answers: one request of a connection handed to the ASGI app in this process.

Not uvicorn's protocol: each request is parsed already, because its token, Host and Origin are checked. Uvicorn would
parse it a second time, would have to be fed from a transport made up for it, and tells by no public method when an
answer has ended. What is left of a server is this: a scope, `receive` and `send`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import anyio.lowlevel
from starlette.exceptions import HTTPException

from flash_tui.local.front.answer import Answer
from flash_tui.local.front.http import BadRequest, ClientGone, Headers, Request
from flash_tui.local.limits import MAX_ARTIFACT_BODY_BYTES, MAX_CONTROL_BODY_BYTES

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_LARGE_BODIES = ("/artifacts/", "/flash-tui/v1/builds")


def body_limit(path: str) -> int:
    """Bytes that a request to `path` may carry."""
    return MAX_ARTIFACT_BODY_BYTES if path.startswith(_LARGE_BODIES) else MAX_CONTROL_BODY_BYTES


async def answer_by_app(
    app: AsgiApp, request: Request, answer: Answer, *, client: tuple[str, int], scheme: str = "http"
) -> None:
    """Let `app` answer. A client that goes away is told to the app (`http.disconnect`); the app is not cancelled."""
    exchange = _Exchange(request, answer)
    if (request.content_length or 0) > exchange.limit:
        await answer.fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, exchange.too_large)
        return
    await app(_scope(request, client, scheme), exchange.receive, exchange.send)
    if answer.status is None:
        await answer.fail(HTTPStatus.INTERNAL_SERVER_ERROR, "the platform gave no answer")


class _Exchange:
    """`receive` and `send` of one request."""

    def __init__(self, request: Request, answer: Answer) -> None:
        self._request = request
        self._answer = answer
        self._received_all = False
        self.limit = body_limit(request.path)
        self.too_large = f"the request's body is over {self.limit} bytes"

    async def receive(self) -> Message:
        if self._received_all:
            await self._answer.stream.wait_lost()
            return {"type": "http.disconnect"}
        body = self._request.body
        try:
            chunk = await body.read()
        except ClientGone:
            return {"type": "http.disconnect"}
        except TimeoutError as error:
            what = "nothing of the request's body came for too long"
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, what) from error
        except BadRequest as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST, error.refusal.what) from error
        if body.received > self.limit:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, self.too_large)
        self._received_all = body.read_to_end
        return {"type": "http.request", "body": chunk, "more_body": not self._received_all}

    async def send(self, message: Message) -> None:
        try:
            if message["type"] == "http.response.start":
                self._answer.start(message["status"], _lowered(message.get("headers", [])))
            elif message["type"] == "http.response.body":
                await self._answer.write(message.get("body", b""))
                if not message.get("more_body", False):
                    self._answer.end()
        except ClientGone:
            await anyio.lowlevel.checkpoint()  # the app learns of it from `receive`, if it gets a turn
        except TimeoutError:
            self._answer.abort()


def _lowered(headers: Headers) -> Headers:
    return [(name.lower(), value) for name, value in headers]


def _scope(request: Request, client: tuple[str, int], scheme: str) -> MutableMapping[str, Any]:
    path, _, query = request.target.partition("?")
    return {
        "type": "http",
        # 2.3: from 2.4 on a stream is ended by its own send failing, which an event stream with no events never does.
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.version,
        "method": request.method,
        "scheme": scheme,
        "path": unquote(path),
        "raw_path": path.encode("ascii"),
        "query_string": query.encode("ascii"),
        "root_path": "",
        "headers": request.headers,
        "client": client,
        "server": None,
        "state": {},
    }
