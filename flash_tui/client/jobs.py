"""One job, whole where the target keeps a list of them, else what the data plane still knows of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flash_tui.client.opening import Session
from flash_tui.models.identifiers import EndpointId, JobId, WorkerId
from flash_tui.models.job import Job

_MOST_JOBS = 1000


async def find_job(session: Session, endpoint_id: EndpointId, job_id: JobId) -> Job:
    """By id.

    Raises:
        NotFound: the target never knew it, or has forgotten it.
    """
    for job in await session.dialect.jobs(endpoint_id, _MOST_JOBS):
        if job.id == job_id:
            return job
    answer = await session.data.status(endpoint_id, job_id)
    known_ms = (answer.delay_ms or 0) + (answer.execution_ms or 0)
    return Job(
        id=answer.id,
        endpoint_id=endpoint_id,
        status=answer.status,
        output=answer.output,
        error=answer.error_text,
        worker=WorkerId(answer.worker) if answer.worker else None,
        # The protocol does not say when; at the latest then.
        created_at=datetime.now(UTC) - timedelta(milliseconds=known_ms),
        delay_ms=answer.delay_ms,
        execution_ms=answer.execution_ms,
    )
