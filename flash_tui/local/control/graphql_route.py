"""POST /graphql. Everything needs the key but the two operations that ask for one."""

from __future__ import annotations

from typing import Any, Final, cast

from graphql import FieldNode, GraphQLError, OperationDefinitionNode, parse
from pydantic_core import from_json
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flash_tui.local.control.schema import MAX_TOKENS, answer
from flash_tui.local.security import Gate
from flash_tui.local.services import Services
from flash_tui.models.errors import Unauthorised, UsageError

OPEN_FIELDS: Final = frozenset({"createFlashAuthRequest", "flashAuthRequestStatus", "__typename"})
"""Root fields that are answered without a key."""


def is_open(query: str) -> bool:
    """Whether a document asks for nothing but the login flow. No fragments: they could hide anything."""
    try:
        document = parse(query, max_tokens=MAX_TOKENS)
    except GraphQLError:
        return False
    return bool(document.definitions) and all(
        isinstance(operation, OperationDefinitionNode)
        and all(
            isinstance(field, FieldNode) and field.name.value in OPEN_FIELDS
            for field in operation.selection_set.selections
        )
        for operation in document.definitions
    )


async def _request(request: Request) -> dict[str, Any]:
    hint = 'send {"query": "…", "variables": {}}'
    try:
        content: object = from_json(await request.body())  # refuses lone surrogates, which no column takes
    except ValueError as error:
        raise UsageError("the request is not JSON", where="POST /graphql", hint=hint) from error
    if not isinstance(content, dict):
        raise UsageError("the request is no JSON object", where="POST /graphql", hint=hint)
    fields = cast("dict[str, Any]", content)
    if not isinstance(fields.get("query"), str) or not isinstance(fields.get("variables") or {}, dict):
        raise UsageError("the request has no query, or variables of a wrong kind", where="POST /graphql", hint=hint)
    return fields


def routes(services: Services) -> list[BaseRoute]:
    gate = Gate(services.token)

    async def serve(request: Request) -> Response:
        content = await _request(request)
        has_key = gate.knows_token(request.headers.get("authorization", "").encode("latin-1"))
        if not has_key and not is_open(content["query"]):
            raise Unauthorised(
                "the platform's key is missing or wrong",
                where="POST /graphql",
                hint="`flash-tui platform env` shows the key",
            )
        return JSONResponse(await answer(services, content))

    return [Route("/graphql", serve, methods=["POST"])]
