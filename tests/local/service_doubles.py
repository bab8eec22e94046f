"""The platform's state with everything real but the processes: releases commit at once, nothing runs."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import anyio
import httpx

from flash_tui.local.app import build_app
from flash_tui.local.artifacts.artifacts import Artifacts
from flash_tui.local.artifacts.layer_pairs import LayerPairs
from flash_tui.local.journal.journal import Journal
from flash_tui.local.journal.log_archive import LogArchive
from flash_tui.local.registry import Registry
from flash_tui.local.releases import records as release_records
from flash_tui.local.releases.official import OfficialDeploys
from flash_tui.local.security import UrlSigner
from flash_tui.local.services import Services
from flash_tui.local.store import deployments
from flash_tui.local.store.database import Store
from flash_tui.local.view import Publisher, View
from flash_tui.models.app import Progress
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.endpoint import JobCounts, Traffic, Worker
from flash_tui.models.identifiers import BuildId, DeploymentId, EndpointId, EnvironmentId
from flash_tui.models.platform import PlatformDocument
from tests.local.layer_doubles import SmallLayers

ORIGIN = "http://127.0.0.1:5000"
TOKEN = "the-token"


class StillLife:
    """Implements `ports.Live`; tests put workers in."""

    def __init__(self) -> None:
        self.running: dict[EndpointId, tuple[Worker, ...]] = {}

    def workers(self, endpoint_id: EndpointId) -> tuple[Worker, ...]:
        return self.running.get(endpoint_id, ())

    def jobs(self, endpoint_id: EndpointId) -> JobCounts:
        del endpoint_id
        return JobCounts()

    def traffic(self, endpoint_id: EndpointId) -> Traffic:
        del endpoint_id
        return Traffic()

    def progress(self, environment_id: EnvironmentId) -> Progress | None:
        del environment_id


class InstantReleases:
    """Implements `registry.EnvironmentReleases` by the records alone."""

    def __init__(self, store: Store, publisher: Publisher) -> None:
        self.store = store
        self.publisher = publisher
        self.begun: list[ReleaseRequest] = []
        self.reloaded: list[EnvironmentId] = []
        self.forgotten: list[EnvironmentId] = []
        self.has_begun = anyio.Event()

    async def begin(self, request: ReleaseRequest) -> Deployment:
        self.begun.append(request)
        accepted = await self.store.transact(partial(release_records.accept, request=request))
        commit = partial(release_records.commit, accepted=accepted, request=request, timings_ms={"boot": 1.0})
        ended = await self.store.transact(commit)
        self.publisher.deployment_changed(ended)
        self.publisher.environment_changed(request.environment_id)
        self.has_begun.set()
        return accepted.deployment

    async def wait(self, deployment_id: DeploymentId, timeout_s: float) -> Deployment:
        del timeout_s
        return await self.store.transact(partial(deployments.get_deployment, deployment_id=deployment_id))

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        return await self.wait(deployment_id, 0)

    def prepare_soon(self, build_id: BuildId) -> None:
        del build_id

    async def reload(self, environment_id: EnvironmentId) -> None:
        self.reloaded.append(environment_id)

    async def forget(self, environment_id: EnvironmentId) -> None:
        self.forgotten.append(environment_id)


class Bench(SimpleNamespace):
    """A platform's state on the test bench."""

    services: Services
    layers: SmallLayers
    live: StillLife
    releases: InstantReleases
    http: httpx.AsyncClient


@asynccontextmanager
async def open_bench(folder: Path, *, quiet_s: float = 0.05) -> AsyncGenerator[Bench]:
    store = await Store.open(folder / "platform.sqlite3")
    layers, live = SmallLayers(folder / "layers"), StillLife()
    artifacts = Artifacts(folder / "artifacts", store, LayerPairs(layers))
    await artifacts.open()
    journal = Journal(LogArchive(folder / "logs.sqlite3"))
    view = View(store, live, journal, ORIGIN)
    publisher = Publisher(view, store, journal)
    releases = InstantReleases(store, publisher)
    deploys = OfficialDeploys(store, publisher, releases, quiet_s=quiet_s)
    services = Services(
        origin=ORIGIN,
        token=TOKEN,
        signer=UrlSigner("secret"),
        store=store,
        artifacts=artifacts,
        journal=journal,
        view=view,
        publisher=publisher,
        registry=Registry(store, artifacts, publisher, releases),
        releases=releases,
        deploys=deploys,
    )
    document = PlatformDocument(pid=1, url=ORIGIN, home=str(folder), version="0", started_at=datetime.now(UTC))
    engine = SimpleNamespace(routes=list)
    platform = SimpleNamespace(document=document, engine=engine, services=services, stop_requested=anyio.Event())
    transport = httpx.ASGITransport(build_app(cast("Any", platform)))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        anyio.create_task_group() as group,
        httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers) as http,
    ):
        for part in (journal, publisher, deploys):
            await group.start(part.run)
        yield Bench(services=services, layers=layers, live=live, releases=releases, http=http)
        group.cancel_scope.cancel()
    await store.aclose()
