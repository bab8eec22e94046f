"""Whatever the network does, the caller sees an error of ours that says what, where and what to do."""

from __future__ import annotations

import gzip

import httpx
import pytest

from flash_tui.client import limits
from flash_tui.models.build import BuildReference
from flash_tui.models.errors import (
    Conflict,
    ErrorDocument,
    FlashTuiError,
    NotFound,
    TargetUnreachable,
    Unauthorised,
    UsageError,
)
from tests.client.networks import KEY, ORIGIN, Body, Script, a_connection, answers, breaks

pytestmark = pytest.mark.anyio
URL = f"{ORIGIN}/flash-tui/v1/state"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (httpx.ConnectError("refused"), "cannot be reached"),
        (httpx.ConnectTimeout("slow"), "does not answer"),
        (httpx.ReadTimeout("slow"), "did not answer in time"),
        (httpx.WriteTimeout("slow"), "did not answer in time"),
        (httpx.PoolTimeout("full"), "is busy"),
        (httpx.ReadError("reset"), "broke off"),
        (httpx.RemoteProtocolError("half an answer"), "broke off"),
        (httpx.ProxyError("no"), "proxy"),
    ],
)
async def test_a_network_that_fails_makes_the_target_unreachable(error: httpx.TransportError, said: str) -> None:
    async with a_connection(breaks(error)) as connection:
        with pytest.raises(TargetUnreachable, match=said) as caught:
            await connection.json("GET", URL)
    assert caught.value.__cause__ is error
    assert caught.value.where == URL
    assert caught.value.hint


async def test_an_answer_that_breaks_off_in_its_middle_makes_the_target_unreachable() -> None:
    body = Body(b'{"half', error=httpx.ReadError("reset"))
    async with a_connection(lambda _: httpx.Response(200, stream=body)) as connection:
        with pytest.raises(TargetUnreachable, match="broke off"):
            await connection.json("GET", URL)


@pytest.mark.parametrize(
    ("status", "family"),
    [
        (400, UsageError),
        (401, Unauthorised),
        (403, Unauthorised),
        (404, NotFound),
        (409, Conflict),
        (422, UsageError),
        (429, TargetUnreachable),
        (500, FlashTuiError),
        (503, TargetUnreachable),
        (599, FlashTuiError),
    ],
)
async def test_a_status_alone_says_which_error_it_is(status: int, family: type[FlashTuiError]) -> None:
    async with a_connection(lambda _: httpx.Response(status, text="words")) as connection:
        with pytest.raises(FlashTuiError) as caught:
            await connection.json("GET", URL)
    assert type(caught.value) is family


async def test_an_error_document_is_raised_as_what_it_says() -> None:
    document = ErrorDocument(code="build_failed", what="no such name", file="api.py", line=3, hint="define it")
    async with a_connection(answers(422, {"error": document.model_dump()})) as connection:
        with pytest.raises(FlashTuiError) as caught:
            await connection.json("GET", URL)
    assert caught.value.document() == document


async def test_a_refused_key_is_told_by_its_source_and_never_shown() -> None:
    async with a_connection(answers(401, {"error": {"code": "unauthorised", "what": "no"}})) as connection:
        with pytest.raises(Unauthorised, match="RUNPOD_API_KEY") as caught:
            await connection.json("GET", URL)
    assert KEY not in str(caught.value.document())


@pytest.mark.parametrize("error", [f"{KEY} is no key", {"code": "usage", "what": f"{KEY} is no key"}])
async def test_a_target_that_repeats_the_key_is_quoted_without_it(error: object) -> None:
    async with a_connection(answers(400, {"error": error})) as connection:
        with pytest.raises(UsageError, match="is no key") as caught:
            await connection.json("GET", URL)
    assert KEY not in str(caught.value.document())


@pytest.mark.parametrize("content", [b"<html>hello</html>", b"{", b'{"a": ' * 100_000, b"\xff\xfe"])
async def test_garbage_is_not_taken_for_an_answer(content: bytes) -> None:
    async with a_connection(lambda _: httpx.Response(200, content=content)) as connection:
        with pytest.raises(FlashTuiError, match="not JSON"):
            await connection.json("GET", URL)


async def test_a_web_page_in_the_place_of_an_error_is_not_shown() -> None:
    async with a_connection(lambda _: httpx.Response(502, text="<html>Bad Gateway</html>")) as connection:
        with pytest.raises(TargetUnreachable) as caught:
            await connection.json("GET", URL)
    assert "<" not in caught.value.what


async def test_a_document_that_does_not_fit_is_named_by_field_without_its_content() -> None:
    async with a_connection(answers()) as connection:
        with pytest.raises(FlashTuiError, match="version") as caught:
            connection.model(BuildReference, {"id": "b", "version": "s3cret", "digest": None}, URL)
    assert "s3cret" not in str(caught.value.document())


async def test_an_answer_larger_than_the_limit_is_dropped() -> None:
    async with a_connection(lambda _: httpx.Response(200, content=b"x" * 101)) as connection:
        with pytest.raises(FlashTuiError, match="more than 100 bytes"):
            await connection.ask("GET", URL, max_bytes=100)


async def test_an_answer_that_inflates_beyond_the_limit_is_dropped() -> None:
    bomb = gzip.compress(bytes(10 * limits.MIB))
    headers = {"Content-Encoding": "gzip"}
    async with a_connection(lambda _: httpx.Response(200, content=bomb, headers=headers)) as connection:
        with pytest.raises(FlashTuiError, match="more than"):
            await connection.ask("GET", URL, max_bytes=limits.MIB)


async def test_an_encoding_that_does_not_decode_is_an_error_of_ours() -> None:
    headers = {"Content-Encoding": "gzip"}
    async with a_connection(lambda _: httpx.Response(200, stream=Body(b"plain"), headers=headers)) as connection:
        with pytest.raises(FlashTuiError, match="something else than expected"):
            await connection.json("GET", URL)


async def test_the_key_goes_to_the_target_and_to_nobody_else() -> None:
    script = Script(httpx.Response(200, json={}))
    async with a_connection(script) as connection:
        await connection.ask("GET", URL)
        await connection.ask("GET", "http://elsewhere.test/")
    assert [request.headers.get("Authorization") for request in script.asked] == [f"Bearer {KEY}", None]


async def test_a_redirect_is_not_followed() -> None:
    script = Script(httpx.Response(302, headers={"Location": "http://elsewhere.test/"}))
    async with a_connection(script) as connection:
        await connection.ask("GET", URL)
    assert len(script.asked) == 1


@pytest.mark.parametrize("url", ["nowhere", "ftp://host/", "http://[::1"])
async def test_an_address_that_cannot_be_asked_is_a_usage_error(url: str) -> None:
    async with a_connection(answers()) as connection:
        with pytest.raises(UsageError):
            await connection.ask("GET", url)
