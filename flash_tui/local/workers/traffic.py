"""Requests of the last minutes per endpoint: how many in each 10 s, how fast, how many failed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from flash_tui.models.endpoint import Traffic
from flash_tui.models.identifiers import EndpointId

SAMPLE_S = 10.0
SAMPLES = 60
_LATENCIES_KEPT = 1000
_LATENCY_WINDOW_S = 300.0


class _Meter:
    def __init__(self) -> None:
        self.counts: deque[tuple[int, int, int]] = deque(maxlen=SAMPLES)
        """(number of the 10 s since the clock's start, requests, errors), oldest first, without the empty ones."""
        self.latencies: deque[tuple[float, float]] = deque(maxlen=_LATENCIES_KEPT)
        """(when, ms)"""

    def record(self, now: float, elapsed_ms: float, *, is_error: bool) -> None:
        slot = int(now // SAMPLE_S)
        last_slot, requests, errors = self.counts[-1] if self.counts else (-1, 0, 0)
        if last_slot == slot:
            self.counts[-1] = (slot, requests + 1, errors + is_error)
        else:
            self.counts.append((slot, 1, int(is_error)))
        self.latencies.append((now, elapsed_ms))

    def read(self, now: float) -> Traffic:
        newest = int(now // SAMPLE_S)
        recent = [entry for entry in self.counts if entry[0] > newest - SAMPLES]
        if not recent:
            return Traffic()
        by_slot = {slot: requests for slot, requests, _ in recent}
        samples = tuple(by_slot.get(slot, 0) for slot in range(recent[0][0], newest + 1))
        times = sorted(ms for when, ms in self.latencies if now - when <= _LATENCY_WINDOW_S)
        return Traffic(
            requests=samples,
            errors=sum(errors for _, _, errors in recent),
            p50_ms=_quantile(times, 0.5),
            p95_ms=_quantile(times, 0.95),
        )


def _quantile(ordered: list[float], share: float) -> float | None:
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3) if ordered else None


class TrafficMeters:
    """One meter an endpoint; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._meters: dict[EndpointId, _Meter] = {}

    def record(self, endpoint_id: EndpointId, elapsed_ms: float, *, is_error: bool) -> None:
        self._meters.setdefault(endpoint_id, _Meter()).record(self._clock(), elapsed_ms, is_error=is_error)

    def read(self, endpoint_id: EndpointId) -> Traffic:
        meter = self._meters.get(endpoint_id)
        return meter.read(self._clock()) if meter is not None else Traffic()

    def forget(self, endpoint_id: EndpointId) -> None:
        self._meters.pop(endpoint_id, None)
