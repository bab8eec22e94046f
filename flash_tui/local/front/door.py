"""The front door: one loopback port for everything.

The accept loop is our own: it peeks at the first byte (TLS or not), then attaches a `Connection` to the socket. Each
request of each connection is checked (token, Host, Origin) and goes either to a worker, if it is for a load-balanced
endpoint, or to the app in this process.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

import anyio
import anyio.abc

from flash_tui.local import limits
from flash_tui.local.front.answer import Answer
from flash_tui.local.front.asgi import AsgiApp, answer_by_app
from flash_tui.local.front.connection import Connection
from flash_tui.local.front.http import Request
from flash_tui.local.front.proxy import Destination, Forwarder, destination_by_path
from flash_tui.local.front.upstream import UpstreamPool
from flash_tui.local.ports import Router
from flash_tui.local.security import HOST_SUFFIX, Gate, UrlSigner

_log = logging.getLogger(__name__)

_ARTIFACTS: Final = "/artifacts/"
_OPEN: Final = frozenset({("POST", "/graphql"), ("GET", "/flash/login")})
"""Where the login flow begins, which asks for a key and so has none. The routes look at what is asked."""
_TLS_HANDSHAKE: Final = b"\x16"
_TLS_REFUSAL: Final = b"\x15\x03\x01\x00\x02\x02\x28"
"""A fatal alert, handshake_failure: a TLS client reads a clear no instead of waiting."""
_OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_ACCEPT_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """What decides about a request, and what answers it."""

    gate: Gate
    signer: UrlSigner
    router: Router
    app: AsgiApp


class FrontDoor:
    """Accepts, checks, routes. `serve` runs until it is cancelled; `shut` ends it in order."""

    def __init__(self, listener: socket.socket, keeper: Doorkeeper, *, tls: ssl.SSLContext | None = None) -> None:
        """`listener` is bound and listening; the door closes it."""
        self.pool = UpstreamPool()
        self._listener = listener
        self._keeper = keeper
        self._forwarder = Forwarder(keeper.router, self.pool)
        self._tls = tls
        self._connections: set[Connection] = set()
        self._admitting = 0
        self._all_gone = anyio.Event()
        self._accepting = anyio.CancelScope()
        self._serving = anyio.CancelScope()

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def serve(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Accept and answer until `shut`, or until cancelled, which breaks answers off."""
        self._listener.settimeout(0)
        try:
            async with anyio.create_task_group() as group:
                self._serving = group.cancel_scope
                with self._accepting:
                    task_status.started()
                    await self._accept(group)
        finally:
            self._listener.close()
            self.pool.close()

    async def shut(self, grace_s: float = limits.ANSWERS_STOP_TIMEOUT_S) -> None:
        """Take no more connections or requests; answers that are being written get `grace_s`, then they break off."""
        self._accepting.cancel()
        for connection in self._connections:
            connection.shut()
        with anyio.move_on_after(grace_s):
            while self._connections:
                self._all_gone = anyio.Event()
                await self._all_gone.wait()
        for connection in list(self._connections):
            connection.abort()
        self._serving.cancel()

    # --- connections -------------------------------------------------------------------------------------------------

    async def _accept(self, group: anyio.abc.TaskGroup) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                if error.errno not in _OUT_OF_DESCRIPTORS:
                    _log.warning("a connection broke before it was accepted: %s", error)
                    continue
                _log.warning("out of file descriptors: new connections wait")
                await anyio.sleep(_ACCEPT_PAUSE_S)
                continue
            if self.connections + self._admitting >= limits.MAX_CONNECTIONS:
                client.close()
                continue
            self._admitting += 1
            group.start_soon(self._admit, client)

    async def _admit(self, client: socket.socket) -> None:
        """Look at the first byte, then serve the connection to its end."""
        try:
            connection = await self._attach(client)
        finally:
            self._admitting -= 1
        if connection is None:
            return
        self._connections.add(connection)
        try:
            await connection.serve()
        finally:
            self._connections.discard(connection)
            self._all_gone.set()

    async def _attach(self, client: socket.socket) -> Connection | None:
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            first = await _peek(client)
            if not first or (first == _TLS_HANDSHAKE and self._tls is None):
                _turn_away(client, _TLS_REFUSAL if first else b"")
                return None
            tls = self._tls if first == _TLS_HANDSHAKE else None
            _, connection = await asyncio.get_running_loop().connect_accepted_socket(
                lambda: Connection(self._handle), client, ssl=tls
            )
        except OSError:  # ssl.SSLError is one: a client that broke off or speaks something else
            client.close()
            return None
        except asyncio.CancelledError:
            client.close()
            raise
        return connection

    # --- requests ----------------------------------------------------------------------------------------------------

    async def _handle(self, request: Request, answer: Answer) -> None:
        keeper = self._keeper
        refusal = keeper.gate.check(request.headers, token_needed=not (_is_open(request) or self._is_signed(request)))
        if refusal is not None:
            await answer.refuse(refusal)
            return
        connection = answer.stream
        assert isinstance(connection, Connection)  # the door made it
        scheme = "https" if connection.is_tls else "http"
        destination = destination_by_path(request.target) or self._destination_by_host(request)
        if destination is None:
            await answer_by_app(keeper.app, request, answer, client=connection.client, scheme=scheme)
            return
        await self._forwarder.forward(request, answer, destination, scheme=scheme, client=connection.client[0])

    def _destination_by_host(self, request: Request) -> Destination | None:
        host = request.header(b"host").decode("latin-1").partition(":")[0].lower()
        if not host.endswith(HOST_SUFFIX):
            return None
        endpoint_id = self._keeper.router.resolve_host(host)
        return None if endpoint_id is None else Destination(endpoint_id, request.target)

    def _is_signed(self, request: Request) -> bool:
        """An artifact's URL that carries its own secret in place of the token."""
        if not request.path.startswith(_ARTIFACTS):
            return False
        key = unquote(request.path.removeprefix(_ARTIFACTS))
        return self._keeper.signer.verify(request.method, key, request.query, time.time())


def _is_open(request: Request) -> bool:
    """A small request that may be one for a key."""
    if (request.method, request.path) not in _OPEN or request.header(b"transfer-encoding"):
        return False
    return (request.content_length or 0) <= limits.MAX_OPEN_BODY_BYTES


def _turn_away(client: socket.socket, words: bytes) -> None:
    with suppress(OSError):
        client.recv(limits.READ_LOW_BYTES)  # closing with something unread would wipe out the answer
        client.send(words)
    client.close()


async def _peek(client: socket.socket) -> bytes:
    """The first byte, left in the socket; nothing if none comes in time or the client went away."""
    client.settimeout(0)
    with anyio.move_on_after(limits.FIRST_BYTE_TIMEOUT_S):
        while True:
            try:
                return client.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                await anyio.wait_readable(client)
    return b""
