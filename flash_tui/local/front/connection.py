"""A client's connection: requests come in, one after the other each is handed on and answered.

The connection belongs to the front door, not to whoever answers: a client's keep-alive connection goes on whatever
becomes of the workers behind it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from flash_tui.local import limits
from flash_tui.local.front.answer import Answer
from flash_tui.local.front.http import BadRequest, Body, ClientGone, Request, RequestParser
from flash_tui.local.front.stream import Stream

Handle = Callable[[Request, Answer], Awaitable[None]]
"""Answers one request. Raises ClientGone or TimeoutError when the client does not play along."""

_MAX_PIPELINED: Final = 8
_SMALL_REST_BYTES: Final = 256 * limits.KIB
"""So much of a body that nobody read is skipped, to keep the connection; for more it is closed."""


class Connection(Stream):
    """Parses what comes, queues requests, answers them in order (`serve`)."""

    def __init__(self, handle: Handle) -> None:
        super().__init__()
        self._handle = handle
        self._parser = RequestParser(self._received)
        self._queue: deque[Request | BadRequest] = deque()
        self._news = anyio.Event()
        self._latest: Body | None = None
        self._head_since: float | None = None
        self._is_reading = True
        self._lingering: int | None = None
        self._closing = False
        self.is_busy = False
        """A request is being answered."""

    @property
    def is_tls(self) -> bool:
        return isinstance(self.transport.get_extra_info("ssl_object"), ssl.SSLObject)

    @property
    def client(self) -> tuple[str, int]:
        """Address and port of the client."""
        address: tuple[str, int] | None = self.transport.get_extra_info("peername")
        return (address[0], address[1]) if address else ("127.0.0.1", 0)

    async def serve(self) -> None:
        """Answer requests until one side wants no more, then close."""
        try:
            while (request := await self._next()) is not None:
                self.is_busy = True
                if isinstance(request, BadRequest):
                    await self._refuse(request)
                    break
                if not await self._answer(request):
                    break
                self.is_busy = False
        finally:
            if not self.is_lost:
                self.transport.close()

    def shut(self) -> None:
        """The platform stops: no further request; an idle connection ends now, a busy one after its answer."""
        self._closing = True
        self._wake()

    # --- requests ----------------------------------------------------------------------------------------------------

    async def _next(self) -> Request | BadRequest | None:
        """The next request, or None when there will be none."""
        while not self._queue:
            if self.is_lost or self._closing:
                return None
            with anyio.CancelScope(deadline=self._deadline()) as scope:
                await self._news.wait()
            if scope.cancelled_caught and not self._news.is_set():
                return None if self._head_since is None else BadRequest(408, "the request's head took too long")
            self._news = anyio.Event()
        request = self._queue.popleft()
        self._throttle()
        return request

    def _deadline(self) -> float:
        if self._head_since is not None:
            return self._head_since + limits.HEAD_TIMEOUT_S
        return anyio.current_time() + limits.KEEP_ALIVE_TIMEOUT_S

    async def _answer(self, request: Request) -> bool:
        """Whether the connection goes on after it."""
        answer = Answer(self, request, keep_alive=not self._closing)
        if request.expects_continue:
            request.body.on_wanted = answer.send_continue
        try:
            await self._handle(request, answer)
        except ClientGone:
            return False
        except BadRequest as bad:  # its body was badly framed
            await answer.refuse(bad.refusal)
        except TimeoutError:
            if answer.status is not None:
                answer.abort()
                return False
            await answer.fail(408, "the client sent nothing of its body for too long")
        if self._peer is not None:
            await self.wait_lost()
            return False
        if not answer.ended:
            answer.abort()
        if not answer.keep_alive or not await self._skip(request.body):
            await self._linger(request.body)
            return False
        if request.upgrades:
            self._resume_parsing()
        return not self._closing or bool(self._queue)

    async def _skip(self, body: Body) -> bool:
        """Read over a small rest of a body; whether the next request can be found."""
        if body.ended:
            return True
        if body.on_wanted is not None:
            return False  # the client waits for `100 Continue`, or sends its body all the same: nobody can tell
        rest = 0
        while rest <= _SMALL_REST_BYTES:
            try:
                chunk = await body.read()
            except (ClientGone, TimeoutError, BadRequest):
                return False
            if not chunk:
                return True
            rest += len(chunk)
        return False

    async def _refuse(self, bad: BadRequest) -> None:
        request = Request("GET", "/", "1.1", [], Body(), keep_alive=False, upgrades=False)
        try:
            await Answer(self, request).refuse(bad.refusal)
        except (ClientGone, TimeoutError):
            return
        await self._linger(None)

    async def _linger(self, body: Body | None) -> None:
        """Close so that a client that is still sending reads its answer first: a reset would wipe it out."""
        if self.is_lost or (body is not None and body.ended) or not self.transport.can_write_eof():
            return
        self._lingering = 0
        if body is not None:
            body.take()
        self.transport.write_eof()
        self._resume_reading()
        with anyio.move_on_after(limits.LINGER_TIMEOUT_S):
            await self.wait_lost()

    # --- what arrives ------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            super().data_received(data)
        elif self._lingering is not None:
            self._lingering += len(data)
            if self._lingering > limits.LINGER_BYTES:
                self.abort()
        else:
            self._parse(self._parser.feed, data)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._latest is not None:
            self._latest.fail(ClientGone())
        self._wake()

    def join(self, peer: Stream) -> None:
        held, self._parser.held = self._parser.held, b""
        if held:
            peer.write(held)
        super().join(peer)

    def _resume_parsing(self) -> None:
        def resume(_: bytes) -> None:
            self._parser.resume()

        self._parse(resume, b"")

    def _parse(self, parse: Callable[[bytes], None], data: bytes) -> None:
        heads = self._parser.heads
        try:
            parse(data)
        except BadRequest as bad:
            self._give_up(bad)
        if not self._parser.in_head:
            self._head_since = None
        elif self._head_since is None or heads != self._parser.heads:
            self._head_since = asyncio.get_running_loop().time()
            self._wake()  # the wait for a next request has another deadline now
        self._throttle()

    def _give_up(self, bad: BadRequest) -> None:
        """Nothing more can be parsed. A request whose body broke is told; the refusal comes after those before it."""
        self._lingering = 0
        if self._latest is not None and not self._latest.ended:
            self._latest.fail(bad)
        self._queue.append(bad)
        self._wake()

    def _received(self, request: Request) -> None:
        request.body.on_drained = self._throttle
        self._latest = request.body
        self._queue.append(request)
        self._wake()

    def _wake(self) -> None:
        self._news.set()

    # --- back-pressure -----------------------------------------------------------------------------------------------

    def _throttle(self) -> None:
        """Read only while somebody takes what was read."""
        if self.is_lost or self._peer is not None or self._lingering is not None:
            return
        waiting = self._latest.size if self._latest is not None else 0
        if waiting > limits.READ_HIGH_BYTES or len(self._queue) > _MAX_PIPELINED or self._parser.held:
            if self._is_reading:
                self._is_reading = False
                self.transport.pause_reading()
        elif waiting <= limits.READ_LOW_BYTES:
            self._resume_reading()

    def _resume_reading(self) -> None:
        if not self._is_reading and not self.is_lost:
            self._is_reading = True
            self.transport.resume_reading()
