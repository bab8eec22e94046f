"""How an answer is written: one way for the platform's own answers and for those that workers give."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Final

from flash_tui.local.front.http import ClientGone, Headers, Request
from flash_tui.local.front.stream import Stream
from flash_tui.local.security import Refusal
from flash_tui.models.errors import ErrorDocument

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers that speak of one connection only. Source: RFC 9110 §7.6.1."""

_REASONS: Final = {status.value: status.phrase.encode("ascii") for status in HTTPStatus}
_CODES: Final = {401: "unauthorised", 403: "unauthorised", 404: "not_found", 409: "conflict", 503: "unreachable"}
_NO_BODY: Final = frozenset({204, 304})


def error_body(status: int, what: str, *, where: str = "", hint: str = "") -> bytes:
    """`{"error": ErrorDocument}` for an error that HTTP itself has."""
    fallback = "usage" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "failed"
    document = ErrorDocument(code=_CODES.get(status, fallback), what=what, where=where, hint=hint)
    return json.dumps({"error": document.model_dump(mode="json", exclude_none=True)}).encode()


class Answer:
    """The answer to one request. Framing, keep-alive and HEAD are its business; callers give status, headers, bytes.

    Methods raise ClientGone when nobody is there to read, TimeoutError when the client takes nothing.
    """

    __slots__ = ("_chunked", "_left", "_pending", "_sends_body", "_stream", "ended", "keep_alive", "request", "status")

    def __init__(self, stream: Stream, request: Request, *, keep_alive: bool = True) -> None:
        self._stream = stream
        self.request = request
        self.keep_alive = keep_alive and request.keep_alive
        """Whether the connection may be used again, as far as this answer goes."""
        self.status: int | None = None
        """None until the answer has begun."""
        self.ended = False
        self._pending = b""
        self._chunked = False
        self._sends_body = True
        self._left: int | None = None

    @property
    def stream(self) -> Stream:
        return self._stream

    def send_continue(self) -> None:
        """Tell a client that waits with its body to send it."""
        if self.status is None:
            self._stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def start(self, status: int, headers: Headers) -> None:
        """Begin. Without `content-length` the body is chunked, or ended by closing for HTTP/1.0.

        The head waits for the first bytes of the body if these come at once, so that a short answer is one packet.
        """
        if self._stream.is_lost:
            raise ClientGone
        self.status = status
        kept = [(name, value) for name, value in headers if name not in HOP_BY_HOP]
        self._sends_body = self.request.method != "HEAD" and status not in _NO_BODY
        lengths = [value for name, value in kept if name == b"content-length"]
        if not self._sends_body:
            self._left = 0
            kept = [pair for pair in kept if pair[0] != b"content-length" or status != HTTPStatus.NO_CONTENT]
        elif lengths:
            self._left = int(lengths[0])
        elif self.request.version == "1.1":
            self._chunked = True
            kept.append((b"transfer-encoding", b"chunked"))
        else:
            self.keep_alive = False
        if not self.keep_alive:
            kept.append((b"connection", b"close"))
        elif self.request.version == "1.0":
            kept.append((b"connection", b"keep-alive"))
        self._pending = render_head(status, kept)
        asyncio.get_running_loop().call_soon(self._flush)

    async def write(self, data: bytes) -> None:
        """More of the body. What exceeds the announced length is cut, and the connection ends with the answer."""
        if self._stream.is_lost:
            raise ClientGone
        if not data or not self._sends_body:
            return
        if self._left is not None:
            if len(data) > self._left:
                data, self.keep_alive = data[: self._left], False
            self._left -= len(data)
        framed = b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data
        pending, self._pending = self._pending, b""
        self._stream.write(pending + framed if pending else framed)
        await self._stream.drain()

    def end(self) -> None:
        """The body is complete. If bytes of the announced length are missing, the connection breaks."""
        if self.ended:
            return
        self.ended = True
        if self._chunked:
            self._pending += b"0\r\n\r\n"
        self._flush()
        if self._left and self._sends_body:
            self.abort()

    def abort(self) -> None:
        """Break the connection: part of the answer is out and the rest will not come."""
        self.ended = True
        self.keep_alive = False
        self._stream.abort()

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """A whole answer."""
        self.start(status, [*headers, (b"content-length", str(len(body)).encode("ascii"))])
        await self.write(body)
        self.end()

    async def refuse(self, refusal: Refusal, *, where: str = "") -> None:
        """Answer with an error, as JSON."""
        await self.fail(refusal.status, refusal.what, where=where, hint=refusal.hint)

    async def fail(self, status: int, what: str, *, where: str = "", hint: str = "") -> None:
        """Answer with an error, as JSON; if the answer had begun, break it off."""
        if self.status is not None:
            self.abort()
            return
        self.keep_alive = self.keep_alive and self.request.body.ended
        headers = [(b"content-type", b"application/json")]
        if status == HTTPStatus.UNAUTHORIZED:
            headers.append((b"www-authenticate", b"Bearer"))
        await self.send(status, headers, error_body(status, what, where=where, hint=hint))

    def switch(self, head: bytes, rest: bytes, upstream: Stream) -> None:
        """Leave HTTP: write the head that said so and what came behind it, then join the two streams."""
        self.status = HTTPStatus.SWITCHING_PROTOCOLS
        self.ended = True
        self.keep_alive = False
        self._stream.write(head + rest)
        upstream.join(self._stream)
        self._stream.join(upstream)

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, b""
            self._stream.write(pending)


def render_head(status: int, headers: Headers) -> bytes:
    """Status line and headers, with the empty line."""
    lines = [b"HTTP/1.1 %d %b" % (status, _REASONS.get(status, b"Unknown"))]
    lines += [b"%b: %b" % pair for pair in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"
