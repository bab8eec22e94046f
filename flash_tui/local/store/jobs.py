"""Jobs of queue endpoints. Inputs and outputs stay JSON text as they came: nobody here needs to look inside."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from flash_tui.local.store.values import as_moment, as_text, from_json, maybe_moment
from flash_tui.models.endpoint import JobCounts
from flash_tui.models.errors import NotFound
from flash_tui.models.identifiers import BuildId, EndpointId, JobId, WorkerId
from flash_tui.models.job import Job
from flash_tui.models.states import JobStatus


@dataclass(frozen=True, slots=True)
class JobPolicy:
    """What the caller asked for; None leaves it to the endpoint and the platform. Source: runpod `/run`, `policy`."""

    execution_timeout_ms: int | None = None
    ttl_ms: int | None = None


@dataclass(eq=False, slots=True)
class StoredJob:
    """One row; the platform keeps those that are not final in memory and writes each change through."""

    id: JobId
    endpoint_id: EndpointId
    input_json: str
    created_at: datetime
    status: JobStatus = JobStatus.IN_QUEUE
    output_json: str | None = None
    error: str | None = None
    worker: WorkerId | None = None
    build_id: BuildId | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempts: int = 1
    is_sync: bool = False
    webhook: str | None = None
    policy: JobPolicy = field(default_factory=JobPolicy)

    def anew(self, moment: datetime) -> StoredJob:
        """The same job as if it had just come, with one more attempt."""
        return StoredJob(
            id=self.id,
            endpoint_id=self.endpoint_id,
            input_json=self.input_json,
            created_at=moment,
            attempts=self.attempts + 1,
            is_sync=self.is_sync,
            webhook=self.webhook,
            policy=self.policy,
        )

    @property
    def delay_ms(self) -> float | None:
        """How long it waited: until a worker took it, or, if none ever did, until it ended."""
        until = self.started_at or self.ended_at
        return None if until is None else max(0.0, (until - self.created_at).total_seconds() * 1000)

    @property
    def execution_ms(self) -> float | None:
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, (self.ended_at - self.started_at).total_seconds() * 1000)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else as_text(moment)


def _policy_json(policy: JobPolicy) -> str:
    named = {"executionTimeout": policy.execution_timeout_ms, "ttl": policy.ttl_ms}
    return json.dumps({name: value for name, value in named.items() if value is not None})


def _read_policy(text: str) -> JobPolicy:
    raw = from_json(text)
    return JobPolicy(raw.get("executionTimeout"), raw.get("ttl"))


def _stored(row: sqlite3.Row) -> StoredJob:
    worker, build_id = row["worker"], row["build_id"]
    return StoredJob(
        id=JobId(row["id"]),
        endpoint_id=EndpointId(row["endpoint_id"]),
        input_json=row["input"],
        created_at=as_moment(row["created_at"]),
        status=JobStatus(row["status"]),
        output_json=row["output"],
        error=row["error"],
        worker=None if worker is None else WorkerId(worker),
        build_id=None if build_id is None else BuildId(build_id),
        started_at=maybe_moment(row["started_at"]),
        ended_at=maybe_moment(row["ended_at"]),
        attempts=row["attempts"],
        is_sync=bool(row["is_sync"]),
        webhook=row["webhook"],
        policy=_read_policy(row["policy"]),
    )


def insert_job(connection: sqlite3.Connection, job: StoredJob) -> None:
    """Raises NotFound: there is no such queue endpoint (any more)."""
    row = connection.execute(
        "SELECT 1 FROM endpoints WHERE id = ? AND kind = 'queue' AND lifecycle != 'retired'", (job.endpoint_id,)
    ).fetchone()
    if row is None:
        raise no_queue(job.endpoint_id)
    connection.execute(
        """
        INSERT INTO jobs (id, endpoint_id, status, input, created_at, attempts, is_sync, webhook, policy)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            job.id,
            job.endpoint_id,
            job.status.value,
            job.input_json,
            as_text(job.created_at),
            job.attempts,
            int(job.is_sync),
            job.webhook,
            _policy_json(job.policy),
        ),
    )


def no_queue(endpoint_id: str) -> NotFound:
    return NotFound(
        f"no queue endpoint {endpoint_id}",
        where=f"/v2/{endpoint_id}",
        hint="`flash-tui endpoint list` shows the endpoints and their ids; a load-balanced one has routes, no jobs",
    )


def update_job(connection: sqlite3.Connection, job: StoredJob) -> None:
    """Write all that can change. A job that was removed meanwhile stays removed."""
    connection.execute(
        """
        UPDATE jobs SET status = ?, output = ?, error = ?, worker = ?, build_id = ?, created_at = ?, started_at = ?,
               ended_at = ?, attempts = ?
        WHERE id = ?
        """,
        (
            job.status.value,
            job.output_json,
            job.error,
            job.worker,
            job.build_id,
            as_text(job.created_at),
            _text(job.started_at),
            _text(job.ended_at),
            job.attempts,
            job.id,
        ),
    )


def find_job(connection: sqlite3.Connection, endpoint_id: EndpointId, job_id: JobId) -> StoredJob | None:
    row = connection.execute("SELECT * FROM jobs WHERE id = ? AND endpoint_id = ?", (job_id, endpoint_id)).fetchone()
    return None if row is None else _stored(row)


def unfinished_jobs(connection: sqlite3.Connection) -> tuple[StoredJob, ...]:
    """Oldest first."""
    rows = connection.execute(
        "SELECT * FROM jobs WHERE status IN (?, ?) ORDER BY created_at, rowid",
        (JobStatus.IN_QUEUE.value, JobStatus.IN_PROGRESS.value),
    )
    return tuple(_stored(row) for row in rows.fetchall())


def count_jobs(connection: sqlite3.Connection) -> dict[EndpointId, JobCounts]:
    """What became of the jobs of each endpoint so far. A timed-out job counts as failed, as the cloud counts it."""
    rows = connection.execute(
        """
        SELECT endpoint_id,
               sum(status = 'COMPLETED') AS completed,
               sum(status IN ('FAILED', 'TIMED_OUT')) AS failed,
               sum(attempts - 1) AS retried
        FROM jobs GROUP BY endpoint_id
        """
    )
    return {
        EndpointId(row["endpoint_id"]): JobCounts(
            completed=row["completed"], failed=row["failed"], retried=row["retried"]
        )
        for row in rows.fetchall()
    }


def as_job(stored: StoredJob, version: int | None) -> Job:
    return Job(
        id=stored.id,
        endpoint_id=stored.endpoint_id,
        status=stored.status,
        input=from_json(stored.input_json),
        output=None if stored.output_json is None else from_json(stored.output_json),
        error=stored.error,
        worker=stored.worker,
        build=version,
        created_at=stored.created_at,
        delay_ms=stored.delay_ms,
        execution_ms=stored.execution_ms,
        attempts=stored.attempts,
    )


def list_jobs(
    connection: sqlite3.Connection, *, endpoint_id: str | None = None, status: str | None = None, limit: int = 100
) -> tuple[Job, ...]:
    """Newest first."""
    rows = connection.execute(
        """
        SELECT j.*, b.version AS version FROM jobs j LEFT JOIN builds b ON b.id = j.build_id
        WHERE (:endpoint IS NULL OR j.endpoint_id = :endpoint) AND (:status IS NULL OR j.status = :status)
        ORDER BY j.created_at DESC, j.rowid DESC LIMIT :limit
        """,
        {"endpoint": endpoint_id, "status": status, "limit": limit},
    )
    return tuple(as_job(_stored(row), row["version"]) for row in rows.fetchall())


def insert_chunk(connection: sqlite3.Connection, job_id: JobId, chunk_json: str) -> None:
    """One more piece of a streamed result. A job that was removed meanwhile gets none."""
    connection.execute(
        """
        INSERT INTO job_chunks (job_id, position, chunk)
        SELECT id, (SELECT count(*) FROM job_chunks WHERE job_id = :job), :chunk FROM jobs WHERE id = :job
        """,
        {"job": job_id, "chunk": chunk_json},
    )


def take_chunks(connection: sqlite3.Connection, job_id: JobId) -> tuple[str, ...]:
    """The chunks (JSON) that nobody was given yet, in order; they are handed out once."""
    rows = connection.execute(
        "SELECT position, chunk FROM job_chunks WHERE job_id = ? AND handed_out = 0 ORDER BY position", (job_id,)
    ).fetchall()
    connection.execute("UPDATE job_chunks SET handed_out = 1 WHERE job_id = ?", (job_id,))
    return tuple(row["chunk"] for row in rows)


def all_chunks(connection: sqlite3.Connection, job_id: JobId) -> tuple[str, ...]:
    rows = connection.execute("SELECT chunk FROM job_chunks WHERE job_id = ? ORDER BY position", (job_id,))
    return tuple(row["chunk"] for row in rows.fetchall())


def drop_chunks(connection: sqlite3.Connection, job_id: JobId) -> None:
    """Forget what an attempt that came to nothing has streamed."""
    connection.execute("DELETE FROM job_chunks WHERE job_id = ?", (job_id,))


def prune_jobs(connection: sqlite3.Connection, endpoint_ids: Iterable[EndpointId], kept: int) -> None:
    """Keep the newest `kept` ended jobs of each endpoint."""
    for endpoint_id in endpoint_ids:
        connection.execute(
            """
            DELETE FROM jobs WHERE endpoint_id = :endpoint AND ended_at IS NOT NULL AND rowid NOT IN (
                SELECT rowid FROM jobs WHERE endpoint_id = :endpoint AND ended_at IS NOT NULL
                ORDER BY ended_at DESC LIMIT :kept)
            """,
            {"endpoint": endpoint_id, "kept": kept},
        )
