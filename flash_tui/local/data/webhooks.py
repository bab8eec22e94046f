"""Tells the caller's own URL that a job is final: a POST of the job, 200 expected, twice more if it did not arrive.

What is told here is told at most: a platform that ends meanwhile does not tell it later. The status always knows.
Source: the cloud's documentation of `webhook`.
"""

from __future__ import annotations

import logging

import anyio
import httpx
from anyio.abc import TaskStatus
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from flash_tui.local import limits
from flash_tui.local.data.answers import job_text
from flash_tui.local.data.queue import ActiveJob

_log = logging.getLogger(__name__)


class Webhooks:
    """A bounded number of deliveries side by side; what does not fit the queue is dropped and said in the log."""

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._jobs: tuple[MemoryObjectSendStream[ActiveJob], MemoryObjectReceiveStream[ActiveJob]] = (
            anyio.create_memory_object_stream[ActiveJob](limits.WEBHOOKS_WAITING)
        )

    def tell(self, job: ActiveJob) -> None:
        """If its caller wants to be told."""
        if job.row.webhook is None:
            return
        try:
            self._jobs[0].send_nowait(job)
        except anyio.WouldBlock:
            _log.warning("the webhook of job %s is dropped: too many are waiting", job.row.id)

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Deliver until cancelled."""
        send, receive = self._jobs
        with send, receive:
            async with (
                httpx.AsyncClient(
                    transport=self._transport, timeout=limits.WEBHOOK_TIMEOUT_S, trust_env=False
                ) as client,
                anyio.create_task_group() as group,
            ):
                task_status.started()
                for _ in range(limits.WEBHOOKS_AT_ONCE):
                    group.start_soon(self._deliver_all, client)

    async def _deliver_all(self, client: httpx.AsyncClient) -> None:
        while True:
            await self._deliver(client, await self._jobs[1].receive())

    async def _deliver(self, client: httpx.AsyncClient, job: ActiveJob) -> None:
        headers = {"Content-Type": "application/json"}
        for attempt in range(limits.WEBHOOK_ATTEMPTS):
            if attempt:
                await anyio.sleep(limits.WEBHOOK_PAUSE_S)
            try:
                answer = await client.post(job.row.webhook or "", content=job_text(job), headers=headers)
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                _log.info("the webhook of job %s did not arrive: %s", job.row.id, error)
                continue
            if answer.is_success:
                return
        _log.warning("the webhook of job %s was given up", job.row.id)
