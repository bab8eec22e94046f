"""`job list/get/cancel/retry`: the requests to queue endpoints."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from flash_tui.api import Client
from flash_tui.cli import documents
from flash_tui.cli.connect import open_client
from flash_tui.cli.options import Invocation
from flash_tui.cli.resources import environment_name
from flash_tui.models.human import age, duration
from flash_tui.models.identifiers import EndpointId, JobId
from flash_tui.models.job import Job


async def _endpoint_id(client: Client, invocation: Invocation) -> EndpointId:
    endpoint = await client.endpoint(
        invocation.settings.app, environment_name(invocation), invocation.arguments.endpoint
    )
    return endpoint.id


async def list_jobs(invocation: Invocation) -> int:
    async with open_client(invocation) as client:
        jobs = await client.jobs(await _endpoint_id(client, invocation), limit=invocation.arguments.limit)
    if invocation.output.as_json:
        invocation.output.document([documents.job(job) for job in jobs])
    else:
        invocation.output.table(("job", "status", "age", "ran", "error"), (_row(job) for job in jobs))
    return 0


def _row(job: Job) -> tuple[str, ...]:
    ran = duration(job.execution_ms) if job.execution_ms is not None else "-"
    return job.id, str(job.status), age(job.created_at, datetime.now(UTC)), ran, (job.error or "").partition("\n")[0]


async def _one(invocation: Invocation, act: Callable[[Client, EndpointId, JobId], Awaitable[Job]]) -> int:
    async with open_client(invocation) as client:
        endpoint_id = await _endpoint_id(client, invocation)
        job = await act(client, endpoint_id, JobId(invocation.arguments.job))
    if invocation.output.as_json:
        invocation.output.document(documents.job(job))
    else:
        invocation.output.table(("job", "status", "age", "ran", "error"), (_row(job),))
    return 0


async def get_job(invocation: Invocation) -> int:
    return await _one(invocation, lambda client, endpoint, job: client.job(endpoint, job))


async def cancel_job(invocation: Invocation) -> int:
    return await _one(invocation, lambda client, endpoint, job: client.cancel_job(endpoint, job))


async def retry_job(invocation: Invocation) -> int:
    return await _one(invocation, lambda client, endpoint, job: client.retry_job(endpoint, job))
