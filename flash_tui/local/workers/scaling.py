"""How many workers an endpoint gets, and how long to wait before one that died is started again. Pure."""

from __future__ import annotations

FIRST_RESTART_S = 0.5
LONGEST_RESTART_S = 30.0
STEADY_AFTER_S = 60.0
"""A worker that served this long before it died counts as a first failure again."""


def wanted_workers(workers_min: int, workers_max: int) -> int:
    """One worker an endpoint: what a single machine can honestly offer. None only if the endpoint allows none."""
    return min(1, max(workers_min, workers_max))


def restart_delay_s(failures: int) -> float:
    """Seconds to wait after the `failures`-th death in a row: 0.5, 1, 2, … 30."""
    if failures <= 0:
        return 0.0
    doublings = min(failures - 1, 10)
    return min(FIRST_RESTART_S * 2.0**doublings, LONGEST_RESTART_S)
