"""Connections from the front door to workers: HTTP over the unix socket that a worker serves."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

import anyio
import httptools

from flash_tui.local import limits
from flash_tui.local.front.http import Headers
from flash_tui.local.front.stream import Stream

SWITCHING: Final = HTTPStatus.SWITCHING_PROTOCOLS


class UpstreamUnsent(Exception):
    """No byte of the request reached the worker: any other worker may have it."""


class UpstreamBroken(Exception):
    """The worker broke the connection before its answer was complete."""


@dataclass(frozen=True, slots=True, eq=False)
class UpstreamHead:
    status: int
    headers: Headers


class Upstream(Stream):
    """One connection to one worker, one exchange at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.idle_since: float | None = None
        """When it was given back last; None for a connection that was never used before."""
        self._parser: httptools.HttpResponseParser | None = None
        self._is_head = False
        self._headers: Headers = []
        self._head: UpstreamHead | None = None
        self._head_bytes = 0
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._complete = False
        self._reusable = False
        self._invalid = False
        self._news: anyio.Event | None = None
        self.rest = b""
        """What came behind the head of an answer that left HTTP."""

    # --- one exchange ------------------------------------------------------------------------------------------------

    def begin(self, method: str, data: bytes) -> None:
        """Send the head of a request, with what is there of its body.

        Raises:
            UpstreamUnsent: the worker had closed the connection.
        """
        self._parser = httptools.HttpResponseParser(self)
        self._is_head = method == "HEAD"
        self._headers, self._head, self._head_bytes = [], None, 0
        self._complete = self._reusable = False
        if self.is_lost or self.transport.is_closing():
            raise UpstreamUnsent
        self.transport.write(data)
        # A unix socket whose other end is closed fails at once, so this tells for certain that nothing was delivered.
        if self.transport.is_closing():
            raise UpstreamUnsent

    async def head(self) -> UpstreamHead:
        """Status and headers of the answer; interim answers are skipped.

        Raises:
            UpstreamBroken: the connection ended before, or what came is no HTTP.
        """
        while self._head is None:
            if self.is_lost or self._invalid:
                raise UpstreamBroken
            await self._wait()
        return self._head

    async def read(self) -> bytes:
        """The next bytes of the answer's body; nothing at its end.

        Raises:
            UpstreamBroken: the connection ended before the body did.
        """
        while not self._chunks:
            if self._complete:
                return b""
            if self.is_lost or self._invalid:
                if self._ends_with_connection and not self._invalid:
                    return b""
                raise UpstreamBroken
            await self._wait()
        taken = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        if self._size > limits.READ_HIGH_BYTES and not self.is_lost:
            self.transport.resume_reading()
        self._size = 0
        return taken

    def spoil(self) -> None:
        """The request was not sent to its end: what the worker would read next is no request."""
        self._reusable = False

    @property
    def is_reusable(self) -> bool:
        return self._complete and self._reusable and not self._chunks and not self.is_lost

    @property
    def _ends_with_connection(self) -> bool:
        names = {name for name, _ in self._headers}
        return self._head is not None and not names & {b"content-length", b"transfer-encoding"}

    async def _wait(self) -> None:
        self._news = anyio.Event()
        await self._news.wait()

    def _wake(self) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None

    # --- called by asyncio -------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            super().data_received(data)
            return
        if self._head is not None and self._head.status == SWITCHING:
            self.rest += data
            return
        if self._parser is None or self._complete:
            self._invalid = True  # nobody asked for it
            self.transport.close()
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.rest = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            # A server's next bytes may come in the same packet as the end; they break the connection, not the answer.
            self._invalid = not self._complete
            self._reusable = False
            self.transport.close()
        if self._size > limits.READ_HIGH_BYTES and not self.transport.is_closing():
            self.transport.pause_reading()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._wake()

    # --- called by httptools -----------------------------------------------------------------------------------------

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > limits.MAX_HEAD_BYTES:
            raise UpstreamBroken
        if self._head is None:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status < HTTPStatus.OK and status != SWITCHING:
            return  # an interim answer
        self._head = UpstreamHead(status, self._headers)
        self._complete = self._is_head  # whatever its length says, no body comes

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._size += len(body)

    def on_message_begin(self) -> None:
        if self._complete:
            self._reusable = False

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._head is None:
            self._headers = []
            return
        self._reusable = not self._complete and self._parser.should_keep_alive()
        self._complete = True


class UpstreamPool:
    """Idle connections per worker, the latest used first."""

    def __init__(self) -> None:
        self._idle: dict[str, list[Upstream]] = {}

    async def take(self, socket_path: str) -> Upstream:
        """A connection to the worker that serves `socket_path`.

        Raises:
            UpstreamUnsent: it does not listen.
        """
        loop = asyncio.get_running_loop()
        idle = self._idle.get(socket_path, [])
        while idle:
            upstream = idle.pop()
            upstream.when_lost(None)
            assert upstream.idle_since is not None  # set when it was given back
            if not upstream.is_lost and loop.time() - upstream.idle_since < limits.UPSTREAM_IDLE_S:
                return upstream
            upstream.abort()
        try:
            with anyio.fail_after(limits.CONNECT_TIMEOUT_S):
                _, upstream = await loop.create_unix_connection(Upstream, socket_path)
        except OSError as error:  # a TimeoutError is one
            raise UpstreamUnsent from error
        return upstream

    def give_back(self, socket_path: str, upstream: Upstream) -> None:
        """Keep it for the next request, if it can take one; else end it."""
        idle = self._idle.setdefault(socket_path, [])
        if not upstream.is_reusable or len(idle) >= limits.UPSTREAM_POOL:
            upstream.abort()
            return
        upstream.idle_since = asyncio.get_running_loop().time()
        upstream.when_lost(partial(self._forget, socket_path, upstream))
        idle.append(upstream)

    def _forget(self, socket_path: str, upstream: Upstream) -> None:
        """The worker closed an idle connection; the last one of a worker that is gone takes its name with it."""
        idle = self._idle.get(socket_path, [])
        if upstream in idle:
            idle.remove(upstream)
        if not idle:
            self._idle.pop(socket_path, None)

    def drop(self, socket_path: str) -> None:
        """The worker is outdated: end its idle connections."""
        for upstream in self._idle.pop(socket_path, []):
            upstream.abort()

    def close(self) -> None:
        for socket_path in list(self._idle):
            self.drop(socket_path)
