"""One release carried out: what `rollout` decides is done, and what comes of it is told to `rollout` again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio.abc import TaskGroup

from flash_tui.local import limits
from flash_tui.local.data.ledger import Transactions
from flash_tui.local.releases import records as release_records
from flash_tui.local.releases.records import Accepted
from flash_tui.local.releases.rollout import (
    Action,
    Committed,
    Drained,
    Failed,
    Phase,
    Prepared,
    Refused,
    Rollout,
    RolloutEvent,
    WorkerReady,
    step,
)
from flash_tui.local.releases.serving import ArtifactSource, Serving
from flash_tui.local.store import deployments
from flash_tui.local.workers.boot_failure import worker_failure
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.plans import worker_plans
from flash_tui.local.workers.reconcile import Role
from flash_tui.local.workers.supervisor import Supervisor
from flash_tui.local.workers.worker import Bell, RunningWorker, WorkerPlan
from flash_tui.models.app import Progress
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import ErrorDocument, FlashTuiError
from flash_tui.models.identifiers import EndpointId, EnvironmentId
from flash_tui.models.states import Stage


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

    def progress(self) -> Progress:
        """How far it has come."""
        booted = bool(self.candidates) and all(worker.forked.is_set() for worker in self.candidates)
        stage = Stage.SWITCH if self.rollout.phase is Phase.SWITCHING else Stage.HEALTH if booted else Stage.BOOT
        return Progress(
            stage=stage,
            done=len(self.rollout.ready),
            total=len(self.plans),
            to_build=self.accepted.target.build,
        )

    def note_boot_times(self) -> None:
        """Until all processes were there, and from then until all were ready; nothing if none was started."""
        if not self.candidates:
            return
        forked = max(worker.forked_at for worker in self.candidates)
        ready = max(worker.ready_at for worker in self.candidates)
        self.timings_ms["boot"] = _ms(forked - self.began_at)
        self.timings_ms["health"] = _ms(max(0.0, ready - forked))


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


class ReleaseDriver:
    """Drives any number of releases side by side; `settled` is called when the outcome of one is recorded."""

    def __init__(
        self,
        store: Transactions,
        artifacts: ArtifactSource,
        fleet: Fleet,
        supervisor: Supervisor,
        serving: Serving,
        token: str,
        health_timeout_s: float,
        settled: Callable[[Release], None],
    ) -> None:
        self._store = store
        self._artifacts = artifacts
        self._fleet = fleet
        self._supervisor = supervisor
        self._serving = serving
        self._token = token
        self._health_timeout_s = health_timeout_s
        self._settled = settled

    async def drive(self, release: Release) -> None:
        """To its end: until the workers before are gone, or the new ones where it came to nothing."""
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
        if release.accepted.target.is_active and self._fleet.is_healthy(release.environment_id):
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
        """Records and traffic move together, and not half: a platform that is stopping lets it through."""
        began = time.monotonic()
        release.note_boot_times()
        write = partial(
            release_records.commit,
            accepted=release.accepted,
            request=release.request,
            timings_ms=release.timings_ms,
        )
        with anyio.CancelScope(shield=True):
            async with self._serving.turn(release.environment_id):
                try:
                    release.deployment = await self._store.transact(write)
                except FlashTuiError as error:
                    await self._advance(release, Refused(error.document()), group)
                    return
                await self._advance(release, Committed(), group)
            release.timings_ms["switch"] = _ms(time.monotonic() - began)
            await self._note_timings(release)
            self._settled(release)

    def _switch(self, release: Release) -> None:
        """Between two requests: the new workers are in charge, the ones before get nothing more."""
        before = {runtime.plan.endpoint_id for runtime in self._fleet.of_environment(release.environment_id)}
        release.outdated = self._fleet.serve(release.environment_id, release.plans.values(), release.candidates)
        for worker in (*release.candidates, *release.outdated):
            self._supervisor.announce(worker)
        self._serving.close(before - release.plans.keys(), "the endpoint is no longer part of the environment")

    async def _note_timings(self, release: Release) -> None:
        """How long the switch took is known only after it."""
        timings, deployment_id = dict(release.timings_ms), release.deployment.id
        await self._store.transact(lambda connection: deployments.set_timings(connection, deployment_id, timings))
        release.deployment = release.deployment.model_copy(update={"timings_ms": timings})

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
                self._settled(release)
