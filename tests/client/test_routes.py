"""Which request a call makes of a load-balanced endpoint."""

from __future__ import annotations

import pytest

from flash_tui.client.routes import HttpRequest, choose_request
from flash_tui.models.errors import UsageError
from tests.builders import an_endpoint

ONE = an_endpoint(routes=("POST /process",))
MANY = an_endpoint(routes=("GET /health", "POST /process", "GET /process", "GET /items/{item}"))


@pytest.mark.parametrize(
    ("endpoint", "route", "argument", "expected"),
    [
        (ONE, None, {"a": 1}, HttpRequest("POST", "/process", {"a": 1}, None)),
        (ONE, None, None, HttpRequest("POST", "/process", None, None)),
        (ONE, None, [1, 2], HttpRequest("POST", "/process", [1, 2], None)),
        (MANY, "/health", None, HttpRequest("GET", "/health", None, None)),
        (MANY, "get /health", {"deep": True}, HttpRequest("GET", "/health", None, {"deep": True})),
        (MANY, "GET /health", {"ids": [1]}, HttpRequest("GET", "/health", None, {"ids": "[1]"})),
        (MANY, "DELETE /unlisted/4", None, HttpRequest("DELETE", "/unlisted/4", None, None)),
        (MANY, "/items/{item}", {"item": "a/b"}, HttpRequest("GET", "/items/a%2Fb", None, None)),
        (MANY, "GET /items/{item}", {"item": 4, "x": 1}, HttpRequest("GET", "/items/4", None, {"x": 1})),
    ],
)
def test_route_and_argument_make_one_request(
    endpoint, route: str | None, argument: object, expected: HttpRequest
) -> None:
    assert choose_request(endpoint, route, argument) == expected


@pytest.mark.parametrize("route", [None, "/process", "process", "/nowhere", "FETCH /health", "GET health"])
def test_a_route_that_is_not_clear_lists_the_routes(route: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        choose_request(MANY, route, None)
    assert "'GET /health'" in caught.value.hint


def test_an_endpoint_without_known_routes_asks_for_one() -> None:
    with pytest.raises(UsageError) as caught:
        choose_request(an_endpoint(routes=()), None, None)
    assert "--route 'POST /path'" in caught.value.hint


def test_query_parameters_come_from_an_object_only() -> None:
    with pytest.raises(UsageError, match="JSON object"):
        choose_request(MANY, "/health", [1])


def test_a_place_in_the_path_must_be_filled() -> None:
    with pytest.raises(UsageError, match="needs item"):
        choose_request(MANY, "/items/{item}", {"other": 1})
