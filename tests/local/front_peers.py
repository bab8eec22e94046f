"""Both sides of the front door, by hand: workers that do as a test says, and a client that sends raw bytes."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import httptools

from flash_tui.local.front.asgi import AsgiApp
from flash_tui.local.front.door import Doorkeeper, FrontDoor
from flash_tui.local.security import HOST_SUFFIX, Gate, UrlSigner
from flash_tui.models.errors import NotFound, TargetUnreachable
from flash_tui.models.identifiers import EndpointId

TOKEN = "the-token"
DEADLINE_S = 20.0

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a worker does with one connection."""


@dataclass(slots=True)
class Received:
    """A request as a worker saw it."""

    method: str = ""
    target: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    size: int = 0

    def header(self, name: str) -> str | None:
        return next((value for found, value in self.headers if found == name), None)


class _Reading:
    def __init__(self, keep_body: bool) -> None:
        self.request = Received()
        self.done = False
        self._keep_body = keep_body

    def on_url(self, url: bytes) -> None:
        self.request.target += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.request.headers.append((name.decode(), value.decode()))

    def on_body(self, body: bytes) -> None:
        self.request.size += len(body)
        if self._keep_body:
            self.request.body += body

    def on_message_complete(self) -> None:
        self.done = True


async def read_request(reader: asyncio.StreamReader, *, keep_body: bool = True) -> Received | None:
    """The next request, or None when the connection ends."""
    reading = _Reading(keep_body)
    parser = httptools.HttpRequestParser(reading)
    while not reading.done:
        data = await reader.read(65536)
        if not data:
            return None
        with suppress(httptools.HttpParserUpgrade):
            parser.feed_data(data)
    reading.request.method = parser.get_method().decode()
    return reading.request


def answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Worker:
    """A unix socket that speaks HTTP. By default it answers with its name, as a keep-alive server would."""

    def __init__(self, folder: Path, name: str, behaviour: Behaviour | None = None) -> None:
        self.name = name
        self.socket_path = str(folder / name)
        self.requests: list[Received] = []
        self.connections = 0
        self._behaviour = behaviour or self.keep_answering
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._connected, self.socket_path)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.close()
            await self._server.wait_closed()
            await anyio.Path(self.socket_path).unlink(missing_ok=True)

    async def keep_answering(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            self.requests.append(request)
            writer.write(answer(self.name.encode()))
            await writer.drain()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            with suppress(ConnectionError):
                await self._behaviour(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@dataclass(slots=True)
class FakeLease:
    socket_path: str
    worker: str
    build: int | None
    ended: Callable[[int | None], None]

    def release(self, *, status_code: int | None, elapsed_ms: float) -> None:
        assert elapsed_ms >= 0
        self.ended(status_code)


class FakeRouter:
    """One endpoint, `ep1`. Tests set `workers`; the first that is not avoided serves."""

    def __init__(self) -> None:
        self.workers: list[Worker] = []
        self.leases: Counter[str] = Counter()
        """Open ones, by worker."""
        self.statuses: list[int | None] = []
        self._ended = anyio.Event()

    async def acquire(self, endpoint_id: EndpointId, *, avoid: frozenset[str] = frozenset()) -> FakeLease:
        if endpoint_id != "ep1":
            raise NotFound("there is no such endpoint", where=endpoint_id)
        for worker in self.workers:
            if worker.name not in avoid:
                self.leases[worker.name] += 1
                return FakeLease(worker.socket_path, worker.name, 1, partial(self._release, worker.name))
        if self.workers:
            await anyio.sleep_forever()  # for one that is not avoided
        raise TargetUnreachable("no worker became healthy in time", where=endpoint_id)

    def resolve_host(self, host: str) -> EndpointId | None:
        return EndpointId(host.removesuffix(HOST_SUFFIX)) if host.endswith(HOST_SUFFIX) else None

    def _release(self, worker: str, status: int | None) -> None:
        self.leases[worker] -= 1
        self.statuses.append(status)
        self._ended.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until it holds; asked again whenever a lease ends."""
        with anyio.fail_after(DEADLINE_S):
            while not condition():
                self._ended = anyio.Event()
                await self._ended.wait()


@dataclass(slots=True)
class Door:
    front: FrontDoor
    router: FakeRouter
    signer: UrlSigner
    port: int


@asynccontextmanager
async def open_door(app: AsgiApp) -> AsyncGenerator[Door]:
    """A front door on an ephemeral port, before `app` and a `FakeRouter`."""
    router, signer = FakeRouter(), UrlSigner("url-secret")
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    front = FrontDoor(listener, Doorkeeper(Gate(TOKEN), signer, router, app))
    async with anyio.create_task_group() as group:
        await group.start(front.serve)
        yield Door(front, router, signer, listener.getsockname()[1])
        group.cancel_scope.cancel()


@dataclass(slots=True)
class Answered:
    """An answer as the client saw it."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Answer:
    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.head_done = False
        self.done = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        self.head_done = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.done = True


class RawClient:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        self.reader = reader
        self.writer = writer
        self.port = port
        self._rest = b""

    def head(self, method: str, target: str, *headers: str, host: str | None = None) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{self.port}'}"]
        lines += [f"Authorization: Bearer {TOKEN}", *headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def get(self, target: str, *headers: str, host: str | None = None) -> Answered:
        await self.send(self.head("GET", target, *headers, host=host))
        return await self.answered()

    async def post(self, target: str, body: bytes, *headers: str) -> Answered:
        await self.send(self.head("POST", target, f"Content-Length: {len(body)}", *headers) + body)
        return await self.answered()

    async def answered(self, *, is_head: bool = False) -> Answered:
        """The next answer; interim answers are skipped. Raises EOFError if the connection ends within it."""
        while True:
            reading = _Answer()
            parser = httptools.HttpResponseParser(reading)
            data, self._rest = self._rest, b""
            with anyio.fail_after(DEADLINE_S):
                while True:
                    # Byte by byte, so that what belongs to the next answer stays.
                    for index in range(len(data)):
                        parser.feed_data(data[index : index + 1])
                        if reading.done or (is_head and reading.head_done):
                            self._rest = data[index + 1 :]
                            break
                    if reading.done or (is_head and reading.head_done):
                        break
                    data = await self.reader.read(65536)
                    if not data:
                        if (
                            reading.head_done
                            and "content-length" not in reading.headers
                            and "transfer-encoding" not in reading.headers
                        ):
                            break
                        raise EOFError
            if parser.get_status_code() >= 200:
                return Answered(parser.get_status_code(), reading.headers, bytes(reading.body))

    async def until_closed(self) -> bytes:
        """All that still comes until the other side ends the connection."""
        with anyio.fail_after(DEADLINE_S), suppress(ConnectionError):
            return self._rest + await self.reader.read()
        return self._rest

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def client_of(port: int) -> AsyncGenerator[RawClient]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024 * 1024)
    client = RawClient(reader, writer, port)
    try:
        yield client
    finally:
        await client.close()
