"""Jobs from acceptance to their end: what is promised is stored first, the rest is memory.

Accepted means stored. A result that was acknowledged to a worker is stored. That a worker took a job is written behind:
lost with the platform, it is found out at the next start, because a job that nobody finished is given out again anyhow.
A job whose worker dies is given out once more, visibly; the second death is its end.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
from anyio.abc import TaskGroup, TaskStatus

from flash_tui.local import limits
from flash_tui.local.data.ledger import Ledger, Transactions
from flash_tui.local.data.lost_results import LostResults
from flash_tui.local.data.queue import ActiveJob, JobQueue
from flash_tui.local.data.tally import FAILURES, Tally
from flash_tui.local.data.timekeeper import Timekeeper
from flash_tui.local.store import jobs as table
from flash_tui.local.store.jobs import StoredJob
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.reconcile import Role
from flash_tui.local.workers.traffic import TrafficMeters
from flash_tui.local.workers.worker import RunningWorker
from flash_tui.models.endpoint import JobCounts
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.identifiers import EndpointId, JobId
from flash_tui.models.log import LogLine
from flash_tui.models.states import JobStatus


def _now() -> datetime:
    return datetime.now(UTC)


class Dispatcher:
    """All queues. `log` gets the platform's own lines; `replace_worker` ends a worker that does not let go of a job."""

    def __init__(
        self,
        store: Transactions,
        fleet: Fleet,
        meters: TrafficMeters,
        log: Callable[[LogLine], None],
        replace_worker: Callable[[RunningWorker, str], None],
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._meters = meters
        self._log = log
        self._replace_worker = replace_worker
        self.ledger = Ledger(store)
        self._queues: dict[EndpointId, JobQueue] = {}
        self._active: dict[JobId, ActiveJob] = {}
        self._recent: dict[JobId, ActiveJob] = {}
        """Final jobs, oldest first, so that a status question soon after needs no database."""
        self._tally = Tally()
        self._closed: dict[EndpointId, str] = {}
        """Endpoints that were taken away, and why; until a worker serves them again."""
        self._time = Timekeeper(self._queues.values, fleet, self._time_out, replace_worker)
        self.results = LostResults(self._active, self._fail, self._lost)
        self._group: TaskGroup | None = None
        self.on_final: Callable[[ActiveJob], None] = lambda _: None

    # --- life

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Bring back what a platform before left, then keep the books and the time until cancelled."""
        self._tally = Tally(await self._store.transact(table.count_jobs))
        left = await self._store.transact(table.unfinished_jobs)
        async with anyio.create_task_group() as group:
            self._group = group
            await group.start(self.ledger.run)
            self._restore(left)
            group.start_soon(self._time.run)
            task_status.started()

    def _restore(self, left: tuple[StoredJob, ...]) -> None:
        """Jobs that were in progress are requeued once: their worker died with the platform before."""
        for row in left:
            job = ActiveJob(row)
            self._active[row.id] = job
            if row.status is JobStatus.IN_QUEUE:
                self._queue(row.endpoint_id).put(job)
                continue
            self._queue(row.endpoint_id).in_progress[row.id] = job
            self._lost(job, "the platform ended while it ran")

    def _queue(self, endpoint_id: EndpointId) -> JobQueue:
        queue = self._queues.get(endpoint_id)
        if queue is None:
            queue = self._queues[endpoint_id] = JobQueue(self._taken, self._returned)
        return queue

    # --- what callers ask

    async def submit(self, row: StoredJob) -> ActiveJob:
        """Accept a job: stored and queued when this returns. Raises NotFound."""
        await self.ledger.write(lambda connection: table.insert_job(connection, row))
        job = ActiveJob(row)
        self._active[row.id] = job
        self._queue(row.endpoint_id).put(job)
        self._jobs_changed(row.endpoint_id)
        if row.endpoint_id in self._closed:  # since it was found to be there
            await self._end(job, JobStatus.CANCELLED, error=self._closed[row.endpoint_id])
        return job

    async def find(self, endpoint_id: EndpointId, job_id: JobId) -> ActiveJob | None:
        job = self._active.get(job_id) or self._recent.get(job_id)
        if job is None:
            row = await self._store.transact(lambda connection: table.find_job(connection, endpoint_id, job_id))
            return None if row is None else ActiveJob(row)
        return job if job.row.endpoint_id == endpoint_id else None

    async def cancel(self, job: ActiveJob) -> None:
        """End a job that is not final; one in progress is also stopped in its worker."""
        if job.is_closing:
            await job.final.wait()
            return
        self._stop_in_worker(job)
        await self._end(job, JobStatus.CANCELLED)

    async def purge(self, endpoint_id: EndpointId, reason: str | None = None) -> int:
        """Cancel all that wait; how many there were."""
        waiting = [job for job in self._queue(endpoint_id).pending if not job.is_closing]
        for job in waiting:
            await self._end(job, JobStatus.CANCELLED, error=reason)
        return len(waiting)

    async def retry(self, job: ActiveJob) -> None:
        """Queue a failed or timed-out job anew, as if it had just come."""
        row, fresh = job.row, job.row.anew(_now())
        await self.ledger.write(partial(table.update_job, job=fresh))
        self._recent.pop(row.id, None)
        again = ActiveJob(fresh)
        self._active[row.id] = again
        self._tally.retried(row.endpoint_id)
        self._queue(row.endpoint_id).put(again)
        self._jobs_changed(row.endpoint_id)

    def counts(self, endpoint_id: EndpointId) -> JobCounts:
        queue = self._queues.get(endpoint_id)
        waiting, running = (len(queue.pending), len(queue.in_progress)) if queue is not None else (0, 0)
        return self._tally.read(endpoint_id, in_queue=waiting, in_progress=running)

    # --- what workers ask

    async def take(self, worker: RunningWorker, limit: int, *, has_work: bool) -> list[ActiveJob]:
        """Hold a worker's request for jobs. Its first one is also how it says that it is ready."""
        worker.stopping.clear()
        if not has_work and self._group is not None:
            self.results.suspect(worker, self._group)
        if not worker.is_ready:
            worker.mark_ready()
            self._fleet.changed(worker)
        if worker.role is Role.STOPPING:
            await anyio.sleep(limits.STOPPED_POLL_HOLD_S)
            return []
        return await self._queue(worker.plan.endpoint_id).take(worker, limit, limits.POLL_HOLD_S)

    def give_back(self, worker: RunningWorker, jobs: list[ActiveJob]) -> None:
        """The answer that carried them could not be written: they were never given."""
        for job in reversed(jobs):
            if job.row.worker == worker.id and not job.is_closing:
                self._returned(worker, job)

    async def finish(self, worker: RunningWorker | None, job_id: JobId, body: dict[str, Any]) -> None:
        """A worker posted the result of a job, or its progress. What comes for a job that is over is ignored."""
        job = self._active.get(job_id)
        if job is None or job.is_closing or worker is None or job.row.worker != worker.id:
            return
        output = json.dumps(body["output"]) if "output" in body else None
        if body.get("status") == JobStatus.IN_PROGRESS:
            job.progress_json = output
            return
        error = body.get("error")
        status = JobStatus.FAILED if error else JobStatus.COMPLETED
        text = error if isinstance(error, str) else json.dumps(error)
        job.row.output_json = output
        await self._end(job, status, error=worker.clean(text) if error else None)
        if body.get("stopPod"):
            worker.is_expected_to_end = True
            self._replace_worker(worker, "its handler asked for a fresh worker")

    async def add_chunk(self, worker: RunningWorker | None, job_id: JobId, body: dict[str, Any]) -> None:
        """A piece of a streamed result."""
        job = self._active.get(job_id)
        if job is None or job.is_closing or worker is None or job.row.worker != worker.id:
            return
        chunk = json.dumps(body.get("output"))
        await self.ledger.write(lambda connection: table.insert_chunk(connection, job_id, chunk))

    def worker_changed(self, worker: RunningWorker) -> None:
        """It began to serve, or is being stopped."""
        if worker.gets_work:
            self._closed.pop(worker.plan.endpoint_id, None)
        queue = self._queues.get(worker.plan.endpoint_id)
        if queue is None:
            return
        if worker.role is Role.STOPPING:
            queue.dismiss(worker)
        queue.pump()

    def worker_gone(self, worker: RunningWorker, reason: str) -> None:
        """It died or was killed with what it had in hand."""
        for job_id in sorted(worker.in_hand):
            job = self._active.get(job_id)
            if job is not None and not job.is_closing:
                self._lost(job, reason)
        worker.in_hand.clear()

    # --- inside

    def _jobs_changed(self, endpoint_id: EndpointId) -> None:
        runtime = self._fleet.endpoint(endpoint_id)
        if runtime is not None:
            self._fleet.publish(runtime.plan.environment_id)

    def _taken(self, worker: RunningWorker, job: ActiveJob) -> None:
        row = job.row
        row.status, row.worker, row.build_id, row.started_at = (
            JobStatus.IN_PROGRESS,
            worker.id,
            worker.plan.build_id,
            _now(),
        )
        policy_ms = row.policy.execution_timeout_ms
        job.is_started, job.complaint = False, ""
        job.deadline = time.monotonic() + (policy_ms / 1000 if policy_ms else worker.plan.execution_timeout_s)
        worker.in_hand.add(row.id)
        self.ledger.write_behind(partial(table.update_job, job=row))
        self._time.new_deadline(job.deadline)
        self._fleet.work_changed(worker)

    def _returned(self, worker: RunningWorker, job: ActiveJob) -> None:
        worker.in_hand.discard(job.row.id)
        self._queue_again(job)
        self._fleet.work_changed(worker)

    def _queue_again(self, job: ActiveJob) -> None:
        row = job.row
        row.status, row.worker, row.build_id, row.started_at = JobStatus.IN_QUEUE, None, None, None
        job.progress_json = None
        self.ledger.write_behind(partial(table.update_job, job=row))
        self._queue(row.endpoint_id).put_back(job)

    def _lost(self, job: ActiveJob, reason: str) -> None:
        """Its worker came to nothing: once more, or, after the last attempt, failed."""
        row = job.row
        if row.attempts < limits.JOB_ATTEMPTS:
            row.attempts += 1
            self._tally.retried(row.endpoint_id)
            self._say(row.endpoint_id, f"job {row.id} is queued again: {reason}", worker=row.worker)
            self.ledger.write_behind(partial(table.drop_chunks, job_id=row.id))
            self._queue_again(job)
        else:
            self._fail_soon(job, f"given up after {row.attempts} attempts: {reason}")
        self._jobs_changed(row.endpoint_id)

    def _fail_soon(self, job: ActiveJob, reason: str) -> None:
        """From a place that cannot wait for the store."""
        if self._group is not None:
            self._group.start_soon(self._fail, job, reason)

    def _say(self, endpoint_id: EndpointId, text: str, *, worker: str | None = None) -> None:
        runtime = self._fleet.endpoint(endpoint_id)
        if runtime is not None:
            self._log(runtime.plan.line(text, worker=worker))

    async def _end(self, job: ActiveJob, status: JobStatus, *, error: str | None = None) -> None:
        """The one way to an end. It is told to nobody before it is stored."""
        if job.is_closing or job.row.status.is_final:
            return
        job.is_closing = True
        row = job.row
        self._queue(row.endpoint_id).drop(job)
        worker = self._fleet.worker(row.worker) if row.worker is not None else None
        if worker is not None:
            worker.in_hand.discard(row.id)
            self._fleet.work_changed(worker)
        row.status, row.error, row.ended_at = status, error, _now()
        try:
            await self.ledger.write(partial(table.update_job, job=row))
        finally:
            self._close(job)

    def _close(self, job: ActiveJob) -> None:
        row = job.row
        self._active.pop(row.id, None)
        self._recent[row.id] = job
        if len(self._recent) > limits.FINAL_JOBS_IN_MEMORY:
            self._recent.pop(next(iter(self._recent)))
        self._tally.ended(row.endpoint_id, row.status)
        if row.status is not JobStatus.CANCELLED:
            elapsed_ms = (row.delay_ms or 0.0) + (row.execution_ms or 0.0)
            self._meters.record(row.endpoint_id, elapsed_ms, is_error=row.status in FAILURES)
        job.final.set()
        self._jobs_changed(row.endpoint_id)
        self.on_final(job)

    def _stop_in_worker(self, job: ActiveJob) -> None:
        worker = self._fleet.worker(job.row.worker) if job.row.worker is not None else None
        if worker is None or job.row.status is not JobStatus.IN_PROGRESS:
            return
        worker.to_stop.append(job.row.id)
        worker.stopping[job.row.id] = time.monotonic() + limits.STOP_JOB_GRACE_S
        worker.bell.ring()
        self._time.new_deadline(worker.stopping[job.row.id])

    async def _fail(self, job: ActiveJob, reason: str) -> None:
        await self._end(job, JobStatus.FAILED, error=reason)

    async def _time_out(self, job: ActiveJob, reason: str) -> None:
        self._stop_in_worker(job)
        await self._end(job, JobStatus.TIMED_OUT, error=reason)

    # --- housekeeping

    async def prune(self) -> None:
        """Forget the oldest ended jobs."""
        endpoint_ids = tuple(self._queues)
        await self.ledger.write(lambda connection: table.prune_jobs(connection, endpoint_ids, limits.JOBS_KEPT))

    async def close_endpoint(self, endpoint_id: EndpointId, reason: str) -> None:
        """The endpoint is gone: what waits is cancelled with a word. What is in hand ends with its worker."""
        self._closed[endpoint_id] = reason
        with suppress(FlashTuiError):  # the platform is stopping: the next start finds them in the queue
            await self.purge(endpoint_id, reason)
        queue = self._queues.get(endpoint_id)
        if queue is not None and queue.is_idle:
            del self._queues[endpoint_id]
