"""Which request a `call` makes: pure. The JSON argument is a queue endpoint's input, a route's body or its query."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from urllib.parse import quote

from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import UsageError

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_PLACE = re.compile(r"\{([^{}:]+)(?::[^{}]*)?\}")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    method: str
    path: str
    body: object
    """None: no body."""
    parameters: Mapping[str, str | int | float | bool | None] | None


def choose_request(endpoint: Endpoint, route: str | None, argument: object) -> HttpRequest:
    """The request that `call ENDPOINT ARGUMENT --route ROUTE` makes of a load-balanced endpoint.

    Raises:
        UsageError: no route or several fit, or the argument cannot be sent to it.
    """
    method, path = _chosen(endpoint, route)
    path, rest = _filled(path, argument, endpoint.name)
    if method not in _WITHOUT_BODY:
        return HttpRequest(method, path, rest, None)
    if rest is None:
        return HttpRequest(method, path, None, None)
    if not isinstance(rest, dict):
        raise UsageError(
            f"{method} takes query parameters, so the argument must be a JSON object",
            where=endpoint.name,
            hint="""for example '{"name": "value"}'""",
        )
    fields = cast("dict[str, object]", rest)
    return HttpRequest(method, path, None, {name: _parameter(value) for name, value in fields.items()})


def _chosen(endpoint: Endpoint, route: str | None) -> tuple[str, str]:
    if route is None:
        if len(endpoint.routes) != 1:
            raise _which(endpoint, f"{endpoint.name} has {len(endpoint.routes) or 'no'} known routes: name one")
        route = endpoint.routes[0]
    method, _, path = route.strip().partition(" ")
    if path:
        return _checked(endpoint, method.upper(), path.strip())
    named = [known.partition(" ") for known in endpoint.routes if known.partition(" ")[2] == method]
    if len(named) != 1:
        raise _which(endpoint, f"{route!r} does not name one route of {endpoint.name}: say METHOD /path")
    return _checked(endpoint, named[0][0], named[0][2])


def _checked(endpoint: Endpoint, method: str, path: str) -> tuple[str, str]:
    if method not in _METHODS or not path.startswith("/"):
        raise _which(endpoint, f"'{method} {path}' is not a route: say METHOD /path")
    return method, path


def _which(endpoint: Endpoint, what: str) -> UsageError:
    return UsageError(what, where=endpoint.name, hint=_listed(endpoint.routes))


def _listed(routes: Sequence[str]) -> str:
    return "--route takes one of: " + ", ".join(f"'{route}'" for route in routes) if routes else "--route 'POST /path'"


def _filled(path: str, argument: object, where: str) -> tuple[str, object]:
    """`/items/{id}` with `{"id": 4, …}` is `/items/4` with the rest."""
    names = _PLACE.findall(path)
    if not names:
        return path, argument
    fields = dict(cast("dict[str, object]", argument)) if isinstance(argument, dict) else {}
    missing = [name for name in names if name not in fields]
    if missing:
        raise UsageError(
            f"{path} needs {', '.join(missing)}", where=where, hint="give it in the JSON argument or in the route"
        )
    filled = _PLACE.sub(lambda match: quote(str(_parameter(fields[match[1]])), safe=""), path)
    rest = {name: value for name, value in fields.items() if name not in names}
    return filled, rest or None


def _parameter(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value)
