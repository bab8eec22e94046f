"""Webhooks: told once it arrived, again if not, and never in the way of anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import anyio
import httpx
import pytest

from flash_tui.local import limits
from flash_tui.local.data.queue import ActiveJob
from flash_tui.local.data.webhooks import Webhooks
from flash_tui.local.store.jobs import StoredJob
from flash_tui.models.identifiers import EndpointId, JobId
from flash_tui.models.states import JobStatus

pytestmark = pytest.mark.anyio


class Receiver:
    """Answers with these statuses, one a request."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.bodies: list[dict] = []
        self.satisfied = anyio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(json.loads(request.content))
        status = self._statuses.pop(0)
        if not self._statuses:
            self.satisfied.set()
        if status == 0:
            raise httpx.ConnectError("refused")
        return httpx.Response(status)


def a_final_job(webhook: str | None) -> ActiveJob:
    row = StoredJob(JobId("j1"), EndpointId("ep"), "1", datetime.now(UTC), JobStatus.COMPLETED, output_json="[1]")
    row.webhook = webhook
    return ActiveJob(row)


async def deliver(receiver: Receiver, job: ActiveJob) -> None:
    webhooks = Webhooks(httpx.MockTransport(receiver))
    async with anyio.create_task_group() as group:
        await group.start(webhooks.run)
        webhooks.tell(job)
        with anyio.fail_after(5):
            await receiver.satisfied.wait()
        group.cancel_scope.cancel()


async def test_a_final_job_is_posted_to_its_webhook():
    receiver = Receiver(200)
    await deliver(receiver, a_final_job("http://caller.example/hook"))
    assert receiver.bodies[0]["status"] == "COMPLETED"
    assert receiver.bodies[0]["output"] == [1]


async def test_it_is_posted_again_until_it_arrives(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "WEBHOOK_PAUSE_S", 0.001)
    receiver = Receiver(0, 500, 200)
    await deliver(receiver, a_final_job("http://caller.example/hook"))
    assert len(receiver.bodies) == 3


async def test_a_job_without_a_webhook_is_told_to_nobody():
    webhooks = Webhooks(httpx.MockTransport(Receiver()))
    webhooks.tell(a_final_job(None))
    async with anyio.create_task_group() as group:
        await group.start(webhooks.run)
        group.cancel_scope.cancel()
