"""The composition root: all parts of one platform, made in order, run in task groups, ended in reverse.

    store, artifacts        what is remembered; open first, closed last
      journal, publisher    tell what happens; end when nothing happens any more
        engine              jobs, workers, releases
          official deploys, housekeeping

The app's lifespan is this and not Starlette's: the parts must run before the port answers and until it has answered the
last worker's report.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import anyio

from flash_tui import __version__
from flash_tui.local.artifacts.artifacts import Artifacts
from flash_tui.local.artifacts.layer_pairs import LayerPairs
from flash_tui.local.engine import Engine, Listeners
from flash_tui.local.housekeeping import keep_house
from flash_tui.local.journal.journal import Journal
from flash_tui.local.journal.log_archive import LogArchive
from flash_tui.local.registry import Registry
from flash_tui.local.releases.official import OfficialDeploys
from flash_tui.local.security import UrlSigner
from flash_tui.local.services import Services
from flash_tui.local.store.database import Store
from flash_tui.local.view import Publisher, View
from flash_tui.local.workers.environment import platform_urls
from flash_tui.models.platform import PlatformDocument
from flash_tui.paths import Home
from flash_tui.runtime.layers import LayerStore
from flash_tui.runtime.redaction import Redactor
from flash_tui.runtime.worker_source import open_worker_source

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this platform is and what opens it."""

    home: Home
    token: str
    origin: str
    signer: UrlSigner
    redactor: Redactor


@dataclass(frozen=True, slots=True, eq=False)
class Platform:
    """A running platform, as its front door sees it."""

    document: PlatformDocument
    services: Services
    engine: Engine
    stop_requested: anyio.Event = field(default_factory=anyio.Event)


@asynccontextmanager
async def open_platform(identity: Identity) -> AsyncGenerator[Platform]:
    """The parts, running; at the end releases are cancelled, workers stopped and reaped, the database closed.

    Raises:
        FlashTuiError: a part cannot start.
    """
    store = await Store.open(identity.home.database)
    async with aclosing(store):
        layers = LayerStore(identity.home.layers)
        pairs = LayerPairs(layers)
        artifacts = Artifacts(identity.home.platform / "artifacts", store, pairs)
        await artifacts.open()
        services, engine, publisher = _compose(identity, store, artifacts)
        async with anyio.create_task_group() as tellers:
            await tellers.start(services.journal.run)
            await tellers.start(publisher.run)
            async with engine.running(), anyio.create_task_group() as helpers:
                await helpers.start(services.deploys.run)
                helpers.start_soon(keep_house, services.registry.collect, layers)
                yield Platform(_document(identity), services, engine)
                helpers.cancel_scope.cancel()
            await publisher.flush()
            tellers.cancel_scope.cancel()


def _compose(identity: Identity, store: Store, artifacts: Artifacts) -> tuple[Services, Engine, Publisher]:
    """The engine reports to the publisher, which reads what it tells from the view, which asks the engine: hence the
    late names in the lambdas.
    """
    journal = Journal(LogArchive(identity.home.platform / "logs.sqlite3"), identity.redactor.clean)
    shared = platform_urls(identity.origin) | {"RUNPOD_API_KEY": identity.token, "RUNPOD_AI_API_KEY": identity.token}
    engine = Engine(
        home=identity.home,
        token=identity.token,
        origin=identity.origin,
        store=store,
        artifacts=artifacts,
        open_source=partial(open_worker_source, env=shared),
        listeners=Listeners(
            environment_changed=lambda environment_id: publisher.environment_changed(environment_id),  # noqa: PLW0108
            deployment_changed=lambda deployment: publisher.deployment_changed(deployment),  # noqa: PLW0108
            log=journal.log,
            redactor=identity.redactor,
        ),
    )
    view = View(store, engine, journal, identity.origin)
    publisher = Publisher(view, store, journal)
    services = Services(
        origin=identity.origin,
        token=identity.token,
        publisher=publisher,
        signer=identity.signer,
        store=store,
        artifacts=artifacts,
        journal=journal,
        view=view,
        registry=Registry(store, artifacts, publisher, engine.releases),
        releases=engine.releases,
        deploys=OfficialDeploys(store, publisher, engine.releases),
    )
    return services, engine, publisher


def _document(identity: Identity) -> PlatformDocument:
    return PlatformDocument(
        pid=os.getpid(),
        url=identity.origin,
        home=str(identity.home.root),
        version=__version__,
        started_at=datetime.now(UTC),
    )
