"""Desired against observed → what to do. Pure and level-triggered: asked again, it gives what is still missing.

Candidates (the new workers of a release under way) are none of its business until the release has switched to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from flash_tui.local.workers.scaling import restart_delay_s
from flash_tui.models.identifiers import BuildId, EndpointId, WorkerId


class Role(StrEnum):
    """What a worker is there for."""

    CANDIDATE = "candidate"
    """Of a release that has not switched yet: no traffic, no jobs."""
    STARTING = "starting"
    """Stands in for one that died, or comes up after a start of the platform; serves as soon as it is ready."""
    SERVING = "serving"
    DRAINING = "draining"
    """Finishes what it has, gets nothing more."""
    STOPPING = "stopping"


@dataclass(frozen=True, slots=True)
class Desired:
    """What should serve an endpoint."""

    endpoint_id: EndpointId
    build_id: BuildId
    workers: int = 1


@dataclass(frozen=True, slots=True)
class Observed:
    """One worker process as it is."""

    worker_id: WorkerId
    endpoint_id: EndpointId
    build_id: BuildId
    role: Role
    is_ready: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """Deaths in a row of an endpoint's workers."""

    failures: int
    last_at: float
    """Monotonic seconds."""

    @property
    def next_start_at(self) -> float:
        return self.last_at + restart_delay_s(self.failures)


@dataclass(frozen=True, slots=True)
class Start:
    endpoint_id: EndpointId
    build_id: BuildId


@dataclass(frozen=True, slots=True)
class Serve:
    worker_id: WorkerId


@dataclass(frozen=True, slots=True)
class Drain:
    worker_id: WorkerId


ReconcileAction = Start | Serve | Drain


@dataclass(frozen=True, slots=True)
class Decision:
    actions: tuple[ReconcileAction, ...]
    look_again_at: float | None
    """Monotonic seconds at which a back-off ends; None if only an event can change anything."""


_IN_CHARGE = frozenset({Role.STARTING, Role.SERVING})


def reconcile(
    desired: Iterable[Desired], observed: Sequence[Observed], troubles: Mapping[EndpointId, Trouble], now: float
) -> Decision:
    """What makes `observed` (oldest first) become `desired`: the newest worker in surplus goes first."""
    wanted = {item.endpoint_id: item for item in desired}
    actions: list[ReconcileAction] = []
    kept: dict[EndpointId, int] = {}
    for worker in observed:
        if worker.role not in _IN_CHARGE:
            continue
        goal = wanted.get(worker.endpoint_id)
        count = kept.get(worker.endpoint_id, 0)
        if goal is None or goal.build_id != worker.build_id or count >= goal.workers:
            actions.append(Drain(worker.worker_id))
            continue
        kept[worker.endpoint_id] = count + 1
        if worker.role is Role.STARTING and worker.is_ready:
            actions.append(Serve(worker.worker_id))
    starts, look_again_at = _missing(wanted, kept, troubles, now)
    return Decision((*actions, *starts), look_again_at)


def _missing(
    wanted: Mapping[EndpointId, Desired],
    kept: Mapping[EndpointId, int],
    troubles: Mapping[EndpointId, Trouble],
    now: float,
) -> tuple[list[Start], float | None]:
    starts: list[Start] = []
    waits: list[float] = []
    for endpoint_id, goal in wanted.items():
        missing = goal.workers - kept.get(endpoint_id, 0)
        trouble = troubles.get(endpoint_id)
        if missing <= 0:
            continue
        if trouble is not None and trouble.next_start_at > now:
            waits.append(trouble.next_start_at)
            continue
        starts.extend([Start(endpoint_id, goal.build_id)] * missing)
    return starts, min(waits, default=None)
