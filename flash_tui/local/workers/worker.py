"""Workers as the platform knows them while they run: what one was started for, what it is doing, how it ended."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import anyio

from flash_tui.local import limits
from flash_tui.local.workers.reconcile import Observed, Role
from flash_tui.models.endpoint import Worker
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import BuildId, EndpointId, EnvironmentId, JobId, WorkerId
from flash_tui.models.log import LogLine
from flash_tui.models.states import EndpointKind, WorkerState
from flash_tui.runtime.processes import Child, ExitStatus
from flash_tui.runtime.zygote import LayerPair


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """All that is needed to start a worker of one endpoint for one build, any number of times."""

    endpoint_id: EndpointId
    endpoint: str
    kind: EndpointKind
    environment_id: EnvironmentId
    app: str
    environment: str
    build_id: BuildId
    version: int | None
    app_dir: Path
    pair: LayerPair
    handler: str
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of the resource and of the deploy; what the platform tells each worker comes on top."""
    execution_timeout_s: float = limits.EXECUTION_TIMEOUT_S

    def line(self, text: str, *, worker: str | None = None, stream: str = "system") -> LogLine:
        return LogLine(
            at=datetime.now(UTC),
            app=self.app,
            environment=self.environment,
            endpoint=self.endpoint,
            worker=worker,
            build=self.version,
            stream=stream,
            text=text,
        )


def new_worker_id() -> WorkerId:
    return WorkerId(f"w-{secrets.token_hex(4)}")


class Bell:
    """Wakes everybody who waits at this moment; whoever comes later waits for the next ring."""

    __slots__ = ("_event",)

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        event, self._event = self._event, anyio.Event()
        event.set()

    async def wait(self) -> None:
        await self._event.wait()


@dataclass(eq=False, slots=True)
class RunningWorker:
    """One worker process, from the wish to start it to its last line."""

    plan: WorkerPlan
    role: Role
    clean: Callable[[str], str] = str
    """All that it says goes through this, lines and errors: secrets are hidden, files named as in its project."""
    id: WorkerId = field(default_factory=new_worker_id)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    child: Child | None = None
    exit: ExitStatus | None = None
    error: ErrorDocument | None = None
    """Why it could not be started, or what it says about its own health."""
    socket_path: str = ""
    """http only: where it serves."""
    is_expected_to_end: bool = False
    """It said itself that it ends after its job; that is no failure."""
    in_hand: set[JobId] = field(default_factory=set[JobId])
    leases: int = 0
    tail: deque[tuple[str, str]] = field(default_factory=lambda: deque[tuple[str, str]](maxlen=limits.TAIL_LINES))
    """(stream, text) of its last lines."""
    to_stop: list[JobId] = field(default_factory=list[JobId])
    """Jobs it is to be told to stop."""
    stopping: dict[JobId, float] = field(default_factory=dict[JobId, float])
    """Jobs it was told to stop, and when (monotonic seconds) it must have let go of them."""
    forked_at: float = 0.0
    ready_at: float = 0.0
    """Monotonic seconds, once it is."""
    forked: anyio.Event = field(default_factory=anyio.Event)
    ready: anyio.Event = field(default_factory=anyio.Event)
    ended: anyio.Event = field(default_factory=anyio.Event)
    bell: Bell = field(default_factory=Bell)
    """Rings when its role, its work or its list of jobs to stop changes."""

    @property
    def is_ready(self) -> bool:
        return self.ready.is_set()

    @property
    def is_alive(self) -> bool:
        return not self.ended.is_set()

    @property
    def is_busy(self) -> bool:
        return bool(self.in_hand) or self.leases > 0

    @property
    def gets_work(self) -> bool:
        return self.role is Role.SERVING and self.is_ready and self.is_alive

    def mark_forked(self, child: Child) -> None:
        self.child = child
        self.forked_at = time.monotonic()
        self.forked.set()

    def mark_ready(self) -> None:
        if not self.is_ready:
            self.ready_at = time.monotonic()
            self.ready.set()

    def observed(self) -> Observed:
        return Observed(self.id, self.plan.endpoint_id, self.plan.build_id, self.role, self.is_ready)

    def document(self, restarts: int = 0) -> Worker:
        return Worker(
            id=self.id,
            state=self._state(),
            build=self.plan.version,
            build_id=self.plan.build_id,
            pid=self.child.pid if self.child is not None else None,
            started_at=self.started_at,
            restarts=restarts,
            error=self.error.what if self.error is not None else None,
        )

    def _state(self) -> WorkerState:
        if not self.is_alive:
            return WorkerState.UNHEALTHY
        if self.role in {Role.DRAINING, Role.STOPPING}:
            return WorkerState.OUTDATED
        if not self.is_ready:
            return WorkerState.INITIALIZING
        return WorkerState.RUNNING if self.is_busy else WorkerState.IDLE
