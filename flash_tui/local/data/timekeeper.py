"""Deadlines: jobs that take too long, jobs nobody takes, workers that do not let go. Sleeps until the next one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Protocol

import anyio

from flash_tui.local import limits
from flash_tui.local.data.queue import ActiveJob, JobQueue
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.worker import Bell, RunningWorker


class TimeOut(Protocol):
    """Ends a job as timed out, with the reason; one in progress is stopped in its worker."""

    def __call__(self, job: ActiveJob, reason: str) -> Awaitable[None]: ...


class Timekeeper:
    """`queues` gives all queues as they are; `replace_worker` ends a worker that holds on to a stopped job."""

    def __init__(
        self,
        queues: Callable[[], Iterable[JobQueue]],
        fleet: Fleet,
        time_out: TimeOut,
        replace_worker: Callable[[RunningWorker, str], None],
    ) -> None:
        self._queues = queues
        self._fleet = fleet
        self._time_out = time_out
        self._replace_worker = replace_worker
        self._bell = Bell()
        self._next_look = float("inf")

    def new_deadline(self, when: float) -> None:
        """There is something to look at at `when` (monotonic seconds)."""
        if when < self._next_look:
            self._bell.ring()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._next_look = self._earliest()
            with anyio.move_on_after(max(0.0, self._next_look - time.monotonic())):
                await self._bell.wait()
            now = time.monotonic()
            await self._end_long_jobs(now)
            await self._end_stale_jobs()
            self._replace_stuck_workers(now)

    def _earliest(self) -> float:
        running = (job.deadline for queue in self._queues() for job in queue.in_progress.values())
        stopping = (when for worker in self._fleet.workers() for when in worker.stopping.values())
        return min((time.monotonic() + limits.TTL_CHECK_S, *running, *stopping))

    async def _end_long_jobs(self, now: float) -> None:
        for queue in tuple(self._queues()):
            for job in tuple(queue.in_progress.values()):
                if job.deadline <= now:
                    await self._time_out(job, "its execution took too long")

    async def _end_stale_jobs(self) -> None:
        moment = datetime.now(UTC)
        for queue in tuple(self._queues()):
            for job in tuple(queue.pending):
                ttl_s = job.row.policy.ttl_ms / 1000 if job.row.policy.ttl_ms else limits.JOB_TTL_S
                if (moment - job.row.created_at).total_seconds() > ttl_s:
                    await self._time_out(job, "no worker took it in time")

    def _replace_stuck_workers(self, now: float) -> None:
        for worker in self._fleet.workers():
            if any(when <= now for when in worker.stopping.values()):
                worker.stopping.clear()
                self._replace_worker(worker, "it does not let go of a job that was stopped")
