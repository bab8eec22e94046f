"""Opening a target: found (this machine's: started), asked what it can do, spoken to in its dialect."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from flash_tui.client.connection import Connection
from flash_tui.client.control_plane import Official
from flash_tui.client.data_plane import DataPlane
from flash_tui.client.dialect import Dialect
from flash_tui.client.extension import Extension, find_capabilities
from flash_tui.client.graphql import GraphQL
from flash_tui.client.target import Target, resolve_target
from flash_tui.settings import Settings


@dataclass(frozen=True, slots=True)
class Session:
    """A target that answers."""

    settings: Settings
    target: Target
    capabilities: frozenset[str]
    connection: Connection
    graphql: GraphQL
    dialect: Dialect
    data: DataPlane


@asynccontextmanager
async def open_session(
    settings: Settings,
    narrate: Callable[[str], None] = lambda _: None,
    *,
    official_only: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncGenerator[Session]:
    """The target that the settings name. `official_only` speaks the official protocol even where there is more.

    Raises:
        UsageError: the settings name no target.
        Unauthorised: no key is known, or it is refused.
        TargetUnreachable: it does not answer.
    """
    target = await resolve_target(settings, narrate)
    async with connected(settings, target, official_only=official_only, transport=transport) as session:
        yield session


@asynccontextmanager
async def connected(
    settings: Settings,
    target: Target,
    *,
    official_only: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncGenerator[Session]:
    """`open_session` for a target that is resolved already."""
    async with Connection(target, transport) as connection:
        capabilities = frozenset[str]() if official_only else await find_capabilities(connection)
        graphql = GraphQL(connection)
        data = DataPlane(connection)
        speaks_ours = "releases" in capabilities
        dialect = Extension(connection, graphql) if speaks_ours else Official(settings, connection, graphql, data)
        yield Session(settings, target, capabilities, connection, graphql, dialect, data)


@asynccontextmanager
async def open_dialect(settings: Settings, narrate: Callable[[str], None] = lambda _: None) -> AsyncGenerator[Dialect]:
    """`open_session` for who calls no endpoint."""
    async with open_session(settings, narrate) as session:
        yield session.dialect
