"""Everything that runs: workers, jobs, releases and the loop that keeps them true. Composed, started and ended here.

async with engine.running():          # jobs outlive workers, so that a worker that is stopped can still report
…
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup, TaskStatus
from starlette.routing import BaseRoute

from flash_tui.local import limits
from flash_tui.local.data.dispatcher import Dispatcher
from flash_tui.local.data.jobs import JobRoutes
from flash_tui.local.data.ledger import Transactions
from flash_tui.local.data.routing import FleetRouter
from flash_tui.local.data.webhooks import Webhooks
from flash_tui.local.data.worker_hooks import WorkerHooks
from flash_tui.local.releases.desk import ReleaseDesk, ReleaseListeners
from flash_tui.local.releases.serving import ArtifactSource
from flash_tui.local.store.endpoints import Lifecycle, list_endpoints
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.loop import Loop
from flash_tui.local.workers.supervisor import Supervisor
from flash_tui.local.workers.traffic import TrafficMeters
from flash_tui.local.workers.zygotes import OpenSource
from flash_tui.models.app import Progress
from flash_tui.models.deployment import Deployment
from flash_tui.models.endpoint import JobCounts, Traffic, Worker
from flash_tui.models.identifiers import EndpointId, EnvironmentId
from flash_tui.models.log import LogLine
from flash_tui.paths import Home
from flash_tui.runtime.redaction import Redactor


@dataclass(frozen=True, slots=True)
class Listeners:
    """How the engine speaks: calls that return at once."""

    environment_changed: Callable[[EnvironmentId], None]
    """Anything that an environment's document shows."""
    deployment_changed: Callable[[Deployment], None]
    log: Callable[[LogLine], None]
    redactor: Redactor = field(default_factory=Redactor)
    """Applied to all that workers say, before anything else sees it."""


class Engine:
    """Implements `ports.Live`; `ReleaseDesk` and `router` implement the other two ports.

    `origin` is where workers reach the platform, `token` their key.
    """

    def __init__(
        self,
        *,
        home: Home,
        token: str,
        origin: str,
        store: Transactions,
        artifacts: ArtifactSource,
        open_source: OpenSource,
        listeners: Listeners,
        health_timeout_s: float = limits.HEALTH_TIMEOUT_S,
    ) -> None:
        self._store = store
        self._group: TaskGroup | None = None
        self.fleet = Fleet(listeners.environment_changed)
        self.meters = TrafficMeters()
        self.supervisor = Supervisor(home, self.fleet, open_source, listeners.log, origin, token, listeners.redactor)
        self.dispatcher = Dispatcher(store, self.fleet, self.meters, listeners.log, self.supervisor.replace)
        self.releases = ReleaseDesk(
            store,
            artifacts,
            self.fleet,
            self.supervisor,
            token,
            ReleaseListeners(listeners.deployment_changed, self._endpoint_closed, listeners.log),
            health_timeout_s,
        )
        self.router = FleetRouter(self.fleet, self.meters)
        self.loop = Loop(
            self.fleet,
            self.supervisor,
            self.releases.recover,
            (self.supervisor.close_unused, self.dispatcher.prune, self._remove_homes),
            health_timeout_s,
        )
        self._webhooks = Webhooks()
        self.dispatcher.on_final = self._webhooks.tell
        self.supervisor.on_change = self.dispatcher.worker_changed
        self.supervisor.on_gone = self.dispatcher.worker_gone
        self.supervisor.on_line = self.dispatcher.results.heard

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Serve again what was served before; at the end stop and reap every worker, then close the books."""
        async with anyio.create_task_group() as books:
            await books.start(self._webhooks.run)
            await books.start(self.dispatcher.run)
            self._group = books
            async with anyio.create_task_group() as works:
                await works.start(self.supervisor.run)
                await works.start(self.releases.run)
                await works.start(self.loop.run)
                yield
                works.cancel_scope.cancel()
            self._group = None
            books.cancel_scope.cancel()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """The same as a task that is cancelled at the end; then all parts end at once."""
        async with self.running():
            task_status.started()
            await anyio.sleep_forever()

    def routes(self) -> list[BaseRoute]:
        """`/v2/…`, for callers and for workers."""
        return [
            *WorkerHooks(self.dispatcher, self.fleet).routes(),
            *JobRoutes(self.dispatcher, self.fleet, self._store).routes(),
        ]

    def _endpoint_closed(self, endpoint_id: EndpointId, reason: str) -> None:
        self.meters.forget(endpoint_id)
        if self._group is not None:
            self._group.start_soon(self.dispatcher.close_endpoint, endpoint_id, reason)

    async def _remove_homes(self) -> None:
        known = await self._store.transact(
            lambda connection: list_endpoints(connection, lifecycles=frozenset(Lifecycle))
        )
        await self.supervisor.remove_homes(frozenset(endpoint.id for endpoint in known))

    # --- ports.Live

    def workers(self, endpoint_id: EndpointId) -> tuple[Worker, ...]:
        return self.fleet.documents(endpoint_id)

    def jobs(self, endpoint_id: EndpointId) -> JobCounts:
        return self.dispatcher.counts(endpoint_id)

    def traffic(self, endpoint_id: EndpointId) -> Traffic:
        return self.meters.read(endpoint_id)

    def progress(self, environment_id: EnvironmentId) -> Progress | None:
        return self.releases.progress(environment_id)
