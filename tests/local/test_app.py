"""Errors of the platform's own routes become answers, in one place."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from flash_tui.local.app import with_errors
from flash_tui.models.errors import (
    BuildFailed,
    Conflict,
    FlashTuiError,
    NotFound,
    TargetUnreachable,
    Unauthorised,
    UsageError,
)
from tests.local.front_peers import client_of, open_door

pytestmark = pytest.mark.anyio


async def get(error: Exception | None = None, path: str = "/", method: str = "GET") -> httpx.Response:
    """Ask an app whose one route raises `error`."""

    async def serve(_: Request) -> Response:
        if error is not None:
            raise error
        return Response("fine")

    transport = httpx.ASGITransport(with_errors([Route("/", serve)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://platform") as client:
        return await client.request(method, path)


def error_of(answered: httpx.Response) -> dict[str, Any]:
    return answered.json()["error"]


@pytest.mark.parametrize(
    ("family", "status"),
    [
        (UsageError, 400),
        (Unauthorised, 401),
        (NotFound, 404),
        (Conflict, 409),
        (BuildFailed, 422),
        (TargetUnreachable, 503),
        (FlashTuiError, 500),
    ],
)
async def test_an_error_of_the_family_keeps_its_words(family: type[FlashTuiError], status: int) -> None:
    answered = await get(family("it broke", where="there", hint="mend it"))
    assert answered.status_code == status
    assert error_of(answered) == {"code": family.code, "what": "it broke", "where": "there", "hint": "mend it"}


async def test_an_unknown_path_and_method_are_told_in_the_same_form() -> None:
    assert error_of(await get(path="/nowhere"))["where"] == "GET /nowhere"
    answered = await get(method="DELETE")
    assert (answered.status_code, set(answered.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})
    assert error_of(answered)["code"] == "usage"


async def test_a_bug_is_logged_whole_and_shown_short(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answered = await get(RuntimeError("the inside of things"))
    assert (answered.status_code, error_of(answered)["code"]) == (500, "failed")
    assert "the inside" not in answered.text
    assert "RuntimeError: the inside of things" in caplog.text


async def test_a_bug_in_the_middle_of_an_answer_breaks_it_off() -> None:
    async def half(_: Request) -> Response:
        async def chunks() -> Any:
            yield b"half"
            raise RuntimeError("a bug")

        return StreamingResponse(chunks())

    async with open_door(with_errors([Route("/", half)])) as door, client_of(door.port) as client:
        with pytest.raises((EOFError, ConnectionError)):
            await client.get("/")
