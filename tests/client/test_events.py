"""Server-sent events: however the bytes are cut, the same events; and every way a stream ends."""

from __future__ import annotations

from itertools import pairwise

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.client.connection import Connection
from flash_tui.client.events import EventParser, Message, follow
from flash_tui.models.errors import FlashTuiError, NotFound, TargetUnreachable
from flash_tui.models.events import AppGone, Event, StreamReset
from tests.client.networks import ORIGIN, Body, Script, a_connection

URL = f"{ORIGIN}/flash-tui/v1/events"
STREAM = b': connected\n\nid: 7\ndata: {"type": "app_gone", "app": "a"}\n\n:\n\nid: 8\r\ndata:{"type":"reset"}\r\n\r\n'


def parsed(*chunks: bytes) -> list[Message]:
    parser = EventParser()
    return [message for chunk in chunks for message in parser.feed(chunk)]


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_where_the_bytes_are_cut_makes_no_difference(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[start:end] for start, end in pairwise(edges)]
    assert parsed(*chunks) == [
        Message("7", '{"type": "app_gone", "app": "a"}'),
        Message("8", '{"type":"reset"}'),
    ]


def test_data_of_several_lines_is_one_event() -> None:
    assert parsed(b"data: a\ndata: b\nretry: 3\n\n") == [Message("", "a\nb")]


def test_an_event_that_never_ends_is_not_kept() -> None:
    parser = EventParser(max_bytes=100)
    with pytest.raises(ValueError, match="100 bytes"):
        list(parser.feed(b"data: " + b"x" * 101))


def test_an_event_of_endless_lines_is_not_kept() -> None:
    parser = EventParser(max_bytes=100)
    with pytest.raises(ValueError, match="100 bytes"):
        list(parser.feed(b"data: xxxxxxxxxx\n" * 11))


async def collected(connection: Connection) -> tuple[list[tuple[int, Event]], FlashTuiError]:
    events: list[tuple[int, Event]] = []
    try:
        async for item in follow(connection, URL, 3, "shop"):
            events.append(item)  # noqa: PERF401 - what came before the error counts
    except FlashTuiError as error:
        return events, error
    raise AssertionError("a stream never ends without an error")


@pytest.mark.anyio
async def test_a_stream_that_ends_is_a_lost_connection_after_its_events() -> None:
    script = Script(httpx.Response(200, stream=Body(STREAM)))
    async with a_connection(script) as connection:
        events, error = await collected(connection)
    assert events == [(7, AppGone(app="a")), (8, StreamReset())]
    assert isinstance(error, TargetUnreachable)
    assert dict(script.asked[0].url.params) == {"after": "3", "app": "shop"}


@pytest.mark.anyio
@pytest.mark.parametrize("broken", [httpx.ReadTimeout("silent"), httpx.ReadError("reset")])
async def test_a_stream_that_goes_silent_or_breaks_is_a_lost_connection(broken: Exception) -> None:
    async with a_connection(lambda _: httpx.Response(200, stream=Body(STREAM, error=broken))) as connection:
        events, error = await collected(connection)
    assert len(events) == 2
    assert isinstance(error, TargetUnreachable)


@pytest.mark.anyio
async def test_an_event_of_a_newer_platform_is_passed_over() -> None:
    body = Body(b'id: 1\ndata: {"type": "weather"}\n\nid: x\ndata: {"type":"reset"}\n\ndata: nonsense\n\n' + STREAM)
    async with a_connection(lambda _: httpx.Response(200, stream=body)) as connection:
        events, _ = await collected(connection)
    assert [cursor for cursor, _ in events] == [7, 8]


@pytest.mark.anyio
async def test_a_refused_stream_says_why() -> None:
    refusal = {"error": {"code": "not_found", "what": "no app"}}
    async with a_connection(lambda _: httpx.Response(404, json=refusal)) as connection:
        events, error = await collected(connection)
    assert (events, type(error)) == ([], NotFound)
