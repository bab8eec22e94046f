"""Which worker serves a load-balanced request: one of the set that is in charge at this instant."""

from __future__ import annotations

from dataclasses import dataclass

import anyio

from flash_tui.local import limits
from flash_tui.local.workers.fleet import EndpointRuntime, Fleet
from flash_tui.local.workers.traffic import TrafficMeters
from flash_tui.local.workers.worker import RunningWorker
from flash_tui.models.errors import NotFound, TargetUnreachable
from flash_tui.models.identifiers import EndpointId
from flash_tui.models.states import EndpointKind

_HOST_SUFFIXES = (".flash.localhost", ".localhost", ".127.0.0.1")
_SERVER_ERROR = 500


@dataclass(eq=False, slots=True)
class WorkerLease:
    """Implements `ports.Lease`."""

    _worker: RunningWorker
    _fleet: Fleet
    _meters: TrafficMeters
    _is_released: bool = False

    @property
    def socket_path(self) -> str:
        return self._worker.socket_path

    @property
    def worker(self) -> str:
        return self._worker.id

    @property
    def build(self) -> int | None:
        return self._worker.plan.version

    def release(self, *, status_code: int | None, elapsed_ms: float) -> None:
        """See `ports.Lease`; a second call does nothing."""
        if self._is_released:
            return
        self._is_released = True
        self._worker.leases -= 1
        is_error = status_code is None or status_code >= _SERVER_ERROR
        self._meters.record(self._worker.plan.endpoint_id, elapsed_ms, is_error=is_error)
        self._fleet.work_changed(self._worker)


class FleetRouter:
    """Implements `ports.Router`."""

    def __init__(self, fleet: Fleet, meters: TrafficMeters, timeout_s: float = limits.ACQUIRE_TIMEOUT_S) -> None:
        self._fleet = fleet
        self._meters = meters
        self._timeout_s = timeout_s

    async def acquire(self, endpoint_id: EndpointId, *, avoid: frozenset[str] = frozenset()) -> WorkerLease:
        """See `ports.Router`. Among several the one with the fewest open requests."""
        with anyio.move_on_after(self._timeout_s):
            while True:
                runtime = self._runtime(endpoint_id)
                worker = self._choose(endpoint_id, avoid)
                if worker is not None:
                    return self._lease(worker)
                if runtime.blocked is not None:
                    raise TargetUnreachable(
                        f"{runtime.plan.endpoint} cannot be served: {runtime.blocked.what}",
                        where=runtime.blocked.where,
                        hint=runtime.blocked.hint,
                    )
                await runtime.bell.wait()
        raise self._unreachable(endpoint_id)

    def resolve_host(self, host: str) -> EndpointId | None:
        """See `ports.Router`; `host` may carry a port."""
        name = host.rpartition(":")[0] if ":" in host else host
        for suffix in _HOST_SUFFIXES:
            if name.endswith(suffix):
                endpoint_id = EndpointId(name.removesuffix(suffix))
                return endpoint_id if self._fleet.endpoint(endpoint_id) is not None else None
        return None

    def _runtime(self, endpoint_id: EndpointId) -> EndpointRuntime:
        runtime = self._fleet.endpoint(endpoint_id)
        if runtime is None or runtime.plan.kind is not EndpointKind.LOAD_BALANCED:
            raise NotFound(
                f"no load-balanced endpoint {endpoint_id}",
                where=f"/lb/{endpoint_id}",
                hint="`flash-tui endpoint list` shows the endpoints and their urls",
            )
        return runtime

    def _choose(self, endpoint_id: EndpointId, avoid: frozenset[str]) -> RunningWorker | None:
        able = [w for w in self._fleet.of_endpoint(endpoint_id) if w.gets_work and w.id not in avoid]
        return min(able, key=lambda worker: worker.leases, default=None)

    def _lease(self, worker: RunningWorker) -> WorkerLease:
        worker.leases += 1
        self._fleet.work_changed(worker)
        return WorkerLease(worker, self._fleet, self._meters)

    def _unreachable(self, endpoint_id: EndpointId) -> TargetUnreachable:
        runtime = self._fleet.endpoint(endpoint_id)
        last = runtime.last_death if runtime is not None else None
        name = runtime.plan.endpoint if runtime is not None else endpoint_id
        detail = f": {last.error}" if last is not None and last.error else ""
        return TargetUnreachable(
            f"no worker of {name} became ready within {self._timeout_s:g} s{detail}",
            where=name,
            hint=f"`flash-tui logs {name}` shows what its workers say",
        )
