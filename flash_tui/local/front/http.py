"""Where each request on a connection begins and ends, and what its head says. No sockets here.

llhttp (by httptools) finds the bounds, strictly: it refuses both kinds of length together, two lengths, folded lines
and stray line ends. What it lets pass and a peer could read differently is refused here: other transfer codings than
`chunked`, HTTP/2.0 in a request line, a target that is no path.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import anyio
import httptools

from flash_tui.local import limits
from flash_tui.local.security import Refusal

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, in the order they came; a name may come twice."""

_TARGET: Final = re.compile(rb"/[\x21-\x7e]*")
_NO_VALUE: Final = b""


class ClientGone(Exception):
    """The client closed its connection before its request was answered."""


class Body:
    """A request's body as it arrives. One reader; the connection pauses while `size` is high."""

    __slots__ = ("_broken", "_chunks", "_ended", "_news", "on_drained", "on_wanted", "received", "size")

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._ended = False
        self._broken: Exception | None = None
        self._news: anyio.Event | None = None
        self.size = 0
        """Bytes that wait for the reader."""
        self.received = 0
        """Bytes that came, read or not."""
        self.on_drained: Callable[[], None] | None = None
        """Called when `size` has come down."""
        self.on_wanted: Callable[[], None] | None = None
        """Called once, when the reader first has to wait: the moment to answer `Expect: 100-continue`."""

    @property
    def ended(self) -> bool:
        """Whether all of it has come."""
        return self._ended

    @property
    def read_to_end(self) -> bool:
        return self._ended and not self._chunks

    def feed(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self.size += len(chunk)
        self.received += len(chunk)
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        """No more will come; the reader gets `error` once it has read the rest."""
        if not self._ended:
            self._broken = error
            self._wake()

    def take(self) -> bytes:
        """All that has come so far; may be nothing."""
        if not self._chunks:
            return b""
        taken = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.size = 0
        if self.on_drained is not None:
            self.on_drained()
        return taken

    async def read(self) -> bytes:
        """The next bytes, or nothing at the end.

        Raises:
            ClientGone: the connection broke before the end.
            TimeoutError: nothing came for `BODY_TIMEOUT_S`.
        """
        while not self._chunks:
            if self._ended:
                return b""
            if self._broken is not None:
                raise self._broken
            if self.on_wanted is not None:
                wanted, self.on_wanted = self.on_wanted, None
                wanted()
            self._news = anyio.Event()
            with anyio.fail_after(limits.BODY_TIMEOUT_S):
                await self._news.wait()
        return self.take()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None


@dataclass(slots=True, eq=False)
class Request:
    """One request: its head, and the body that is still arriving."""

    method: str
    target: str
    """Path and query as they came, percent-encoded."""
    version: str
    headers: Headers
    body: Body
    keep_alive: bool
    upgrades: bool
    """It asks to leave HTTP (WebSocket)."""

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: bytes) -> bytes:
        """The first value of a header, or nothing."""
        return next((value for found, value in self.headers if found == name), _NO_VALUE)

    @property
    def content_length(self) -> int | None:
        """What the head announces; None for no body and for a chunked one."""
        text = self.header(b"content-length")
        return int(text) if text else None

    @property
    def expects_continue(self) -> bool:
        return self.version != "1.0" and self.header(b"expect").lower() == b"100-continue"


class BadRequest(Exception):
    """The bytes are no request we take; after it the connection's framing is unknown, so it ends."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(what)
        self.refusal = Refusal(status, what, "the connection is closed, since its next request cannot be found")


class RequestParser:
    """Bytes in, requests out. `on_request` is called when a head is complete, then its body is fed.

    A request that asks to leave HTTP ends the parsing (`halted`): what follows belongs to whoever answers it, who
    either takes `held` over or calls `resume`.
    """

    def __init__(self, on_request: Callable[[Request], None]) -> None:
        self._on_request = on_request
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._headers: Headers = []
        self._head_bytes = 0
        self._raw_bytes = 0
        self._request: Request | None = None
        self._last: Request | None = None
        self._refusal: BadRequest | None = None
        self._upgrade_body_left = 0
        self.heads = 0
        """Heads that were complete so far."""
        self.in_head = False
        self.halted = False
        self.held = b""

    def feed(self, data: bytes) -> None:
        """Parse what came.

        Raises:
            BadRequest: and nothing more can be parsed. Requests before the bad one were delivered.
        """
        if self.halted:
            self.held += data
            return
        if self._upgrade_body_left:
            data = self._feed_upgrade_body(data)
            if not data:
                return
        heads, in_head = self.heads, self.in_head
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgraded(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            raise (self._refusal or BadRequest(400, f"not a valid request: {error}")) from error
        self._limit_raw(len(data) if in_head and heads == self.heads else 0)

    def resume(self) -> None:
        """Go on as HTTP after a request that wanted to leave it and was answered otherwise."""
        self.halted = False
        held, self.held = self.held, b""
        if held:
            self.feed(held)

    def _limit_raw(self, size: int) -> None:
        """A head that grows without end inside one field never reaches the exact count below."""
        self._raw_bytes = self._raw_bytes + size if self.in_head else 0
        if self._raw_bytes > 2 * limits.MAX_HEAD_BYTES:
            raise BadRequest(431, "the request's head is too large")

    def _upgraded(self, rest: bytes) -> None:
        """The parser stops at a request with `Upgrade`, before a body that such a request may well have."""
        request = self._last
        assert request is not None  # llhttp told of its head first
        length = request.content_length
        if length:
            self._request = request
            self._upgrade_body_left = length
            request.upgrades = False
            if rest:
                self.feed(rest)
            return
        if request.upgrades:
            self.halted = True
            self.held = rest
        elif rest:
            self.feed(rest)

    def _feed_upgrade_body(self, data: bytes) -> bytes:
        mine, rest = data[: self._upgrade_body_left], data[self._upgrade_body_left :]
        self._upgrade_body_left -= len(mine)
        assert self._request is not None
        self._request.body.feed(mine)
        if not self._upgrade_body_left:
            self._request.body.end()
            self._request = None
        return rest

    # --- called by httptools -----------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = []
        self._head_bytes = 0
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > limits.MAX_URL_BYTES:
            self._refuse(414, "the request's URL is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > limits.MAX_HEAD_BYTES or len(self._headers) >= limits.MAX_HEADERS:
            self._refuse(431, "the request's head is too large")
        if self.in_head:  # not: a trailer, which nobody here wants
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.in_head = False
        self.heads += 1
        version = self._parser.get_http_version()
        self._check_framing(version)
        body = Body()
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            target=self._url.decode("ascii"),
            version=version,
            headers=self._headers,
            body=body,
            keep_alive=self._parser.should_keep_alive(),
            upgrades=self._parser.should_upgrade() and (b"upgrade", b"websocket") in _lowered(self._headers),
        )
        self._request = self._last = request
        self._on_request(request)

    def on_body(self, body: bytes) -> None:
        if self._request is not None:
            self._request.body.feed(body)

    def on_message_complete(self) -> None:
        if self._request is None:
            return
        if self._parser.should_upgrade() and self._request.content_length:
            return  # its body comes, see `_upgraded`
        self._request.body.end()
        self._request = None

    def _check_framing(self, version: str) -> None:
        if version not in {"1.0", "1.1"}:
            self._refuse(505, f"HTTP/{version} is not spoken here")
        if self._parser.get_method() == b"CONNECT" or not _TARGET.fullmatch(self._url):
            self._refuse(400, "the request's target is not a path")
        codings = [value for name, value in self._headers if name == b"transfer-encoding"]
        lengths = [value for name, value in self._headers if name == b"content-length"]
        if codings and self._parser.should_upgrade():
            self._refuse(400, "a request with Upgrade cannot be chunked")
        if codings and (version == "1.0" or lengths or len(codings) > 1 or codings[0].strip().lower() != b"chunked"):
            self._refuse(400, "the end of the request's body is ambiguous")
        if lengths and not (len(lengths) == 1 and _is_length(lengths[0])):
            self._refuse(400, "Content-Length is not one number")

    def _refuse(self, status: int, what: str) -> None:
        self._refusal = BadRequest(status, what)
        raise self._refusal


def _is_length(value: bytes) -> bool:
    return value.isdigit() and len(value) <= limits.MAX_CONTENT_LENGTH_DIGITS


def _lowered(headers: Headers) -> Headers:
    return [(name, value.strip().lower()) for name, value in headers]
