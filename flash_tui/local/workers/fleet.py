"""Who serves what: every running worker, what should serve each endpoint, and what went wrong with it.

Memory only, owned by the event loop: a change is one assignment, so a request sees the set before a switch or the set
after it, never something in between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from flash_tui.local.workers.reconcile import Desired, Observed, Role, Trouble
from flash_tui.local.workers.scaling import STEADY_AFTER_S
from flash_tui.local.workers.worker import Bell, RunningWorker, WorkerPlan
from flash_tui.models.endpoint import Worker
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import EndpointId, EnvironmentId, WorkerId
from flash_tui.models.states import WorkerState


@dataclass(eq=False, slots=True)
class EndpointRuntime:
    """One endpoint that is served from here."""

    plan: WorkerPlan
    """What its next worker is started for."""
    workers: int = 1
    deaths: int = 0
    """Since the last switch."""
    trouble: Trouble | None = None
    last_death: Worker | None = None
    """Shown until a worker serves again."""
    blocked: ErrorDocument | None = None
    """Its build cannot be prepared; nothing is started until something changes."""
    bell: Bell = field(default_factory=Bell)
    """Rings whenever a worker of it begins or ends to serve."""


class Fleet:
    """The state that supervisor, releases, router and job queues share."""

    def __init__(self, environment_changed: Callable[[EnvironmentId], None]) -> None:
        self._environment_changed = environment_changed
        self._workers: dict[WorkerId, RunningWorker] = {}
        self._endpoints: dict[EndpointId, EndpointRuntime] = {}
        self.bell = Bell()
        """Rings when reconciliation could have something to do."""

    # --- workers

    def add(self, worker: RunningWorker) -> None:
        self._workers[worker.id] = worker
        self.changed(worker)

    def remove(self, worker: RunningWorker) -> None:
        """It has ended. What it means for its endpoint: a failure, unless it was told or said so."""
        self._workers.pop(worker.id, None)
        if worker.role in {Role.SERVING, Role.STARTING} and not worker.is_expected_to_end:
            self.note_death(worker)
        self.changed(worker)

    def note_death(self, worker: RunningWorker) -> None:
        """A worker in charge came to nothing: its endpoint shows why, and the next one waits."""
        runtime = self._endpoints.get(worker.plan.endpoint_id)
        if runtime is None or runtime.plan.build_id != worker.plan.build_id:
            return
        before = runtime.trouble
        now = time.monotonic()
        was_steady = before is not None and worker.role is Role.SERVING and now - before.last_at > STEADY_AFTER_S
        failures = 1 if before is None or was_steady else before.failures + 1
        runtime.trouble = Trouble(failures, now)
        runtime.deaths += 1
        runtime.last_death = worker.document(runtime.deaths).model_copy(update={"state": WorkerState.UNHEALTHY})

    def worker(self, worker_id: str) -> RunningWorker | None:
        return self._workers.get(WorkerId(worker_id))

    def workers(self) -> tuple[RunningWorker, ...]:
        """All, oldest first."""
        return tuple(self._workers.values())

    def of_endpoint(self, endpoint_id: EndpointId) -> tuple[RunningWorker, ...]:
        return tuple(w for w in self._workers.values() if w.plan.endpoint_id == endpoint_id)

    def observed(self) -> tuple[Observed, ...]:
        return tuple(worker.observed() for worker in self._workers.values() if worker.is_alive)

    def changed(self, worker: RunningWorker) -> None:
        """A worker's role, readiness or work changed: wake who waits for it, publish its environment."""
        worker.bell.ring()
        runtime = self._endpoints.get(worker.plan.endpoint_id)
        if runtime is not None:
            if worker.gets_work:
                runtime.last_death = None
            runtime.bell.ring()
        self.bell.ring()
        self._environment_changed(worker.plan.environment_id)

    def publish(self, environment_id: EnvironmentId) -> None:
        """Something that clients are shown changed."""
        self._environment_changed(environment_id)

    def work_changed(self, worker: RunningWorker) -> None:
        """It took or finished something; who waits for it to be idle looks again."""
        worker.bell.ring()
        self._environment_changed(worker.plan.environment_id)

    # --- endpoints

    def endpoint(self, endpoint_id: EndpointId) -> EndpointRuntime | None:
        return self._endpoints.get(endpoint_id)

    def endpoints(self) -> tuple[EndpointRuntime, ...]:
        return tuple(self._endpoints.values())

    def of_environment(self, environment_id: EnvironmentId) -> tuple[EndpointRuntime, ...]:
        return tuple(r for r in self._endpoints.values() if r.plan.environment_id == environment_id)

    def is_healthy(self, environment_id: EnvironmentId) -> bool:
        """Each endpoint that should be served here has a worker that serves."""
        return all(
            any(worker.gets_work for worker in self.of_endpoint(runtime.plan.endpoint_id))
            for runtime in self.of_environment(environment_id)
        )

    def desired(self) -> tuple[Desired, ...]:
        return tuple(
            Desired(endpoint_id, runtime.plan.build_id, runtime.workers)
            for endpoint_id, runtime in self._endpoints.items()
            if runtime.blocked is None
        )

    def troubles(self) -> dict[EndpointId, Trouble]:
        return {key: runtime.trouble for key, runtime in self._endpoints.items() if runtime.trouble is not None}

    def serve(
        self, environment_id: EnvironmentId, plans: Iterable[WorkerPlan], candidates: Iterable[RunningWorker] = ()
    ) -> tuple[RunningWorker, ...]:
        """From now on `plans` are what the environment serves, by `candidates` as far as they are there.

        One step without a pause: the candidates begin to serve, whoever served before gets nothing more. Returns those,
        to be drained.
        """
        wanted = {plan.endpoint_id: plan for plan in plans}
        chosen = {worker.id for worker in candidates}
        outdated: list[RunningWorker] = []
        for runtime in self.of_environment(environment_id):
            if runtime.plan.endpoint_id not in wanted:
                del self._endpoints[runtime.plan.endpoint_id]
                runtime.bell.ring()
        for endpoint_id, plan in wanted.items():
            self._adopt(endpoint_id, plan)
        for worker in self._workers.values():
            if worker.plan.environment_id != environment_id:
                continue
            if worker.id in chosen:
                worker.role = Role.SERVING
                self.changed(worker)
            elif worker.role in {Role.SERVING, Role.STARTING} and self._is_outdated(worker, wanted, chosen):
                worker.role = Role.DRAINING
                outdated.append(worker)
        for worker in outdated:
            self.changed(worker)
        self.bell.ring()
        self._environment_changed(environment_id)
        return tuple(outdated)

    def block(self, plans: Iterable[WorkerPlan], error: ErrorDocument) -> None:
        """These should be served and cannot be: nothing is started until `serve` says otherwise."""
        for plan in plans:
            runtime = EndpointRuntime(plan, blocked=error)
            runtime.last_death = Worker(
                id=WorkerId(""),
                state=WorkerState.UNHEALTHY,
                build=plan.version,
                build_id=plan.build_id,
                error=error.what,
            )
            self._endpoints[plan.endpoint_id] = runtime
            self._environment_changed(plan.environment_id)

    def _adopt(self, endpoint_id: EndpointId, plan: WorkerPlan) -> None:
        runtime = self._endpoints.get(endpoint_id)
        if runtime is None:
            self._endpoints[endpoint_id] = EndpointRuntime(plan)
        elif runtime.plan != plan or runtime.blocked is not None:
            runtime.plan = plan
            runtime.deaths, runtime.trouble, runtime.last_death, runtime.blocked = 0, None, None, None

    def _is_outdated(self, worker: RunningWorker, wanted: dict[EndpointId, WorkerPlan], chosen: set[WorkerId]) -> bool:
        plan = wanted.get(worker.plan.endpoint_id)
        is_replaced = any(
            other.id in chosen and other.plan.endpoint_id == worker.plan.endpoint_id for other in self._workers.values()
        )
        return plan is None or is_replaced or plan.build_id != worker.plan.build_id

    # --- what others are shown

    def documents(self, endpoint_id: EndpointId) -> tuple[Worker, ...]:
        """Its workers, oldest first; the last that died stands in while none is there to serve."""
        runtime = self._endpoints.get(endpoint_id)
        deaths = runtime.deaths if runtime is not None else 0
        alive = tuple(worker.document(deaths) for worker in self.of_endpoint(endpoint_id))
        ghost = runtime.last_death if runtime is not None else None
        return (*alive, ghost) if ghost is not None else alive
