"""Calling endpoints: jobs of queue endpoints, HTTP of load-balanced ones. The same on every target."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast
from urllib.parse import quote

import anyio
from pydantic import Field

from flash_tui.client import limits
from flash_tui.client.connection import Answer, Connection, dump
from flash_tui.models.document import Document
from flash_tui.models.errors import FlashTuiError, TargetUnreachable
from flash_tui.models.identifiers import EndpointId, JobId
from flash_tui.models.states import JobStatus


class JobAnswer(Document):
    """A job as the data plane tells it. Times in ms."""

    id: JobId
    status: JobStatus
    output: object = None
    error: object = None
    delay_ms: float | None = Field(default=None, validation_alias="delayTime")
    execution_ms: float | None = Field(default=None, validation_alias="executionTime")
    worker: str | None = Field(default=None, validation_alias="workerId")

    @property
    def error_text(self) -> str | None:
        if self.error is None or isinstance(self.error, str):
            return self.error or None
        return json.dumps(self.error)


class HealthJobs(Document):
    completed: int = 0
    failed: int = 0
    in_progress: int = Field(default=0, validation_alias="inProgress")
    in_queue: int = Field(default=0, validation_alias="inQueue")
    retried: int = 0


class HealthWorkers(Document):
    idle: int = 0
    initializing: int = 0
    ready: int = 0
    running: int = 0
    throttled: int = 0
    unhealthy: int = 0

    @property
    def can_serve(self) -> bool:
        return bool(self.ready or self.idle or self.running)


class Health(Document):
    """Source: runpod_flash `core/resources/serverless.py:ServerlessHealth`."""

    jobs: HealthJobs = HealthJobs()
    workers: HealthWorkers = HealthWorkers()


class Metrics(Document):
    ready_workers: tuple[str, ...] = Field(default=(), validation_alias="readyWorkers")


class DataPlane:
    """`/v2` of one target, and whatever URL a load-balanced endpoint has."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def run(self, endpoint_id: EndpointId, value: object) -> JobAnswer:
        """Submit a job and wait for its end, however long it takes; cancelled with us.

        Raises:
            NotFound: no such endpoint, or the target forgot the job.
        """
        job = await self._submit(endpoint_id, value)
        try:
            return await self._until_final(endpoint_id, job)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(limits.CANCEL_S, shield=True), suppress(FlashTuiError):
                await self.cancel(endpoint_id, job.id)
            raise

    async def _submit(self, endpoint_id: EndpointId, value: object) -> JobAnswer:
        """Not interrupted: only the answer tells the job's id, without which it cannot be cancelled."""
        job: JobAnswer | None = None
        with anyio.CancelScope(shield=True):
            job = await self._job(
                "POST",
                self._url(endpoint_id, "runsync"),
                {"input": value},
                parameters={"wait": limits.RUNSYNC_WAIT_MS},
                answer_s=limits.RUNSYNC_ANSWER_S,
            )
        assert job is not None  # a shielded scope that nobody cancels runs to its end
        return job

    async def _until_final(self, endpoint_id: EndpointId, job: JobAnswer) -> JobAnswer:
        await anyio.lowlevel.checkpoint_if_cancelled()
        pause_s, failures = limits.FIRST_JOB_POLL_S, 0
        while not job.status.is_final:
            await anyio.sleep(pause_s)
            pause_s = min(pause_s * 1.5, limits.LAST_JOB_POLL_S)
            try:
                job = await self.status(endpoint_id, job.id)
                failures = 0
            except TargetUnreachable:
                failures += 1
                if failures == limits.STATUS_ATTEMPTS:
                    raise
        return job

    async def submit(self, endpoint_id: EndpointId, value: object) -> JobAnswer:
        """Submit a job and do not wait for it."""
        return await self._job("POST", self._url(endpoint_id, "run"), {"input": value})

    async def status(self, endpoint_id: EndpointId, job_id: JobId) -> JobAnswer:
        return await self._job("GET", self._url(endpoint_id, "status", job_id))

    async def cancel(self, endpoint_id: EndpointId, job_id: JobId) -> JobAnswer:
        return await self._job("POST", self._url(endpoint_id, "cancel", job_id))

    async def retry(self, endpoint_id: EndpointId, job_id: JobId) -> JobAnswer:
        """Queue a failed or timed out job again."""
        return await self._job("POST", self._url(endpoint_id, "retry", job_id))

    async def purge(self, endpoint_id: EndpointId) -> int:
        """Drop the jobs that wait; how many there were."""
        raw = await self._connection.json("POST", self._url(endpoint_id, "purge-queue"))
        removed = cast("dict[str, Any]", raw).get("removed") if isinstance(raw, dict) else None
        return removed if isinstance(removed, int) else 0

    async def health(self, endpoint_id: EndpointId) -> Health:
        url = self._url(endpoint_id, "health")
        return self._connection.model(Health, await self._connection.json("GET", url), url)

    async def metrics(self, endpoint_id: EndpointId) -> Metrics:
        url = self._url(endpoint_id, "metrics")
        return self._connection.model(Metrics, await self._connection.json("GET", url), url)

    async def request(
        self, method: str, url: str, *, body: object, parameters: Mapping[str, Any] | None
    ) -> tuple[Answer, float]:
        """One request to a load-balanced endpoint: its answer, whatever the status, and the time it took in ms."""
        began = time.perf_counter()
        answer = await self._connection.ask(
            method,
            url,
            parameters=parameters,
            body=None if body is None else dump(body),
            headers={} if body is None else {"Content-Type": "application/json"},
            answer_s=limits.HTTP_CALL_S,
        )
        return answer, (time.perf_counter() - began) * 1000

    async def _job(self, method: str, url: str, document: object = None, **options: Any) -> JobAnswer:  # noqa: ANN401
        return self._connection.model(JobAnswer, await self._connection.json(method, url, document, **options), url)

    def _url(self, *path: str) -> str:
        return "/".join((self._connection.target.data_url, *(quote(part, safe="") for part in path)))


def readable(answer: Answer) -> object:
    """The content as JSON where it says that it is, else as text."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        with suppress(ValueError, RecursionError):
            return json.loads(answer.content)
    return answer.content.decode("utf-8", "replace")
