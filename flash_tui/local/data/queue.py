"""The jobs of one endpoint in memory: first in, first out, to workers that wait with an open request.

A job is handed over at the instant at which both a job and a worker in charge are there; nobody polls. Workers of a
release that has not switched yet may wait here as well: they get nothing until they are in charge.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio

from flash_tui.local.store.jobs import StoredJob
from flash_tui.local.workers.worker import RunningWorker
from flash_tui.models.identifiers import JobId


@dataclass(eq=False, slots=True)
class ActiveJob:
    """A job that is not final, or became so a moment ago."""

    row: StoredJob
    deadline: float = 0.0
    """Monotonic seconds at which its execution has taken too long."""
    is_closing: bool = False
    """Its end is decided and being stored; anything that comes later is ignored."""
    is_started: bool = False
    """The worker has spoken of it: it did receive the job."""
    complaint: str = ""
    """What the worker said when it could not send the result."""
    progress_json: str | None = None
    final: anyio.Event = field(default_factory=anyio.Event)
    """Set once its end is stored."""


@dataclass(eq=False, slots=True)
class _Taker:
    worker: RunningWorker
    limit: int
    jobs: list[ActiveJob] = field(default_factory=list[ActiveJob])
    answered: anyio.Event = field(default_factory=anyio.Event)


class JobQueue:
    """`on_taken` is called for each job in the step in which it is handed over, `on_returned` if it never arrived."""

    def __init__(
        self,
        on_taken: Callable[[RunningWorker, ActiveJob], None],
        on_returned: Callable[[RunningWorker, ActiveJob], None],
    ) -> None:
        self._on_taken = on_taken
        self._on_returned = on_returned
        self._takers: deque[_Taker] = deque()
        self.pending: deque[ActiveJob] = deque()
        self.in_progress: dict[JobId, ActiveJob] = {}

    @property
    def is_idle(self) -> bool:
        """No job and no worker waits, and none is in hand."""
        return not (self.pending or self.in_progress or self._takers)

    def put(self, job: ActiveJob) -> None:
        self.pending.append(job)
        self.pump()

    def put_back(self, job: ActiveJob) -> None:
        """It goes before all others: it has waited longest."""
        self.in_progress.pop(job.row.id, None)
        self.pending.appendleft(job)
        self.pump()

    def drop(self, job: ActiveJob) -> None:
        """It is over, wherever it was."""
        if self.in_progress.pop(job.row.id, None) is None and job in self.pending:
            self.pending.remove(job)

    def pump(self) -> None:
        """Hand out what can be handed out."""
        for taker in tuple(self._takers):
            if not self.pending:
                return
            if not taker.worker.gets_work:
                continue
            self._takers.remove(taker)
            while self.pending and len(taker.jobs) < taker.limit:
                job = self.pending.popleft()
                self.in_progress[job.row.id] = job
                taker.jobs.append(job)
                self._on_taken(taker.worker, job)
            taker.answered.set()

    def dismiss(self, worker: RunningWorker) -> None:
        """Answer its open requests with nothing."""
        for taker in tuple(self._takers):
            if taker.worker is worker:
                self._takers.remove(taker)
                taker.answered.set()

    async def take(self, worker: RunningWorker, limit: int, hold_s: float) -> list[ActiveJob]:
        """Up to `limit` jobs as soon as there is one; nothing after `hold_s` or when dismissed.

        Cancelled in the very moment in which it was given jobs, it gives them back.
        """
        taker = _Taker(worker, limit)
        self._takers.append(taker)
        self.pump()
        try:
            with anyio.move_on_after(hold_s):
                await taker.answered.wait()
        except anyio.get_cancelled_exc_class():
            for job in reversed(taker.jobs):
                self._on_returned(worker, job)
            raise
        finally:
            if taker in self._takers:
                self._takers.remove(taker)
        return taker.jobs
