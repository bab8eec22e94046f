"""Jobs of queue endpoints, and the answers of `call`."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.document import Document
from flash_tui.models.identifiers import EndpointId, JobId, WorkerId
from flash_tui.models.states import JobStatus


class Job(Document):
    id: JobId
    endpoint_id: EndpointId
    status: JobStatus
    input: object = None
    output: object = None
    error: str | None = None
    worker: WorkerId | None = None
    build: int | None = None
    created_at: datetime
    delay_ms: float | None = None
    execution_ms: float | None = None
    attempts: int = 1


class QueueAnswer(Document):
    """`call` on a queue endpoint."""

    endpoint: str
    environment: str
    build: int | None
    status: JobStatus
    output: object = None
    error: str | None = None
    delay_ms: float | None = None
    execution_ms: float | None = None


class HttpAnswer(Document):
    """`call` on a load-balanced endpoint."""

    endpoint: str
    environment: str
    build: int | None
    status_code: int
    headers: dict[str, str]
    output: object = None
    elapsed_ms: float
