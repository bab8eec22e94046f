"""Releases: an environment brought to a build with no moment without a worker. Carries out what `rollout` decides.

One release an environment; a newer one supersedes it up to its commit. Releases of different environments run side by
side. Everything before the commit is invisible to callers of the endpoints, and undone by stopping the new workers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import anyio
from anyio.abc import TaskGroup, TaskStatus

from flash_tui.local import limits, release_records
from flash_tui.local.artifacts import Prepared as PreparedArtifact
from flash_tui.local.boot_failure import worker_failure
from flash_tui.local.data.ledger import Transactions
from flash_tui.local.fleet import Fleet
from flash_tui.local.plans import worker_plans
from flash_tui.local.reconcile import Role
from flash_tui.local.release_records import Accepted, Target
from flash_tui.local.rollout import (
    Action,
    Committed,
    Drained,
    Failed,
    Phase,
    Prepared,
    Refused,
    Rollout,
    RolloutEvent,
    Withdrawn,
    WorkerReady,
    step,
)
from flash_tui.local.store import deployments
from flash_tui.local.supervisor import Supervisor
from flash_tui.local.workers import Bell, RunningWorker, WorkerPlan
from flash_tui.models.app import Progress
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import Conflict, ErrorDocument, FlashTuiError, TargetUnreachable
from flash_tui.models.identifiers import BuildId, DeploymentId, EndpointId, EnvironmentId
from flash_tui.models.log import LogLine
from flash_tui.models.states import Outcome, Stage


class ArtifactSource(Protocol):
    async def prepare(self, build_id: BuildId) -> PreparedArtifact: ...


@dataclass(eq=False, slots=True)
class Release:
    """One under way."""

    request: ReleaseRequest
    accepted: Accepted
    deployment: Deployment
    rollout: Rollout = field(default_factory=Rollout)
    plans: dict[EndpointId, WorkerPlan] = field(default_factory=dict[EndpointId, WorkerPlan])
    candidates: list[RunningWorker] = field(default_factory=list[RunningWorker])
    outdated: tuple[RunningWorker, ...] = ()
    events: list[RolloutEvent] = field(default_factory=list[RolloutEvent])
    bell: Bell = field(default_factory=Bell)
    began_at: float = field(default_factory=time.monotonic)
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])
    decided: anyio.Event = field(default_factory=anyio.Event)
    """Set once the outcome is recorded; draining may go on."""

    def tell(self, event: RolloutEvent) -> None:
        self.events.append(event)
        self.bell.ring()

    @property
    def environment_id(self) -> EnvironmentId:
        return self.accepted.target.environment.id


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
        self._artifacts = artifacts
        self._fleet = fleet
        self._supervisor = supervisor
        self._token = token
        self._listeners = listeners
        self._health_timeout_s = health_timeout_s
        self._running: dict[EnvironmentId, Release] = {}
        self._turns: dict[EnvironmentId, anyio.Lock] = {}
        self._commits: dict[EnvironmentId, anyio.Lock] = {}
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
            if running is None and self._nothing_to_do(target):
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
        if release is None:
            return None
        booted = all(worker.forked.is_set() for worker in release.candidates) and bool(release.candidates)
        stage = Stage.SWITCH if release.rollout.phase is Phase.SWITCHING else Stage.HEALTH if booted else Stage.BOOT
        return Progress(
            stage=stage,
            done=len(release.rollout.ready),
            total=len(release.plans),
            to_build=release.accepted.target.build,
        )

    async def forget(self, environment_id: EnvironmentId) -> None:
        """The environment is about to be deleted, or was: whatever runs for it ends."""
        release = self._running.get(environment_id)
        if release is not None:
            release.tell(Withdrawn(Outcome.CANCELLED))
            await release.decided.wait()
        async with self._commit_turn(environment_id):
            self._switch_off(environment_id, "the environment was deleted")
        self._turns.pop(environment_id, None)

    # --- begin

    def _find(self, deployment_id: DeploymentId) -> Release | None:
        return next((r for r in self._running.values() if r.deployment.id == deployment_id), None)

    async def _record(self, deployment_id: DeploymentId) -> Deployment:
        return await self._store.transact(lambda connection: deployments.get_deployment(connection, deployment_id))

    def _commit_turn(self, environment_id: EnvironmentId) -> anyio.Lock:
        return self._commits.setdefault(environment_id, anyio.Lock())

    def _nothing_to_do(self, target: Target) -> bool:
        return target.is_settled and self._is_healthy(target.environment.id)

    def _is_healthy(self, environment_id: EnvironmentId) -> bool:
        """Each endpoint that should be served here has a worker that serves."""
        return all(
            any(worker.gets_work for worker in self._fleet.of_endpoint(runtime.plan.endpoint_id))
            for runtime in self._fleet.of_environment(environment_id)
        )

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
        self._group.start_soon(self._drive, release)
        self._tell(accepted.deployment)
        self._fleet.publish(release.environment_id)
        return accepted.deployment

    # --- drive

    async def _drive(self, release: Release) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._prepare, release)
            while release.rollout.phase is not Phase.ENDED:
                while not release.events:
                    await release.bell.wait()
                await self._advance(release, release.events.pop(0), group)
            group.cancel_scope.cancel()

    async def _advance(self, release: Release, event: RolloutEvent, group: TaskGroup) -> None:
        release.rollout, actions = step(release.rollout, event)
        for action in actions:
            match action:
                case Action.BOOT:
                    self._boot(release, group)
                case Action.COMMIT:
                    await self._commit(release, group)
                case Action.SWITCH:
                    self._switch(release)
                case Action.DRAIN:
                    group.start_soon(self._drain, release)
                case Action.DISCARD:
                    self._discard(release)
                case Action.RECORD:
                    await self._close(release)
        self._fleet.publish(release.environment_id)

    async def _prepare(self, release: Release) -> None:
        target = release.accepted.target
        if target.build is None or target.manifest is None:
            release.tell(Prepared(frozenset()))
            return
        try:
            prepared = await self._artifacts.prepare(target.build.id)
        except FlashTuiError as error:
            release.tell(Failed(error.document()))
            return
        plans = worker_plans(
            target.environment, target.build, target.manifest, release.accepted.endpoints, prepared, self._token
        )
        release.plans = {plan.endpoint_id: plan for plan in plans}
        release.tell(Prepared(frozenset(self._to_boot(release))))

    def _to_boot(self, release: Release) -> list[EndpointId]:
        """All; but what serves already and is well only has to be said so again, to end a `failed`."""
        if release.accepted.target.is_active and self._is_healthy(release.environment_id):
            serving = {runtime.plan.endpoint_id for runtime in self._fleet.of_environment(release.environment_id)}
            return [endpoint_id for endpoint_id in release.plans if endpoint_id not in serving]
        return list(release.plans)

    def _boot(self, release: Release, group: TaskGroup) -> None:
        for endpoint_id in release.rollout.booting:
            worker = self._supervisor.start(release.plans[endpoint_id], Role.CANDIDATE)
            release.candidates.append(worker)
            group.start_soon(self._watch, release, worker)

    async def _watch(self, release: Release, worker: RunningWorker) -> None:
        """Until the new worker is ready, or it is clear that it will not be."""
        with anyio.move_on_after(self._health_timeout_s) as deadline:
            while worker.is_alive and not worker.is_ready and worker.error is None:
                await worker.bell.wait()
        if worker.is_ready and worker.is_alive:
            release.tell(WorkerReady(worker.plan.endpoint_id))
        else:
            release.tell(Failed(self._boot_error(worker, timed_out=deadline.cancelled_caught)))

    def _boot_error(self, worker: RunningWorker, *, timed_out: bool) -> ErrorDocument:
        if timed_out:
            return worker_failure(worker, f"it was not healthy within {self._health_timeout_s:g} s")
        return worker.error or worker_failure(worker, "it ended")

    async def _commit(self, release: Release, group: TaskGroup) -> None:
        """Records and traffic move together: nobody who reconciles sees one without the other."""
        began = time.monotonic()
        self._note_boot_times(release)
        write = partial(
            release_records.commit,
            accepted=release.accepted,
            request=release.request,
            timings_ms=release.timings_ms,
        )
        with anyio.CancelScope(shield=True):
            async with self._commit_turn(release.environment_id):
                try:
                    release.deployment = await self._store.transact(write)
                except FlashTuiError as error:
                    outcome: RolloutEvent = Refused(error.document())
                else:
                    outcome = Committed()
                await self._advance(release, outcome, group)
            if isinstance(outcome, Committed):
                release.timings_ms["switch"] = round((time.monotonic() - began) * 1000, 3)
                await self._decide(release)

    def _note_boot_times(self, release: Release) -> None:
        if not release.candidates:
            return
        forked = max(worker.forked_at for worker in release.candidates)
        ready = max(worker.ready_at for worker in release.candidates)
        release.timings_ms["boot"] = round((forked - release.began_at) * 1000, 3)
        release.timings_ms["health"] = round(max(0.0, ready - forked) * 1000, 3)

    def _switch(self, release: Release) -> None:
        """Between two requests: the new workers are in charge, the ones before get nothing more."""
        before = {runtime.plan.endpoint_id for runtime in self._fleet.of_environment(release.environment_id)}
        release.outdated = self._fleet.serve(release.environment_id, release.plans.values(), release.candidates)
        for worker in (*release.candidates, *release.outdated):
            self._supervisor.announce(worker)
        for endpoint_id in before - release.plans.keys():
            self._listeners.endpoint_closed(endpoint_id, "the endpoint is no longer part of the environment")

    async def _decide(self, release: Release) -> None:
        """The outcome is known and stored, the switch timed: tell."""
        timings = dict(release.timings_ms)
        deployment_id = release.deployment.id
        await self._store.transact(lambda connection: deployments.set_timings(connection, deployment_id, timings))
        release.deployment = release.deployment.model_copy(update={"timings_ms": timings})
        self._settle(release)

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

    async def _drain(self, release: Release) -> None:
        async with anyio.create_task_group() as group:
            for worker in release.outdated:
                group.start_soon(self._supervisor.drain, worker)
        release.tell(Drained())

    def _discard(self, release: Release) -> None:
        for worker in release.candidates:
            self._supervisor.stop_soon(worker, limits.CANDIDATE_GRACE_S)

    async def _close(self, release: Release) -> None:
        rollout = release.rollout
        if rollout.outcome is None:
            return
        write = partial(
            release_records.close,
            accepted=release.accepted,
            outcome=rollout.outcome,
            error=rollout.error,
            timings_ms=release.timings_ms,
        )
        with anyio.CancelScope(shield=True):
            try:
                release.deployment = await self._store.transact(write)
            finally:
                self._settle(release)

    # --- what serves, by the records

    async def recover(self) -> None:
        """At the start: close what a platform before left open, then serve again what every environment served."""
        await self._store.transact(release_records.close_interrupted)
        for environment_id in await self._store.transact(release_records.serving_environments):
            await self.reload(environment_id)

    async def reload(self, environment_id: EnvironmentId) -> None:
        """Make memory agree with the records of an environment; reconciliation does the rest."""
        async with self._commit_turn(environment_id):
            serving = await self._store.transact(
                lambda connection: release_records.find_serving(connection, environment_id)
            )
            if serving is None:
                self._switch_off(environment_id, "the environment serves nothing")
                return
            prepared: PreparedArtifact | None = None
            problem: ErrorDocument | None = None
            try:
                prepared = await self._artifacts.prepare(serving.build.id)
            except FlashTuiError as error:
                problem = error.document()
            plans = worker_plans(
                serving.environment, serving.build, serving.manifest, serving.endpoints, prepared, self._token
            )
            if problem is not None:
                self._fleet.block(plans, problem)
                return
            for worker in self._fleet.serve(environment_id, plans):
                self._supervisor.drain_soon(worker)

    def _switch_off(self, environment_id: EnvironmentId, reason: str) -> None:
        closed = [runtime.plan.endpoint_id for runtime in self._fleet.of_environment(environment_id)]
        for worker in self._fleet.serve(environment_id, ()):
            self._supervisor.drain_soon(worker)
        for endpoint_id in closed:
            self._listeners.endpoint_closed(endpoint_id, reason)


def _said(deployment: Deployment) -> str:
    """`deploy of v3 to dev: succeeded (boot 8, health 61, switch 2 ms)`."""
    what = f"of {deployment.to_build.label} " if deployment.to_build is not None else ""
    act = f"{deployment.cause} {what}to {deployment.environment}"
    if deployment.outcome is None:
        return f"{act}: begun"
    times = ", ".join(f"{name} {ms:.0f}" for name, ms in deployment.timings_ms.items())
    detail = deployment.error.what if deployment.error is not None else f"{times} ms" if times else ""
    return f"{act}: {deployment.outcome}{f' ({detail})' if detail else ''}"
