"""`/v2/{endpoint}/…` as callers see it: run, runsync, status, stream, cancel, retry, purge-queue, health.

Source: runpod 1.12 `endpoint/`, runpod_flash 1.21 `core/resources/serverless.py`, `flash_sentinel.py`.
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import anyio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from flash_tui.local import limits
from flash_tui.local.data.answers import JsonText, job_text, json_answer, read_object
from flash_tui.local.data.dispatcher import Dispatcher
from flash_tui.local.data.ledger import Transactions
from flash_tui.local.data.queue import ActiveJob
from flash_tui.local.store import endpoints, jobs
from flash_tui.local.store.jobs import JobPolicy, StoredJob
from flash_tui.local.workers.fleet import Fleet
from flash_tui.models.errors import Conflict, NotFound, UsageError
from flash_tui.models.identifiers import EndpointId, JobId
from flash_tui.models.states import JobStatus, WorkerState

_RETRYABLE = frozenset({JobStatus.FAILED, JobStatus.TIMED_OUT})
_MAX_MS = 7 * 24 * 3600 * 1000


def _milliseconds(policy: dict[str, Any], name: str) -> int | None:
    value = policy.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _MAX_MS:
        raise UsageError(f"policy.{name} is no number of milliseconds up to {_MAX_MS}", where="policy", hint="omit it")
    return int(value)


def _policy(body: dict[str, Any]) -> JobPolicy:
    raw = body.get("policy")
    policy = cast("dict[str, Any]", raw) if isinstance(raw, dict) else {}
    return JobPolicy(_milliseconds(policy, "executionTimeout"), _milliseconds(policy, "ttl"))


def new_job(endpoint_id: EndpointId, body: dict[str, Any], *, is_sync: bool) -> StoredJob:
    """A job as asked for. Raises UsageError."""
    if "input" not in body:
        raise UsageError("the body has no `input`", where=f"/v2/{endpoint_id}", hint='send {"input": …}')
    webhook = body.get("webhook")
    prefix = "sync-" if is_sync else ""
    return StoredJob(
        id=JobId(f"{prefix}{uuid.uuid4()}-u1"),
        endpoint_id=endpoint_id,
        input_json=json.dumps(body["input"]),
        created_at=datetime.now(UTC),
        is_sync=is_sync,
        webhook=webhook if isinstance(webhook, str) and webhook else None,
        policy=_policy(body),
    )


def wait_s(request: Request) -> float:
    """How long `runsync` is held: `?wait=` in ms, kept within bounds."""
    text = request.query_params.get("wait")
    if not text:
        return limits.RUNSYNC_WAIT_S
    if not text.isdigit():
        raise UsageError(f"wait={text[:20]} is no number of milliseconds", where=request.url.path, hint="omit it")
    return min(max(int(text) / 1000, limits.MIN_RUNSYNC_WAIT_S), limits.MAX_RUNSYNC_WAIT_S)


class JobRoutes:
    """The routes; `store` answers what memory does not know."""

    def __init__(self, dispatcher: Dispatcher, fleet: Fleet, store: Transactions) -> None:
        self._dispatcher = dispatcher
        self._fleet = fleet
        self._store = store

    def routes(self) -> list[BaseRoute]:
        """The sentinel comes first: `flash` is no endpoint's id."""
        return [
            Route("/v2/flash/runsync", self.sentinel, methods=["POST"]),
            Route("/v2/{endpoint}/run", self.run, methods=["POST"]),
            Route("/v2/{endpoint}/runsync", self.runsync, methods=["POST"]),
            Route("/v2/{endpoint}/status/{job}", self.status, methods=["GET", "POST"]),
            Route("/v2/{endpoint}/stream/{job}", self.stream, methods=["GET", "POST"]),
            Route("/v2/{endpoint}/cancel/{job}", self.cancel, methods=["POST"]),
            Route("/v2/{endpoint}/retry/{job}", self.retry, methods=["POST"]),
            Route("/v2/{endpoint}/purge-queue", self.purge, methods=["POST"]),
            Route("/v2/{endpoint}/health", self.health, methods=["GET"]),
        ]

    async def run(self, request: Request) -> Response:
        """Accepted and stored: the id."""
        body = await read_object(request, limits.MAX_RUN_BYTES)
        job = await self._dispatcher.submit(new_job(_endpoint_id(request), body, is_sync=False))
        return json_answer({"id": job.row.id, "status": JobStatus.IN_QUEUE.value})

    async def runsync(self, request: Request) -> Response:
        """The final job, or after the wait where it stands."""
        body = await read_object(request, limits.MAX_RUNSYNC_BYTES)
        hold_s = wait_s(request)
        job = await self._dispatcher.submit(new_job(_endpoint_id(request), body, is_sync=True))
        with anyio.move_on_after(hold_s):
            await job.final.wait()
        return _answer(job)

    async def sentinel(self, request: Request) -> Response:
        """A call from one worker to an endpoint it knows by name; held until the job is final, for any other answer
        counts as the result.
        """
        body = await read_object(request, limits.MAX_RUNSYNC_BYTES)
        named = [request.headers.get(f"x-flash-{part}", "") for part in ("app", "environment", "endpoint")]
        found = await self._store.transact(lambda connection: endpoints.resolve_endpoint(connection, *named))
        if found is None:
            raise NotFound(
                f"no endpoint {named[2]} in {named[0]} {named[1]}", where=request.url.path, hint="deploy it first"
            )
        job = await self._dispatcher.submit(new_job(found.id, body, is_sync=True))
        await job.final.wait()
        return _answer(job)

    async def status(self, request: Request) -> Response:
        return _answer(await self._job(request))

    async def stream(self, request: Request) -> Response:
        """Chunks that nobody was given yet. A final job's are given once, then the list stays empty."""
        job = await self._job(request)
        chunks = await self._store.transact(partial(jobs.take_chunks, job_id=job.row.id))
        status = JobStatus.IN_PROGRESS if job.is_closing and not job.final.is_set() else job.row.status
        items = ", ".join(f'{{"output": {chunk}}}' for chunk in chunks)
        return JsonText(f'{{"status": {json.dumps(status.value)}, "stream": [{items}]}}')

    async def cancel(self, request: Request) -> Response:
        """CANCELLED, or what it had come to before."""
        job = await self._job(request)
        await self._dispatcher.cancel(job)
        return json_answer({"id": job.row.id, "status": job.row.status.value})

    async def retry(self, request: Request) -> Response:
        """A failed or timed-out job anew, under its id."""
        job = await self._job(request)
        if job.row.status not in _RETRYABLE:
            raise Conflict(
                f"job {job.row.id} is {job.row.status}",
                where=request.url.path,
                hint="only a FAILED or TIMED_OUT job can be retried",
            )
        await self._dispatcher.retry(job)
        return json_answer({"id": job.row.id, "status": JobStatus.IN_QUEUE.value})

    async def purge(self, request: Request) -> Response:
        endpoint_id = await self._known(request)
        removed = await self._dispatcher.purge(endpoint_id, "the queue was purged")
        return json_answer({"removed": removed, "status": "completed"})

    async def health(self, request: Request) -> Response:
        """All eleven integers: the official client requires each."""
        endpoint_id = await self._known(request)
        counts = self._dispatcher.counts(endpoint_id)
        states = [worker.state for worker in self._fleet.documents(endpoint_id)]
        idle, running = states.count(WorkerState.IDLE), states.count(WorkerState.RUNNING)
        return json_answer(
            {
                "jobs": {
                    "completed": counts.completed,
                    "failed": counts.failed,
                    "inProgress": counts.in_progress,
                    "inQueue": counts.in_queue,
                    "retried": counts.retried,
                },
                "workers": {
                    "idle": idle,
                    "initializing": states.count(WorkerState.INITIALIZING),
                    "ready": idle + running,
                    "running": running,
                    "throttled": states.count(WorkerState.THROTTLED),
                    "unhealthy": states.count(WorkerState.UNHEALTHY),
                },
            }
        )

    async def _known(self, request: Request) -> EndpointId:
        """Raises NotFound: no such endpoint."""
        endpoint_id = _endpoint_id(request)
        if self._fleet.endpoint(endpoint_id) is None:
            await self._store.transact(lambda connection: endpoints.get_endpoint(connection, endpoint_id))
        return endpoint_id

    async def _job(self, request: Request) -> ActiveJob:
        endpoint_id, job_id = _endpoint_id(request), JobId(request.path_params["job"])
        job = await self._dispatcher.find(endpoint_id, job_id)
        if job is None:
            raise NotFound(
                f"no job {job_id}", where=request.url.path, hint=f"the newest {limits.JOBS_KEPT} jobs are kept"
            )
        return job


def _endpoint_id(request: Request) -> EndpointId:
    return EndpointId(request.path_params["endpoint"])


def _answer(job: ActiveJob) -> Response:
    if job.is_closing and not job.final.is_set():
        return json_answer({"id": job.row.id, "status": JobStatus.IN_PROGRESS.value})
    return JsonText(job_text(job))
