"""The official control plane: what is tried again, what is an error, and of which family."""

from __future__ import annotations

import httpx
import pytest

from flash_tui.client import limits
from flash_tui.client.graphql import GraphQL
from flash_tui.client.operations import APP_BY_NAME, CREATE_APP, DELETE_ENDPOINT
from flash_tui.models.errors import Conflict, FlashTuiError, NotFound, TargetUnreachable, Unauthorised
from tests.client.networks import KEY, Script, a_connection

pytestmark = pytest.mark.anyio

APP = {"id": "app_1", "name": "shop", "flashEnvironments": [], "flashBuilds": [{"id": "b", "createdAt": None}]}
GOOD = {"data": {"flashAppByName": APP}}
BUSY = {"errors": [{"message": "Please try again later"}]}


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIRST_RETRY_S", 0.0)


async def asked(script: Script) -> object:
    async with a_connection(script) as connection:
        return await GraphQL(connection).run(APP_BY_NAME, flashAppName="shop")


def refused(message: str) -> httpx.Response:
    return httpx.Response(200, json={"errors": [{"message": message}], "data": None})


async def test_an_answer_is_read_from_its_place() -> None:
    script = Script(httpx.Response(200, json=GOOD))
    app = await asked(script)
    assert (app.id, app.flash_builds[0].id) == ("app_1", "b")  # pyright: ignore[reportAttributeAccessIssue]
    assert script.documents() == [{"query": APP_BY_NAME.text, "variables": {"flashAppName": "shop"}}]


@pytest.mark.parametrize(
    "hiccup",
    [httpx.ConnectError("down"), httpx.Response(503), httpx.Response(200, json=BUSY)],
    ids=["net", "503", "busy"],
)
async def test_a_query_is_tried_again(hiccup: httpx.Response | Exception) -> None:
    script = Script(hiccup, hiccup, httpx.Response(200, json=GOOD))
    await asked(script)
    assert len(script.asked) == 3


async def test_a_query_is_given_up_after_four_attempts() -> None:
    script = Script(httpx.ConnectError("down"))
    with pytest.raises(TargetUnreachable):
        await asked(script)
    assert len(script.asked) == 4


async def test_a_mutation_is_never_sent_twice() -> None:
    script = Script(httpx.ReadTimeout("slow"))
    async with a_connection(script) as connection:
        with pytest.raises(TargetUnreachable):
            await GraphQL(connection).run(CREATE_APP, input={"name": "shop"})
    assert len(script.asked) == 1


@pytest.mark.parametrize(
    ("answer", "family"),
    [
        (refused("App not found: shop"), NotFound),
        (refused("environment dev already exists"), Conflict),
        (refused("Unauthorized"), Unauthorised),
        (refused("out of credit"), FlashTuiError),
        (httpx.Response(200, json={"data": {"flashAppByName": None}}), NotFound),
        (httpx.Response(401, text="no"), Unauthorised),
        (httpx.Response(400, json={"errors": [{"message": "app not found"}]}), NotFound),
        (httpx.Response(500, text="<html>"), FlashTuiError),
        (httpx.Response(200, json={"errors": []}), FlashTuiError),
        (httpx.Response(200, json={"errors": None}), FlashTuiError),
        (httpx.Response(200, json={"errors": ["text"]}), FlashTuiError),
        (httpx.Response(200, json=[1, 2]), FlashTuiError),
        (httpx.Response(200, json={"data": {"flashAppByName": {"id": 3}}}), FlashTuiError),
        (httpx.Response(200, json={"data": "text"}), NotFound),
    ],
)
async def test_what_the_answer_says_decides_the_error(answer: httpx.Response, family: type[FlashTuiError]) -> None:
    with pytest.raises(FlashTuiError) as caught:
        await asked(Script(answer))
    assert type(caught.value) is family
    assert KEY not in str(caught.value.document())


async def test_a_null_that_means_done_is_an_answer() -> None:
    async with a_connection(Script(httpx.Response(200, json={"data": {"deleteEndpoint": None}}))) as connection:
        assert await GraphQL(connection).run(DELETE_ENDPOINT, id="ep") is None
