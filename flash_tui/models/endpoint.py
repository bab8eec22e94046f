"""Endpoints and the workers that serve them."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.document import Document
from flash_tui.models.identifiers import BuildId, EndpointId, WorkerId
from flash_tui.models.states import EndpointKind, EndpointState, WorkerState


class Worker(Document):
    """One process (in the cloud: one container) that serves an endpoint."""

    id: WorkerId
    state: WorkerState
    build: int | None
    """Version of the build whose code it runs."""
    build_id: BuildId | None = None
    pid: int | None = None
    started_at: datetime | None = None
    restarts: int = 0
    """How often a worker of this endpoint died since the release; the back-off grows with it."""
    error: str | None = None


class JobCounts(Document):
    """Jobs of one queue endpoint by what became of them. Source: runpod `/health`."""

    in_queue: int = 0
    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    retried: int = 0


class Traffic(Document):
    """Requests (queue: jobs) of the last minutes."""

    requests: tuple[int, ...] = ()
    """Finished requests per 10 s, oldest first, at most 60 samples."""
    errors: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None


class Endpoint(Document):
    """What a resource of a manifest became in one environment."""

    name: str
    id: EndpointId
    kind: EndpointKind
    url: str
    state: EndpointState
    workers: tuple[Worker, ...] = ()
    workers_max: int = 1
    jobs: JobCounts = JobCounts()
    traffic: Traffic = Traffic()
    routes: tuple[str, ...] = ()
    """`POST /path`, for load-balanced endpoints."""
    hardware: str = "cpu"
    """`cpu`, or what GPU the cloud would use."""
    error: str | None = None
