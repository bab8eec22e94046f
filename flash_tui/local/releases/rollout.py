"""One release as a state machine: boot → health → switch → drain. Pure; `driver.py` carries its actions out.

    preparing ──Prepared──▸ booting ──all ready──▸ switching ──Committed──▸ draining ──Drained──▸ ended
        └───────────┴──Failed, Withdrawn──▸ ended      └──Refused──▸ ended

The commit is the point of no return: a withdrawal that comes while it is under way, or later, changes nothing.
An event that does not belong to the phase is ignored, so that late news (a worker that dies while the release is
already over) needs no care where it is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import EndpointId
from flash_tui.models.states import Outcome


class Phase(StrEnum):
    PREPARING = "preparing"
    BOOTING = "booting"
    SWITCHING = "switching"
    DRAINING = "draining"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Prepared:
    """The build is unpacked; these endpoints get new workers (none for an undeploy)."""

    endpoints: frozenset[EndpointId]


@dataclass(frozen=True, slots=True)
class WorkerReady:
    endpoint: EndpointId


@dataclass(frozen=True, slots=True)
class Failed:
    """The build cannot be prepared, or a new worker did not become healthy."""

    error: ErrorDocument


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """Cancelled by a caller or superseded by a newer release."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Committed:
    pass


@dataclass(frozen=True, slots=True)
class Refused:
    """The compare-and-set of the commit did not hold."""

    error: ErrorDocument


@dataclass(frozen=True, slots=True)
class Drained:
    pass


RolloutEvent = Prepared | WorkerReady | Failed | Withdrawn | Committed | Refused | Drained


class Action(StrEnum):
    """What to do next, in this order where there are several."""

    BOOT = "boot"
    """Start one new worker for each endpoint in `booting`, side by side."""
    COMMIT = "commit"
    SWITCH = "switch"
    """Move traffic to the new workers: one reference, at once."""
    DRAIN = "drain"
    """Let the workers before finish what they have, then stop them."""
    DISCARD = "discard"
    """Stop the new workers; nothing else has changed."""
    RECORD = "record"
    """Write outcome and error into the deployment (the commit writes its own)."""


@dataclass(frozen=True, slots=True)
class Rollout:
    phase: Phase = Phase.PREPARING
    booting: frozenset[EndpointId] = frozenset()
    ready: frozenset[EndpointId] = frozenset()
    outcome: Outcome | None = None
    error: ErrorDocument | None = None

    @property
    def can_be_withdrawn(self) -> bool:
        return self.phase in {Phase.PREPARING, Phase.BOOTING}


Step = tuple[Rollout, tuple[Action, ...]]


def _ended(rollout: Rollout, outcome: Outcome, error: ErrorDocument | None = None) -> Step:
    ended = replace(rollout, phase=Phase.ENDED, outcome=outcome, error=error)
    return ended, (Action.DISCARD, Action.RECORD)


def _prepared(rollout: Rollout, endpoints: frozenset[EndpointId]) -> Step:
    if endpoints:
        return replace(rollout, phase=Phase.BOOTING, booting=endpoints), (Action.BOOT,)
    return replace(rollout, phase=Phase.SWITCHING), (Action.COMMIT,)


def _worker_ready(rollout: Rollout, endpoint: EndpointId) -> Step:
    if endpoint not in rollout.booting:
        return rollout, ()
    moved = replace(rollout, booting=rollout.booting - {endpoint}, ready=rollout.ready | {endpoint})
    return (moved, ()) if moved.booting else (replace(moved, phase=Phase.SWITCHING), (Action.COMMIT,))


def step(rollout: Rollout, event: RolloutEvent) -> Step:
    """The rollout after `event`, and what to do now."""
    result: Step = rollout, ()
    match rollout.phase, event:
        case Phase.PREPARING, Prepared(endpoints):
            result = _prepared(rollout, endpoints)
        case Phase.BOOTING, WorkerReady(endpoint):
            result = _worker_ready(rollout, endpoint)
        case ((Phase.PREPARING | Phase.BOOTING), Failed(error)):
            result = _ended(rollout, Outcome.FAILED, error)
        case ((Phase.PREPARING | Phase.BOOTING), Withdrawn(outcome)):
            result = _ended(rollout, outcome)
        case Phase.SWITCHING, Committed():
            done = replace(rollout, phase=Phase.DRAINING, outcome=Outcome.SUCCEEDED)
            result = done, (Action.SWITCH, Action.DRAIN)
        case Phase.SWITCHING, Refused(error):
            result = _ended(rollout, Outcome.FAILED, error)
        case Phase.DRAINING, Drained():
            result = replace(rollout, phase=Phase.ENDED), ()
        case _:
            pass
    return result
