"""Jobs whose result will never come: their worker asks for more work with nothing in progress.

Either the job never reached it (the connection broke as it was handed over), or its result was something that JSON
cannot hold: the SDK logs that and sends nothing. Source: runpod 1.12 `serverless/modules/rp_http.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import anyio
from anyio.abc import TaskGroup

from flash_tui.local import limits
from flash_tui.local.data.queue import ActiveJob
from flash_tui.local.workers.worker import RunningWorker
from flash_tui.models.identifiers import JobId


class LostResults:
    """`fail` ends a job with a reason, `give_again` queues it once more."""

    def __init__(
        self,
        active: Mapping[JobId, ActiveJob],
        fail: Callable[[ActiveJob, str], Awaitable[None]],
        give_again: Callable[[ActiveJob, str], None],
    ) -> None:
        self._active = active
        self._fail = fail
        self._give_again = give_again

    def heard(self, job_id: str, complaint: str | None) -> None:
        """A worker's log speaks of a job; `complaint` says that its result could not be sent."""
        job = self._active.get(JobId(job_id))
        if job is not None:
            job.is_started = True
            job.complaint = complaint or job.complaint

    def suspect(self, worker: RunningWorker, group: TaskGroup) -> None:
        """It has asked. What it is believed to have gets a moment: results come over other connections."""
        if worker.in_hand:
            group.start_soon(self._judge, worker, frozenset(worker.in_hand))

    async def _judge(self, worker: RunningWorker, expected: frozenset[JobId]) -> None:
        await anyio.sleep(limits.MISSING_RESULT_GRACE_S)
        for job_id in expected & worker.in_hand:
            job = self._active.get(job_id)
            if job is None or job.is_closing or job.row.worker != worker.id:
                continue
            if job.is_started:
                detail = job.complaint or "is it something that JSON cannot hold?"
                await self._fail(job, f"the worker could not send the result: {detail}")
            else:
                worker.in_hand.discard(job_id)
                self._give_again(job, "it never reached its worker")
