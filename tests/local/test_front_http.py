"""Bounds of requests: whatever way the bytes arrive, the same requests come out, and nothing ambiguous gets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.local import limits
from flash_tui.local.front.http import BadRequest, Request, RequestParser

HEAD = b"POST /run?x=1 HTTP/1.1\r\nHost: localhost\r\n"


def parse(*pieces: bytes) -> tuple[list[tuple[object, ...]], int | None]:
    """The requests that were delivered (a body only once it is complete), and the status of a refusal."""
    requests: list[Request] = []
    parser = RequestParser(requests.append)
    status = None
    try:
        for piece in pieces:
            parser.feed(piece)
            while parser.halted:
                parser.resume()
    except BadRequest as bad:
        status = bad.refusal.status
    seen = [
        (r.method, r.target, r.version, r.headers, r.keep_alive, r.upgrades, r.body.take() if r.body.ended else None)
        for r in requests
    ]
    return seen, status


def bodies(*pieces: bytes) -> list[object]:
    return [request[-1] for request in parse(*pieces)[0]]


TOKENS = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12).map(str.encode)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map(str.encode)
RESERVED = {b"host", b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"keep-alive"}


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One valid request: without a body, with a length, or chunked; sometimes one that asks to leave HTTP."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS"]))
    lines = [method + b" /" + draw(TOKENS) + b" HTTP/1.1", b"Host: localhost"]
    fields = draw(st.lists(st.tuples(TOKENS, VALUES), max_size=4))
    lines += [name + b": " + value for name, value in fields if name not in RESERVED]
    if draw(st.booleans()):
        lines += [b"Connection: Upgrade", b"Upgrade: " + draw(st.sampled_from([b"websocket", b"h2c"]))]
        framing = draw(st.sampled_from(["none", "length"]))
    else:
        framing = draw(st.sampled_from(["none", "length", "chunked"]))
    body = b""
    if framing == "length":
        body = draw(st.binary(max_size=60))
        lines.append(b"Content-Length: %d" % len(body))
    elif framing == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        chunks = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=3))
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@st.composite
def split(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    places = sorted(draw(st.sets(st.integers(1, max(1, len(stream) - 1)), max_size=12)))
    return [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]


@given(st.data(), st.lists(requests(), min_size=1, max_size=4))
def test_a_stream_gives_the_same_requests_wherever_it_is_split(data: st.DataObject, wire: list[bytes]) -> None:
    stream = b"".join(wire)
    whole = parse(stream)
    assert whole[1] is None
    assert len(whole[0]) == len(wire)
    assert parse(*data.draw(split(stream))) == whole


@given(st.data(), requests(), st.binary(max_size=80))
def test_rubbish_behind_a_request_gives_the_same_refusal_wherever_it_is_split(
    data: st.DataObject, good: bytes, rubbish: bytes
) -> None:
    stream = good + rubbish
    assert parse(*data.draw(split(stream))) == parse(stream)


@given(requests())
def test_a_stream_that_comes_byte_by_byte_is_parsed(wire: bytes) -> None:
    assert parse(*(wire[index : index + 1] for index in range(len(wire)))) == parse(wire)


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"Content-Length: 3, 3\r\n\r\nabc",
        b"Content-Length: +3\r\n\r\nabc",
        b"Content-Length: 0x3\r\n\r\nabc",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 9999999999999999\r\n\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\nabc",
        b"Transfer-Encoding: xchunked\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Folded: a\r\n b\r\n\r\n",
        b"Bare: a\nLine: b\r\n\r\n",
        b"Nul: \x00\r\n\r\n",
        b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_a_request_whose_end_is_ambiguous_is_refused(rest: bytes) -> None:
    delivered, status = parse(HEAD + rest)
    assert status == 400
    assert all(request[-1] is None for request in delivered)


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://127.0.0.1/ HTTP/1.1", 400),
        (b"CONNECT example.com:443 HTTP/1.1", 400),
        (b"OPTIONS * HTTP/1.1", 400),
        (b"GET / HTTP/2.0", 505),
        (b"GET /\xc3\xa9 HTTP/1.1", 400),
        (b"BREW / HTTP/1.1", 400),
        (b"\x16\x03\x01", 400),
    ],
)
def test_a_request_line_that_is_not_ours_is_refused(line: bytes, status: int) -> None:
    assert parse(line + b"\r\nHost: localhost\r\n\r\n") == ([], status)


def test_chunked_needs_http_1_1() -> None:
    assert parse(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")[1] == 400


def test_a_body_broken_in_its_framing_is_never_complete() -> None:
    delivered, status = parse(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX")
    assert (delivered[0][-1], status) == (None, 400)


def test_requests_before_a_bad_one_are_delivered() -> None:
    delivered, status = parse(HEAD + b"Content-Length: 2\r\n\r\nok" + b"no request\r\n\r\n")
    assert ([request[-1] for request in delivered], status) == ([b"ok"], 400)


def test_trailers_and_chunk_extensions_are_dropped() -> None:
    wire = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nHost: evil\r\n\r\n"
    delivered, status = parse(wire)
    assert status is None
    assert delivered[0][-1] == b"abc"
    assert delivered[0][3] == [(b"host", b"localhost"), (b"transfer-encoding", b"chunked")]


def test_a_body_of_a_request_that_offers_an_upgrade_is_not_taken_for_a_request() -> None:
    wire = (
        HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 26\r\n\r\n" + b"GET /evil HTTP/1.1\r\nHost: a"
    )
    assert bodies(wire[:-5], wire[-5:]) == [b"GET /evil HTTP/1.1\r\nHost: a"[:26]]


def test_what_follows_a_websocket_request_is_held() -> None:
    requests: list[Request] = []
    parser = RequestParser(requests.append)
    parser.feed(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n\x81\x00")
    parser.feed(b"\x82")
    assert (requests[0].upgrades, parser.halted, parser.held) == (True, True, b"\x81\x00\x82")


def test_the_exact_limit_of_a_head_is_allowed_and_one_byte_more_is_not() -> None:
    room = limits.MAX_HEAD_BYTES - len(b"Hostlocalhost") - len(b"X")
    start = b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "
    assert parse(start + b"a" * room + b"\r\n\r\n")[1] is None
    assert parse(start + b"a" * (room + 1) + b"\r\n\r\n")[1] == 431


def test_a_header_without_end_is_refused_before_it_fills_the_memory() -> None:
    pieces = [b"GET / HTTP/1.1\r\nX: ", *([b"a" * 16384] * (4 * limits.MAX_HEAD_BYTES // 16384))]
    assert parse(*pieces) == ([], 431)


def test_too_many_headers_and_too_long_a_url_are_refused() -> None:
    many = b"".join(b"X%d: 1\r\n" % index for index in range(limits.MAX_HEADERS + 1))
    assert parse(b"GET / HTTP/1.1\r\n" + many + b"\r\n")[1] == 431
    assert parse(b"GET /" + b"a" * limits.MAX_URL_BYTES + b" HTTP/1.1\r\n\r\n")[1] == 414
