"""Every GraphQL document in the official packages of the base layer is one that our schema accepts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import GraphQLError, parse, validate

from flash_tui.local.control.schema import control_schema
from flash_tui.runtime.zygote import LayerPair

_OPERATION = re.compile(r"\s*(query|mutation)\b[^{]*\{")


def _texts(folder: Path) -> Iterator[str]:
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _OPERATION.match(node.value):
                yield node.value


def _documents(folder: Path) -> list[str]:
    """Those that are whole; some of `runpod` are put together from pieces at run time."""
    found: list[str] = []
    for text in _texts(folder):
        try:
            parse(text)
        except GraphQLError:
            continue
        found.append(text)
    return found


@pytest.mark.anyio
@pytest.mark.parametrize(("package", "at_least"), [("runpod_flash", 25), ("runpod", 3)])
async def test_the_documents_of_the_official_clients_validate(
    layer_pair: LayerPair, package: str, at_least: int
) -> None:
    documents = _documents(layer_pair.base / package)
    problems = [(text, validate(control_schema(), parse(text))) for text in documents]
    assert [(text, found) for text, found in problems if found] == []
    assert len(documents) >= at_least
