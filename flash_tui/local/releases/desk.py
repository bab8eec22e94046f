"""Releases: an environment brought to a build with no moment without a worker.

One release an environment; a newer one supersedes it up to its commit. Releases of different environments run side by
side. Everything before the commit is invisible to callers of the endpoints, and undone by stopping the new workers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup, TaskStatus

from flash_tui.local import limits
from flash_tui.local.data.ledger import Transactions
from flash_tui.local.releases import records as release_records
from flash_tui.local.releases.driver import Release, ReleaseDriver
from flash_tui.local.releases.rollout import Withdrawn
from flash_tui.local.releases.serving import ArtifactSource, Serving
from flash_tui.local.store import deployments
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.supervisor import Supervisor
from flash_tui.models.app import Progress
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import Conflict, TargetUnreachable
from flash_tui.models.identifiers import BuildId, DeploymentId, EndpointId, EnvironmentId
from flash_tui.models.log import LogLine
from flash_tui.models.states import Outcome


@dataclass(frozen=True, slots=True)
class ReleaseListeners:
    """Who is told, by calls that return at once."""

    deployment_changed: Callable[[Deployment], None]
    endpoint_closed: Callable[[EndpointId, str], None]
    log: Callable[[LogLine], None]


class ReleaseDesk:
    """Implements `ports.Releases`."""

    def __init__(
        self,
        store: Transactions,
        artifacts: ArtifactSource,
        fleet: Fleet,
        supervisor: Supervisor,
        token: str,
        listeners: ReleaseListeners,
        health_timeout_s: float = limits.HEALTH_TIMEOUT_S,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._listeners = listeners
        self.serving = Serving(store, artifacts, fleet, supervisor, token, listeners.endpoint_closed)
        self._driver = ReleaseDriver(
            store, artifacts, fleet, supervisor, self.serving, token, health_timeout_s, self._settle
        )
        self._running: dict[EnvironmentId, Release] = {}
        self._turns: dict[EnvironmentId, anyio.Lock] = {}
        self._group: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Hold the releases until cancelled; one that has not committed then is closed by the next start."""
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            await anyio.sleep_forever()

    # --- the port

    async def begin(self, request: ReleaseRequest) -> Deployment:
        """See `ports.Releases`."""
        environment_id = request.environment_id
        async with self._turns.setdefault(environment_id, anyio.Lock()):
            target = await self._store.transact(lambda connection: release_records.find_target(connection, request))
            running = self._running.get(environment_id)
            if running is None and target.is_settled and self._fleet.is_healthy(environment_id):
                return release_records.unchanged(target, request)
            if running is not None:
                await self._supersede(running, request)
            return await self._accept(request)

    async def wait(self, deployment_id: DeploymentId, timeout_s: float) -> Deployment:
        """See `ports.Releases`."""
        release = self._find(deployment_id)
        if release is not None:
            with anyio.move_on_after(timeout_s):
                await release.decided.wait()
        return await self._record(deployment_id)

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        """See `ports.Releases`."""
        release = self._find(deployment_id)
        if release is not None:
            release.tell(Withdrawn(Outcome.CANCELLED))
            await release.decided.wait()
        return await self._record(deployment_id)

    def progress(self, environment_id: EnvironmentId) -> Progress | None:
        """How far the release under way has come."""
        release = self._running.get(environment_id)
        return release.progress() if release is not None else None

    # --- outside of a release

    async def recover(self) -> None:
        """At the start: see `Serving.recover`."""
        await self.serving.recover()

    async def reload(self, environment_id: EnvironmentId) -> None:
        """Records of an environment were changed by somebody else: see `Serving.reload`."""
        await self.serving.reload(environment_id)

    async def forget(self, environment_id: EnvironmentId) -> None:
        """The environment is about to be deleted, or was: whatever runs for it ends."""
        release = self._running.get(environment_id)
        if release is not None:
            release.tell(Withdrawn(Outcome.CANCELLED))
            await release.decided.wait()
        await self.serving.forget(environment_id)
        self._turns.pop(environment_id, None)

    def prepare_soon(self, build_id: BuildId) -> None:
        """A build has come: see `Serving.make_ready`."""
        if self._group is not None:
            self._group.start_soon(self.serving.make_ready, build_id)

    # --- inside

    def _find(self, deployment_id: DeploymentId) -> Release | None:
        return next((r for r in self._running.values() if r.deployment.id == deployment_id), None)

    async def _record(self, deployment_id: DeploymentId) -> Deployment:
        return await self._store.transact(lambda connection: deployments.get_deployment(connection, deployment_id))

    async def _supersede(self, running: Release, request: ReleaseRequest) -> None:
        ours, theirs = request.generation, running.request.generation
        if ours is not None and theirs is not None and ours < theirs:
            environment = running.accepted.target.environment
            raise Conflict(
                f"a newer save (generation {theirs}) is on its way to {environment.name}",
                where=f"{environment.app} {environment.name}",
                hint="nothing to do: the newer one holds",
            )
        running.tell(Withdrawn(Outcome.SUPERSEDED))
        await running.decided.wait()

    async def _accept(self, request: ReleaseRequest) -> Deployment:
        if self._group is None:
            raise TargetUnreachable("the platform is stopping", where="releases", hint="try again when it runs")
        accepted = await self._store.transact(lambda connection: release_records.accept(connection, request))
        release = Release(request, accepted, accepted.deployment)
        self._running[release.environment_id] = release
        self._group.start_soon(self._driver.drive, release)
        self._tell(accepted.deployment)
        self._fleet.publish(release.environment_id)
        return accepted.deployment

    def _settle(self, release: Release) -> None:
        if self._running.get(release.environment_id) is release:
            del self._running[release.environment_id]
        release.decided.set()
        self._tell(release.deployment)
        self._fleet.publish(release.environment_id)

    def _tell(self, deployment: Deployment) -> None:
        """The record to who follows the platform, a line of it into the log."""
        self._listeners.deployment_changed(deployment)
        build = deployment.to_build
        self._listeners.log(
            LogLine(
                at=deployment.ended_at or deployment.started_at,
                app=deployment.app,
                environment=deployment.environment,
                endpoint=None,
                worker=None,
                build=build.version if build is not None else None,
                stream="system",
                text=_said(deployment),
            )
        )


def _said(deployment: Deployment) -> str:
    """`deploy of v3 to dev: succeeded (boot 8, health 61, switch 2 ms)`."""
    what = f"of {deployment.to_build.label} " if deployment.to_build is not None else ""
    act = f"{deployment.cause} {what}to {deployment.environment}"
    if deployment.outcome is None:
        return f"{act}: begun"
    times = ", ".join(f"{name} {ms:.0f}" for name, ms in deployment.timings_ms.items())
    detail = deployment.error.what if deployment.error is not None else f"{times} ms" if times else ""
    return f"{act}: {deployment.outcome}{f' ({detail})' if detail else ''}"
