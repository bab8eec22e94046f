"""How many jobs of each endpoint came to what. A timed-out job counts as failed, as the cloud counts it."""

from __future__ import annotations

from flash_tui.models.endpoint import JobCounts
from flash_tui.models.identifiers import EndpointId
from flash_tui.models.states import JobStatus

FAILURES = frozenset({JobStatus.FAILED, JobStatus.TIMED_OUT})


class Tally:
    """Ended and retried jobs; those that wait or run are counted where they are."""

    def __init__(self, counts: dict[EndpointId, JobCounts] | None = None) -> None:
        self._counts = counts or {}

    def ended(self, endpoint_id: EndpointId, status: JobStatus) -> None:
        self._add(endpoint_id, completed=int(status is JobStatus.COMPLETED), failed=int(status in FAILURES))

    def retried(self, endpoint_id: EndpointId) -> None:
        self._add(endpoint_id, retried=1)

    def read(self, endpoint_id: EndpointId, *, in_queue: int, in_progress: int) -> JobCounts:
        counts = self._counts.get(endpoint_id, JobCounts())
        return counts.model_copy(update={"in_queue": in_queue, "in_progress": in_progress})

    def _add(self, endpoint_id: EndpointId, *, completed: int = 0, failed: int = 0, retried: int = 0) -> None:
        old = self._counts.get(endpoint_id, JobCounts())
        self._counts[endpoint_id] = JobCounts(
            completed=old.completed + completed, failed=old.failed + failed, retried=old.retried + retried
        )
