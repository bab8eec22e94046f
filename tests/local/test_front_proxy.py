"""Load-balanced requests through real sockets: to the right worker, streamed, retried, and never lost in a switch."""

from __future__ import annotations

import asyncio
import hashlib
import json
import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import pytest

from flash_tui.local import limits
from flash_tui.local.front.asgi import Message, Receive, Send
from tests.local.front_peers import (
    DEADLINE_S,
    Behaviour,
    Door,
    RawClient,
    Worker,
    answer,
    client_of,
    open_door,
    read_request,
)

pytestmark = pytest.mark.anyio


async def no_app(_: Message, __: Receive, ___: Send) -> None:
    raise AssertionError("a load-balanced request reached the app")


@pytest.fixture
async def door() -> AsyncGenerator[Door]:
    async with open_door(no_app) as opened:
        yield opened


@pytest.fixture
async def client(door: Door) -> AsyncGenerator[RawClient]:
    async with client_of(door.port) as connected:
        yield connected


class Hire:
    """Starts workers; the newest does not serve until `door.router.workers` says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.all: list[Worker] = []

    async def __call__(self, name: str, behaviour: Behaviour | None = None) -> Worker:
        worker = Worker(self.folder, name, behaviour)
        await worker.start()
        self.all.append(worker)
        return worker


@pytest.fixture
async def hire(tmp_path: Path) -> AsyncGenerator[Hire]:
    hire = Hire(tmp_path)
    yield hire
    for worker in hire.all:
        await worker.stop()


@pytest.fixture
async def worker(hire: Hire, door: Door) -> Worker:
    first = await hire("one")
    door.router.workers = [first]
    return first


async def test_a_worker_sees_the_route_and_who_asked(client: RawClient, worker: Worker) -> None:
    answered = await client.post("/lb/ep1/route/%20x?a=b", b"{}", "X-Mine: yes", "Cookie: c=1")
    assert (answered.status, answered.body) == (200, b"one")
    seen = worker.requests[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/route/%20x?a=b", b"{}")
    assert (seen.header("x-mine"), seen.header("cookie")) == ("yes", "c=1")
    forwarded = [seen.header(f"x-forwarded-{name}") for name in ("for", "proto", "host", "prefix")]
    assert forwarded == ["127.0.0.1", "http", f"127.0.0.1:{client.port}", "/lb/ep1"]


@pytest.mark.parametrize(
    ("target", "seen"), [("/lb/ep1", "/"), ("/lb/ep1?a", "/?a"), ("/lb/ep1/", "/"), ("/lb/ep1//x", "//x")]
)
async def test_the_prefix_is_cut(client: RawClient, worker: Worker, target: str, seen: str) -> None:
    await client.get(target)
    assert worker.requests[0].target == seen


async def test_a_host_name_is_a_second_way_to_the_same_place(client: RawClient, worker: Worker) -> None:
    assert (await client.get("/route", host="ep1.flash.localhost")).body == b"one"
    assert (worker.requests[0].target, worker.requests[0].header("x-forwarded-prefix")) == ("/route", None)


async def test_the_platforms_key_and_headers_of_one_connection_stay_here(client: RawClient, worker: Worker) -> None:
    await client.get(
        "/lb/ep1/", "Connection: keep-alive, X-Hop", "X-Hop: 1", "TE: trailers", "X-Forwarded-For: 6.6.6.6"
    )
    seen = worker.requests[0]
    gone = ("authorization", "connection", "x-hop", "te")
    assert ([seen.header(name) for name in gone], seen.header("x-forwarded-for")) == ([None] * 4, "127.0.0.1")


async def test_connections_to_a_worker_are_used_again(client: RawClient, worker: Worker) -> None:
    for _ in range(5):
        await client.get("/lb/ep1/")
    assert worker.connections == 1


async def test_a_body_without_length_is_passed_on_chunked(client: RawClient, worker: Worker) -> None:
    await client.send(client.head("POST", "/lb/ep1/", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n")
    assert (await client.answered()).status == 200
    assert (worker.requests[0].body, worker.requests[0].header("transfer-encoding")) == (b"abc", "chunked")


async def test_an_answer_keeps_its_status_headers_and_lack_of_a_body(door: Door, client: RawClient, hire: Hire) -> None:
    async def teapot(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            head = answer(b"short", "418 I'm a teapot", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Mine: yes")
            writer.write(head[:-5] if request.method == "HEAD" else head)

    door.router.workers = [await hire("teapot", teapot)]
    answered = await client.get("/lb/ep1/")
    assert (answered.status, answered.body, answered.headers["x-mine"]) == (418, b"short", "yes")
    await client.send(client.head("HEAD", "/lb/ep1/"))
    headed = await client.answered(is_head=True)
    assert (headed.status, headed.headers["content-length"]) == (418, "5")
    assert (await client.get("/lb/ep1/")).status == 418
    assert door.router.statuses == [418, 418, 418]


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nabcde",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nabcde",
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde"
        ),
    ],
)
async def test_every_framing_of_an_answer_is_understood(door: Door, client: RawClient, hire: Hire, wire: bytes) -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(wire)
        await writer.drain()

    door.router.workers = [await hire("once", once)]
    for _ in range(2):
        assert (await client.get("/lb/ep1/")).body == b"abcde"


async def test_an_answer_is_streamed_while_it_is_made(door: Door, client: RawClient, hire: Hire) -> None:
    go_on = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
        await go_on.wait()
        writer.write(b"data: 2\n\n")

    door.router.workers = [await hire("slow", slow)]
    await client.send(client.head("GET", "/lb/ep1/events"))
    with anyio.fail_after(DEADLINE_S):
        assert b"data: 1" in await client.reader.readuntil(b"1\n\n")
        go_on.set()
        assert b"data: 2" in await client.reader.readuntil(b"2\n\n")


async def test_the_worker_learns_that_the_client_has_gone(door: Door, client: RawClient, hire: Hire) -> None:
    asked, gone = asyncio.Event(), asyncio.Event()

    async def waits(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await read_request(reader)
        asked.set()
        await reader.read()
        gone.set()

    door.router.workers = [await hire("waits", waits)]
    await client.send(client.head("GET", "/lb/ep1/"))
    with anyio.fail_after(DEADLINE_S):
        await asked.wait()
        await client.close()
        await gone.wait()
    await door.router.until(lambda: bool(door.router.statuses))
    assert door.router.statuses == [499]


async def test_an_unknown_endpoint_is_not_found(client: RawClient, worker: Worker) -> None:
    answered = await client.get("/lb/nobody/")
    assert (answered.status, json.loads(answered.body)["error"]["code"]) == (404, "not_found")
    assert worker.requests == []


async def test_no_healthy_worker_is_service_unavailable(client: RawClient) -> None:
    answered = await client.get("/lb/ep1/")
    assert (answered.status, json.loads(answered.body)["error"]["code"]) == (503, "unreachable")


async def test_a_request_that_a_worker_never_got_goes_to_another(
    door: Door, client: RawClient, hire: Hire, worker: Worker
) -> None:
    dead = await hire("dead")
    await dead.stop()
    door.router.workers = [dead, worker]
    assert (await client.post("/lb/ep1/", b"once")).body == b"one"
    assert ([r.body for r in worker.requests], door.router.statuses) == ([b"once"], [None, 200])


async def breaks_off(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def test_a_harmless_request_is_repeated_when_the_worker_broke_off(
    door: Door, client: RawClient, hire: Hire, worker: Worker
) -> None:
    door.router.workers = [await hire("broken", breaks_off), worker]
    assert (await client.get("/lb/ep1/")).body == b"one"
    await client.send(client.head("PUT", "/lb/ep1/", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n")
    assert (await client.answered()).body == b"one"
    assert worker.requests[-1].body == b"abc"


async def test_a_worker_that_always_breaks_off_does_not_keep_its_caller_waiting(
    door: Door, client: RawClient, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "REPEAT_TIMEOUT_S", 0.02)
    door.router.workers = [await hire("broken", breaks_off)]
    answered = await client.get("/lb/ep1/")
    assert (answered.status, json.loads(answered.body)["error"]["where"]) == (502, "endpoint ep1, worker broken")


async def test_a_request_that_does_something_is_not_repeated(
    door: Door, client: RawClient, hire: Hire, worker: Worker
) -> None:
    door.router.workers = [await hire("broken", breaks_off), worker]
    answered = await client.post("/lb/ep1/", b"pay")
    assert (answered.status, worker.requests) == (502, [])
    assert "broken" in json.loads(answered.body)["error"]["where"]
    assert (await client.get("/lb/ep1/")).status == 200


async def test_an_idle_connection_that_the_worker_closed_is_replaced_even_for_a_post(
    door: Door, client: RawClient, hire: Hire
) -> None:
    seen: list[bytes] = []

    async def one_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await read_request(reader)
        assert request is not None
        seen.append(request.body)
        writer.write(answer(b"ok"))
        await writer.drain()

    door.router.workers = [await hire("one-each", one_each)]
    for count in range(20):
        assert (await client.post("/lb/ep1/", b"%d" % count)).status == 200
    assert seen == [b"%d" % count for count in range(20)]


async def test_a_broken_answer_breaks_the_clients_connection(door: Door, client: RawClient, hire: Hire) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await writer.drain()

    door.router.workers = [await hire("half", half)]
    with pytest.raises((EOFError, ConnectionError)):
        await client.get("/lb/ep1/")
    assert door.router.statuses == [None]


@pytest.mark.parametrize(
    "wire",
    [
        b"no http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
)
async def test_nonsense_from_a_worker_is_a_bad_gateway(door: Door, client: RawClient, hire: Hire, wire: bytes) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(wire)
        await reader.read()

    door.router.workers = [await hire("nonsense", nonsense)]
    assert (await client.post("/lb/ep1/", b"")).status == 502


async def test_a_worker_that_never_answers_is_a_gateway_timeout(
    door: Door, client: RawClient, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    monkeypatch.setattr(limits, "ANSWER_TIMEOUT_S", 0.05)
    door.router.workers = [await hire("silent", silent)]
    assert (await client.get("/lb/ep1/")).status == 504
    assert (await client.post("/lb/ep1/", bytes(1000))).status == 504


async def test_an_answer_may_come_before_the_body_was_read(door: Door, client: RawClient, hire: Hire) -> None:
    async def refuses(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"too much", "413 Content Too Large", "Connection: close"))
        await writer.drain()

    door.router.workers = [await hire("refuses", refuses)]
    await client.send(client.head("POST", "/lb/ep1/", "Content-Length: 100000000"))
    answered = await client.answered()
    assert (answered.status, answered.body) == (413, b"too much")


async def test_continue_is_told_before_the_body_and_not_passed_on(client: RawClient, worker: Worker) -> None:
    await client.send(client.head("POST", "/lb/ep1/", "Content-Length: 2", "Expect: 100-continue"))
    assert await client.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"ok")
    assert (await client.answered()).status == 200
    assert (worker.requests[0].body, worker.requests[0].header("expect")) == (b"ok", None)


async def echoes_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = await read_request(reader)
    assert request is not None
    assert (request.header("upgrade"), request.header("connection")) == ("websocket", "Upgrade")
    head = (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n"
    )
    writer.write(head + b"\r\nhello")
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()


async def test_a_websocket_is_spliced_both_ways_and_ends_on_both_sides(
    door: Door, client: RawClient, hire: Hire
) -> None:
    door.router.workers = [await hire("ws", echoes_frames)]
    await client.send(client.head("GET", "/lb/ep1/ws", "Connection: keep-alive, Upgrade", "Upgrade: websocket"))
    with anyio.fail_after(DEADLINE_S):
        head = await client.reader.readuntil(b"\r\n\r\n")
        assert (head[:12], b"sec-websocket-accept: x" in head) == (b"HTTP/1.1 101", True)
        assert await client.reader.readexactly(5) == b"hello"
        await client.send(b"frame")
        assert await client.reader.readexactly(5) == b"FRAME"
    await client.close()
    await door.router.until(lambda: door.router.statuses == [101])


async def test_a_websocket_carries_more_than_fits_in_memory_both_ways(
    door: Door, client: RawClient, hire: Hire
) -> None:
    door.router.workers = [await hire("ws", echoes_frames)]
    await client.send(client.head("GET", "/lb/ep1/ws", "Connection: Upgrade", "Upgrade: websocket") + b"early")
    with anyio.fail_after(DEADLINE_S):
        await client.reader.readuntil(b"\r\n\r\nhello")
        assert await client.reader.readexactly(5) == b"EARLY"
        async with anyio.create_task_group() as group:
            group.start_soon(client.send, b"a" * 8_000_000)
            assert await client.reader.readexactly(8_000_000) == b"A" * 8_000_000


async def test_a_refused_upgrade_leaves_the_connection_usable(client: RawClient, worker: Worker) -> None:
    upgrade = client.head("GET", "/lb/ep1/ws", "Connection: Upgrade", "Upgrade: websocket")
    await client.send(upgrade + client.head("GET", "/lb/ep1/next"))
    assert [(await client.answered()).body for _ in range(2)] == [b"one", b"one"]
    assert [request.target for request in worker.requests] == ["/ws", "/next"]


async def test_a_large_upload_is_streamed_and_not_held(door: Door, client: RawClient, hire: Hire) -> None:
    size, digests = 100_000_000, []
    piece = bytes(range(256)) * 3906

    async def counts(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        digest, left = hashlib.sha256(), size
        while left:
            data = await reader.read(262144)
            digest.update(data)
            left -= len(data)
        digests.append(digest.hexdigest())
        writer.write(answer(b"got it"))

    door.router.workers = [await hire("counts", counts)]
    expected, sent = hashlib.sha256(), 0
    tracemalloc.start()
    await client.send(client.head("POST", "/lb/ep1/", f"Content-Length: {size}"))
    while sent < size:
        part = piece[: size - sent]
        expected.update(part)
        sent += len(part)
        await client.send(part)
    assert (await client.answered()).body == b"got it"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert digests == [expected.hexdigest()]
    assert peak < 12_000_000


async def test_a_slow_reader_holds_the_worker_back_and_gets_everything(
    door: Door, client: RawClient, hire: Hire
) -> None:
    size, written = 30_000_000, 0

    async def gushes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while written < size:
            writer.write(bytes(100_000))
            written += 100_000
            await writer.drain()
        await reader.read()

    door.router.workers = [await hire("gushes", gushes)]
    client.writer.transport.pause_reading()
    await client.send(client.head("GET", "/lb/ep1/"))
    async with client_of(door.port) as other:  # has a turn for each that the flood could have
        for _ in range(200):
            await other.get("/lb/nobody/")
    assert written < size
    client.writer.transport.resume_reading()
    await client.reader.readuntil(b"\r\n\r\n")
    assert len(await client.reader.readexactly(size)) == size


async def test_keep_alive_clients_live_through_fifty_switches_without_a_failed_request(door: Door, hire: Hire) -> None:
    newest = await hire("v0")
    door.router.workers = [newest]
    asked_at: list[int] = []
    over = anyio.Event()

    async def keeps_asking(number: int) -> None:
        async with client_of(door.port) as client:
            while not over.is_set():
                version = len(hire.all) - 1
                answered = await (client.get("/lb/ep1/") if number % 2 else client.post("/lb/ep1/", b"x"))
                assert answered.status == 200
                assert int(answered.body[1:]) >= version
                asked_at.append(version)

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(keeps_asking, number)
        for version in range(1, 51):
            await door.router.until(lambda: asked_at.count(len(hire.all) - 1) >= 8)
            old, newest = newest, Worker(hire.folder, f"v{version}")
            await newest.start()
            door.router.workers = [newest]
            hire.all.append(newest)
            door.front.pool.drop(old.socket_path)
            await door.router.until(lambda name=old.name: not door.router.leases[name])
            await old.stop()
        over.set()
    assert set(asked_at) >= set(range(50))
