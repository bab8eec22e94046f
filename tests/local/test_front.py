"""The front door with real sockets: what is let in, where it goes, and that a connection outlives what is behind it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import AsyncGenerator

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from flash_tui.local import limits
from tests.local.front_peers import DEADLINE_S, TOKEN, Door, RawClient, client_of, open_door

pytestmark = pytest.mark.anyio


async def echo(request: Request) -> Response:
    body = await request.body()
    return JSONResponse({"method": request.method, "path": request.url.path, "size": len(body), "body": body.decode()})


async def forever(request: Request) -> Response:
    async def events() -> AsyncGenerator[bytes]:
        try:
            yield b"data: first\n\n"
            await anyio.sleep_forever()
        finally:
            request.app.state.ended.set()

    return StreamingResponse(events(), media_type="text/event-stream")


async def no_body(_: Request) -> Response:
    return Response(status_code=204)


@pytest.fixture
async def app() -> Starlette:
    methods = ["GET", "POST", "PUT", "HEAD"]
    routes = [
        Route("/echo", echo, methods=methods),
        Route("/artifacts/{key:path}", echo, methods=methods),
        Route("/graphql", echo, methods=methods),
        Route("/flash/login", echo, methods=methods),
        Route("/forever", forever),
        Route("/nothing", no_body),
    ]
    app = Starlette(routes=routes)
    app.state.ended = anyio.Event()
    return app


@pytest.fixture
async def door(app: Starlette) -> AsyncGenerator[Door]:
    async with open_door(app) as opened:
        yield opened


@pytest.fixture
async def client(door: Door) -> AsyncGenerator[RawClient]:
    async with client_of(door.port) as connected:
        yield connected


async def test_the_platforms_own_answers_come_from_the_app(client: RawClient) -> None:
    answered = await client.post("/echo?x=%20y", b"hello")
    assert json.loads(answered.body) == {"method": "POST", "path": "/echo", "size": 5, "body": "hello"}


async def test_a_connection_is_used_again(client: RawClient) -> None:
    for _ in range(3):
        assert (await client.get("/echo")).status == 200


async def test_pipelined_requests_are_answered_in_order(client: RawClient) -> None:
    bodies = [b"a", b"bb", b"ccc"]
    await client.send(b"".join(client.head("POST", "/echo", f"Content-Length: {len(b)}") + b for b in bodies))
    assert [json.loads((await client.answered()).body)["body"] for _ in bodies] == ["a", "bb", "ccc"]


async def test_more_pipelined_requests_than_the_queue_takes_are_all_answered(client: RawClient) -> None:
    await client.send(client.head("GET", "/echo") * 100)
    assert [(await client.answered()).status for _ in range(100)] == [200] * 100


async def test_a_chunked_body_arrives_whole(client: RawClient) -> None:
    await client.send(client.head("POST", "/echo", "Transfer-Encoding: chunked") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert json.loads((await client.answered()).body)["body"] == "abcde"


async def test_a_request_that_comes_byte_by_byte_is_answered(client: RawClient) -> None:
    for byte in client.head("POST", "/echo", "Content-Length: 2") + b"ok":
        await client.send(bytes([byte]))
    assert json.loads((await client.answered()).body)["body"] == "ok"


async def test_head_and_204_have_no_body(client: RawClient) -> None:
    await client.send(client.head("HEAD", "/echo"))
    answered = await client.answered(is_head=True)
    assert (answered.status, int(answered.headers["content-length"]) > 0) == (200, True)
    nothing = await client.get("/nothing")
    assert (nothing.status, "transfer-encoding" in nothing.headers) == (204, False)
    assert (await client.get("/echo")).status == 200


async def test_http_1_0_closes_unless_asked_and_gets_no_chunks(client: RawClient) -> None:
    lines = f"Host: localhost\r\nAuthorization: {TOKEN}\r\n"
    await client.send(f"GET /echo HTTP/1.0\r\n{lines}Connection: keep-alive\r\n\r\n".encode())
    assert (await client.answered()).headers["connection"] == "keep-alive"
    await client.send(f"GET /echo HTTP/1.0\r\n{lines}\r\n".encode())
    assert (await client.answered()).headers["connection"] == "close"
    assert await client.until_closed() == b""


async def test_a_client_that_waits_for_continue_is_told_to_go_on(client: RawClient) -> None:
    await client.send(client.head("POST", "/echo", "Content-Length: 2", "Expect: 100-continue"))
    assert await client.reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(b"ok")
    assert json.loads((await client.answered()).body)["body"] == "ok"


async def test_a_client_that_waits_for_continue_and_is_refused_sends_nothing(client: RawClient) -> None:
    await client.send(client.head("POST", "/echo", "Content-Length: 99999999999", "Expect: 100-continue"))
    assert (await client.answered()).status == 413
    assert await client.until_closed() == b""


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ("Host: localhost", 401),
        ("Host: localhost\r\nAuthorization: Bearer wrong", 401),
        ("Host: localhost\r\nAuthorization: Bearer ", 401),
        (f"Host: localhost\r\nAuthorization: {TOKEN}", 200),
        (f"Host: evil.example\r\nAuthorization: {TOKEN}", 421),
        (f"Authorization: {TOKEN}", 400),
        (f"Host: localhost\r\nHost: localhost\r\nAuthorization: {TOKEN}", 400),
        (f"Host: localhost\r\nOrigin: https://evil.example\r\nAuthorization: {TOKEN}", 403),
        (f"Host: localhost\r\nOrigin: null\r\nAuthorization: {TOKEN}", 403),
    ],
)
async def test_every_request_is_checked(client: RawClient, lines: str, status: int) -> None:
    await client.get("/echo")  # a good one before changes nothing
    await client.send(f"GET /echo HTTP/1.1\r\n{lines}\r\n\r\n".encode())
    assert (await client.answered()).status == status


async def test_a_refusal_is_json_that_says_what_to_do_and_holds_no_secret(client: RawClient) -> None:
    await client.send(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer guess\r\n\r\n")
    answered = await client.answered()
    error = json.loads(answered.body)["error"]
    assert (error["code"], bool(error["what"]), bool(error["hint"])) == ("unauthorised", True, True)
    assert TOKEN not in answered.body.decode()
    assert "guess" not in answered.body.decode()


async def test_a_signed_artifact_needs_no_key(door: Door, client: RawClient) -> None:
    query = door.signer.sign("PUT", "a/b.tar.gz", int(time.time()) + 60)
    head = f"PUT /artifacts/a/b.tar.gz?{query} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nok"
    await client.send(head.encode())
    assert (await client.answered()).status == 200
    await client.send(head.replace("PUT", "GET").encode())
    assert (await client.answered()).status == 401


async def test_only_small_requests_of_the_login_flow_need_no_key(client: RawClient) -> None:
    bare = "Host: localhost\r\nContent-Length: "
    await client.send(f"POST /graphql HTTP/1.1\r\n{bare}2\r\n\r\nok".encode())
    assert (await client.answered()).status == 200
    await client.send(b"GET /flash/login?request=x HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await client.answered()).status == 200
    await client.send(b"POST /flash/login HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (await client.answered()).status == 401
    await client.send(f"POST /graphql HTTP/1.1\r\n{bare}70000\r\n\r\n".encode())
    assert (await client.answered()).status == 401


async def test_an_ambiguous_request_is_refused_and_ends_the_connection(client: RawClient) -> None:
    smuggled = b"0\r\n\r\nGET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n"
    framing = ("Transfer-Encoding: chunked", f"Content-Length: {len(smuggled)}")
    await client.send(client.head("GET", "/echo") + client.head("POST", "/echo", *framing) + smuggled)
    assert (await client.answered()).status == 200
    assert (await client.answered()).status == 400
    assert await client.until_closed() == b""


async def test_a_body_over_the_limit_is_refused_while_it_is_still_coming(client: RawClient) -> None:
    await client.send(client.head("POST", "/echo", f"Content-Length: {limits.MAX_CONTROL_BODY_BYTES + 1}"))
    await client.send(bytes(1024 * 1024))
    answered = await client.answered()
    assert (answered.status, answered.headers["connection"]) == (413, "close")


async def test_a_chunked_body_over_the_limit_is_refused(client: RawClient) -> None:
    chunk = b"100000\r\n" + bytes(1024 * 1024) + b"\r\n"
    await client.send(client.head("POST", "/echo", "Transfer-Encoding: chunked"))
    for _ in range(limits.MAX_CONTROL_BODY_BYTES // (1024 * 1024) + 1):
        await client.send(chunk)
    assert (await client.answered()).status == 413


async def test_a_stream_ends_when_its_client_goes_away(app: Starlette, client: RawClient) -> None:
    await client.send(client.head("GET", "/forever"))
    assert b"data: first" in await client.reader.readuntil(b"first\n\n")
    await client.close()
    with anyio.fail_after(DEADLINE_S):
        await app.state.ended.wait()


async def test_a_tls_client_reads_a_clear_no(door: Door) -> None:
    async with client_of(door.port) as client:
        await client.send(b"\x16\x03\x01\x00\x05hello")
        assert await client.until_closed() == b"\x15\x03\x01\x00\x02\x02\x28"


async def test_a_client_that_says_nothing_or_leaves_at_once_does_no_harm(door: Door, client: RawClient) -> None:
    silent = socket.create_connection(("127.0.0.1", door.port))
    socket.create_connection(("127.0.0.1", door.port)).close()
    assert (await client.get("/echo")).status == 200
    silent.close()


async def test_a_head_that_takes_too_long_is_told_so(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HEAD_TIMEOUT_S", 0.05)
    async with client_of(door.port) as client:
        await client.send(b"GET /echo HTT")
        assert (await client.answered()).status == 408
        assert await client.until_closed() == b""


async def test_a_body_that_stops_coming_is_told_so(client: RawClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BODY_TIMEOUT_S", 0.05)
    await client.send(client.head("POST", "/echo", "Content-Length: 10") + b"half")
    assert (await client.answered()).status == 408


async def test_an_idle_connection_ends_in_time(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "KEEP_ALIVE_TIMEOUT_S", 0.05)
    async with client_of(door.port) as client:
        assert (await client.get("/echo")).status == 200
        assert await client.until_closed() == b""


async def test_a_client_that_reads_nothing_is_not_written_to_without_end(
    client: RawClient, monkeypatch: pytest.MonkeyPatch, app: Starlette
) -> None:
    monkeypatch.setattr(limits, "WRITE_TIMEOUT_S", 0.2)
    given = 0

    async def chunks() -> AsyncGenerator[bytes]:
        nonlocal given
        while True:
            given += 65536
            yield bytes(65536)

    class Flood(StreamingResponse):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await super().__call__(scope, receive, send)
            app.state.ended.set()

    async def flood(_: Request) -> Response:
        return Flood(chunks())

    app.router.routes.append(Route("/flood", flood))
    client.writer.transport.pause_reading()
    await client.send(client.head("GET", "/flood"))
    with anyio.fail_after(DEADLINE_S):
        await app.state.ended.wait()
    assert 0 < given < 64 * 1024 * 1024


async def test_shutting_ends_idle_connections_and_lets_answers_finish(door: Door) -> None:
    async with client_of(door.port) as idle, client_of(door.port) as busy:
        await idle.get("/echo")
        await busy.send(busy.head("POST", "/echo", "Content-Length: 2") + b"o")
        with anyio.fail_after(DEADLINE_S):
            while door.front.connections < 2:
                await anyio.lowlevel.checkpoint()
            async with anyio.create_task_group() as group:
                group.start_soon(door.front.shut, DEADLINE_S)
                assert await idle.until_closed() == b""
                await busy.send(b"k")
                assert (await busy.answered()).status == 200
                assert await busy.until_closed() == b""
