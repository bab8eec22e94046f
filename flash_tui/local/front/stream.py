"""One end of a byte stream with back-pressure, and two of them joined."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import anyio

from flash_tui.local import limits


class Stream(asyncio.Protocol):
    """A connection that is written with back-pressure and may be joined to another.

    Joined, bytes go over unread: what one receives the other writes, one that cannot be written to stops the reading
    of the other, and the end of one is the end of both.
    """

    def __init__(self) -> None:
        self.is_lost = False
        self._transport: asyncio.Transport | None = None
        self._writable: anyio.Event | None = None
        self._lost = anyio.Event()
        self._peer: Stream | None = None
        self._on_lost: Callable[[], None] | None = None

    @property
    def transport(self) -> asyncio.Transport:
        assert self._transport is not None  # set before anybody gets hold of the stream
        return self._transport

    def write(self, data: bytes) -> None:
        """Hand bytes to the transport, without waiting; a lost connection swallows them."""
        if not self.is_lost:
            self.transport.write(data)

    async def drain(self) -> None:
        """Wait until the other side has taken enough.

        Raises:
            TimeoutError: it took nothing for `WRITE_TIMEOUT_S`.
        """
        if self._writable is not None and not self.is_lost:
            with anyio.fail_after(limits.WRITE_TIMEOUT_S):
                await self._writable.wait()

    async def wait_lost(self) -> None:
        await self._lost.wait()

    def when_lost(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` when the connection is lost, at once if it is already; None forgets the one given before."""
        self._on_lost = callback
        if self.is_lost and callback is not None:
            callback()

    def abort(self) -> None:
        """End it at once, so that the other side notices that something is missing."""
        if not self.is_lost:
            self.transport.abort()

    def join(self, peer: Stream) -> None:
        """From now on, all that arrives here goes to `peer`."""
        self._peer = peer
        if peer.is_lost:
            self.transport.close()
        else:
            self.transport.resume_reading()

    # --- called by asyncio -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=limits.WRITE_HIGH_BYTES)

    def data_received(self, data: bytes) -> None:
        if self._peer is not None:
            self._peer.write(data)

    def eof_received(self) -> bool:
        """False closes the connection: half of one is of no use to HTTP, and a client that died looks the same."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.is_lost = True
        self._lost.set()
        self.resume_writing()
        if self._on_lost is not None:
            self._on_lost()
        if self._peer is not None and not self._peer.is_lost:
            self._peer.transport.close()

    def pause_writing(self) -> None:
        self._writable = anyio.Event()
        if self._peer is not None and not self._peer.is_lost:
            self._peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None
        if self._peer is not None and not self._peer.is_lost:
            self._peer.transport.resume_reading()
