"""The SDL and what answers it. SDL first: the file says what official clients may ask, resolvers follow it."""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib import resources
from inspect import isawaitable
from typing import Any, Final, cast

from ariadne import MutationType, ObjectType, QueryType, make_executable_schema
from graphql import (
    GraphQLError,
    GraphQLSchema,
    execute,  # pyright: ignore[reportUnknownVariableType] - untyped there
    parse,
    validate,
)

from flash_tui.local.control import mutations, queries
from flash_tui.local.services import Services
from flash_tui.models.errors import FlashTuiError, UsageError

MAX_TOKENS: Final = 10_000
"""Of one document; the longest official one has a few hundred."""

_log = logging.getLogger(__name__)

_BROKE = "the platform broke on this request; `flash-tui platform logs` shows where"
"""None of the official client's phrases for errors that are worth another try may stand in it."""


@lru_cache(maxsize=1)
def control_schema() -> GraphQLSchema:
    """The executable schema. A root field that nothing answers says so by name."""
    text = (resources.files("flash_tui.local.control") / "schema.graphql").read_text(encoding="utf-8")
    query, mutation, build = QueryType(), MutationType(), ObjectType("FlashBuild")
    for kind, answers in ((query, queries.ANSWERS), (mutation, mutations.ANSWERS), (build, queries.BUILD_FIELDS)):
        for field, answer in answers.items():
            kind.set_field(field, answer)  # pyright: ignore[reportUnknownMemberType] - untyped there
    schema = make_executable_schema(text, query, mutation, build)
    for root in (schema.query_type, schema.mutation_type):
        for name, field in root.fields.items() if root is not None else ():
            if field.resolve is None:
                field.resolve = _not_here(name)
    return schema


def _not_here(name: str) -> Any:  # noqa: ANN401 - a resolver
    def refuse(*_: object, **__: object) -> None:
        raise UsageError(
            f"the local platform has no {name}",
            where=name,
            hint="it runs Flash apps; pods, registries and accounts are the cloud's",
        )

    return refuse


def _formatted(error: GraphQLError) -> dict[str, Any]:
    """An error as official clients read it: they look for words in `message`."""
    cause = error.original_error
    if isinstance(cause, FlashTuiError):
        document = cause.document()
        extensions = {"code": document.code, "where": document.where, "hint": document.hint}
        return {"message": document.what, "path": error.path, "extensions": extensions}
    if cause is not None:
        _log.error("a resolver broke at %s", error.path, exc_info=cause)
        return {"message": _BROKE, "path": error.path}
    return cast("dict[str, Any]", error.formatted)


async def answer(services: Services, request: dict[str, Any]) -> dict[str, Any]:
    """Run one GraphQL request. `errors` is in the answer only if there are any: its mere presence is a failure."""
    schema = control_schema()
    try:
        document = parse(request["query"], max_tokens=MAX_TOKENS)
    except GraphQLError as error:
        return {"errors": [_formatted(error)]}
    problems = validate(schema, document)
    if problems:
        return {"errors": [_formatted(problem) for problem in problems]}
    running = execute(
        schema,
        document,
        context_value=services,
        variable_values=request.get("variables") or {},
        operation_name=request.get("operationName"),
    )
    result = await running if isawaitable(running) else running
    if not result.errors:
        return {"data": result.data}
    return {"data": result.data, "errors": [_formatted(error) for error in result.errors]}
