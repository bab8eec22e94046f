"""When the next age on screen reads differently, so that no timer ticks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from flash_tui.models.snapshot import Snapshot

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
LAST_BUT_NOT_LEAST_S = 0.05
"""Behind the change, so that rounding never wakes too early."""


def next_change_s(snapshot: Snapshot, now: datetime) -> float | None:
    """Seconds until an age changes; None if all are in days."""
    waits = [wait for since in _times(snapshot) if (wait := _wait_s((now - since).total_seconds())) is not None]
    return min(waits) + LAST_BUT_NOT_LEAST_S if waits else None


def _times(snapshot: Snapshot) -> Iterator[datetime]:
    for environment in snapshot.environments.values():
        yield environment.updated_at
    if snapshot.watch.since is not None:
        yield snapshot.watch.since


def _wait_s(age_s: float) -> float | None:
    if age_s < 0:
        return min(-age_s, _MINUTE)
    for limit, step in ((_MINUTE, 1), (_HOUR, _MINUTE), (_DAY, _HOUR)):
        if age_s < limit:
            return step - age_s % step
    return None
