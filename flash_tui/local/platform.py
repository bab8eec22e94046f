"""The composition root: all parts of one platform, made in order, run in one task group, ended in reverse."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import anyio
from starlette.routing import BaseRoute

from flash_tui import __version__
from flash_tui.local.ports import Lease, Router
from flash_tui.local.security import UrlSigner
from flash_tui.models.errors import NotFound
from flash_tui.models.identifiers import EndpointId
from flash_tui.models.platform import PlatformDocument
from flash_tui.paths import Home


@dataclass(slots=True, eq=False)
class Platform:
    """What every route table is given."""

    home: Home
    token: str
    origin: str
    signer: UrlSigner
    document: PlatformDocument
    router: Router
    stop_requested: anyio.Event = field(default_factory=anyio.Event)

    def routes(self) -> list[BaseRoute]:
        return []


class _NoEndpoints:
    async def acquire(self, endpoint_id: EndpointId, *, avoid: frozenset[str] = frozenset()) -> Lease:
        del avoid
        raise NotFound("there is no such endpoint", where=f"endpoint {endpoint_id}")

    def resolve_host(self, host: str) -> EndpointId | None:
        del host


@asynccontextmanager
async def open_platform(home: Home, token: str, origin: str, signer: UrlSigner) -> AsyncGenerator[Platform]:
    """The parts, running; at the end releases are cancelled, workers stopped and reaped, the database closed."""
    document = PlatformDocument(
        pid=os.getpid(), url=origin, home=str(home.root), version=__version__, started_at=datetime.now(UTC)
    )
    yield Platform(home, token, origin, signer, document, _NoEndpoints())
