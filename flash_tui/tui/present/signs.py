"""States as glyph, ink and word, in one table: never colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from flash_tui.models.endpoint import Endpoint, Worker
from flash_tui.models.states import EndpointState, EnvironmentState, JobStatus, Outcome, WorkerState

NOTHING = "\u2013"
"""Nothing measured; zero is `0`."""
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
MOVING = "⠿"
"""Stands for the spinner's present frame until a widget paints it."""


@dataclass(frozen=True, slots=True)
class Sign:
    glyph: str
    ink: str
    word: str


def spin(glyph: str, frame: int) -> str:
    return SPINNER[frame % len(SPINNER)] if glyph == MOVING else glyph


_ENVIRONMENT = {
    EnvironmentState.PENDING: ("◌", "faint"),
    EnvironmentState.DEPLOYING: (MOVING, "move"),
    EnvironmentState.DEPLOYED: ("✓", "ok"),
    EnvironmentState.UPDATING: (MOVING, "move"),
    EnvironmentState.FAILED: ("✗", "bad"),
    EnvironmentState.DELETING: ("⊘", "soft"),
}
_WORKER = {
    WorkerState.INITIALIZING: ("◌", "faint"),
    WorkerState.IDLE: ("∙", "faint"),
    WorkerState.RUNNING: ("▸", "ok"),
    WorkerState.THROTTLED: ("◍", "move"),
    WorkerState.OUTDATED: ("⇣", "faint"),
    WorkerState.UNHEALTHY: ("✗", "bad"),
}
_JOB = {
    JobStatus.IN_QUEUE: ("◌", "faint", "queued"),
    JobStatus.IN_PROGRESS: ("▸", "move", "in progress"),
    JobStatus.COMPLETED: ("✓", "ok", "completed"),
    JobStatus.FAILED: ("✗", "bad", "failed"),
    JobStatus.CANCELLED: ("⊘", "faint", "cancelled"),
    JobStatus.TIMED_OUT: ("✗", "bad", "timed out"),
}
_OUTCOME = {
    Outcome.SUCCEEDED: ("✓", "ok"),
    Outcome.FAILED: ("✗", "bad"),
    Outcome.CANCELLED: ("⊘", "faint"),
    Outcome.SUPERSEDED: ("⊘", "faint"),
}


_ENDPOINT = {
    EndpointState.UNHEALTHY: Sign("✗", "bad", "unhealthy"),
    EndpointState.CLOUD_ONLY: Sign("∙", "faint", "cloud only"),
    EndpointState.STARTING: Sign("◌", "faint", "starting"),
}


def environment_sign(state: EnvironmentState) -> Sign:
    glyph, ink = _ENVIRONMENT.get(state, ("?", "text"))
    return Sign(glyph, ink, str(state))


def worker_sign(worker: Worker) -> Sign:
    glyph, ink = _WORKER.get(worker.state, ("?", "text"))
    return Sign(glyph, ink, str(worker.state))


def job_sign(status: JobStatus) -> Sign:
    glyph, ink, word = _JOB.get(status, ("?", "text", str(status)))
    return Sign(glyph, ink, word)


def outcome_sign(outcome: Outcome | None) -> Sign:
    if outcome is None:
        return Sign(MOVING, "move", "running")
    glyph, ink = _OUTCOME.get(outcome, ("?", "text"))
    return Sign(glyph, ink, str(outcome))


def endpoint_sign(endpoint: Endpoint) -> Sign:
    """What an endpoint does now: its health first, then what its workers are at."""
    if endpoint.state is not EndpointState.HEALTHY:
        return _ENDPOINT.get(endpoint.state, Sign("?", "text", str(endpoint.state)))
    states = {worker.state for worker in endpoint.workers}
    if WorkerState.THROTTLED in states:
        return Sign("◍", "move", "throttled")
    if states & {WorkerState.RUNNING, WorkerState.IDLE}:
        return Sign("▸", "ok", "running")
    return Sign("∙", "faint", "idle")


def workers_up(endpoint: Endpoint) -> int:
    """Workers that serve."""
    return sum(worker.state in {WorkerState.RUNNING, WorkerState.IDLE} for worker in endpoint.workers)
