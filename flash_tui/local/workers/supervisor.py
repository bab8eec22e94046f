"""Worker processes: started, listened to, watched, drained, stopped, reaped. What to do is decided elsewhere.

Each worker's life is one task of the group that `run` holds, from the wish to start it to its last line; whoever asked
for it waits on the worker's events and may go away at any time without leaving a process behind.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup, TaskStatus

from flash_tui.local import limits
from flash_tui.local.workers.boot_failure import worker_failure
from flash_tui.local.workers.environment import worker_env
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.health import wait_until_healthy
from flash_tui.local.workers.reconcile import Role
from flash_tui.local.workers.sdk_log import parse_sdk_line
from flash_tui.local.workers.worker import RunningWorker, WorkerPlan
from flash_tui.local.workers.zygotes import OpenSource, Zygotes
from flash_tui.models.errors import BootFailed, FlashTuiError
from flash_tui.models.identifiers import EndpointId
from flash_tui.models.log import LogLine
from flash_tui.models.states import EndpointKind
from flash_tui.paths import Home
from flash_tui.runtime.processes import Child
from flash_tui.runtime.redaction import Redactor
from flash_tui.runtime.zygote import LayerPair, WorkerSpec

_OUTPUT_GRACE_S = 0.3
"""A process that a worker left behind may hold its pipes open; its lines are not waited for longer than this."""
_SHUTDOWN_S = 8.0
_BACKLOG = 1024
_SOCKETS = "workers"


def worker_home(home: Home, endpoint_id: EndpointId) -> Path:
    """HOME of an endpoint's workers: not the user's, and kept over builds, since caches of models lie there."""
    return home.platform / "endpoints" / endpoint_id


class Supervisor:
    """`origin` is where workers reach the platform, `token` is the workers' key."""

    def __init__(
        self,
        home: Home,
        fleet: Fleet,
        open_source: OpenSource,
        log: Callable[[LogLine], None],
        origin: str,
        token: str,
        redactor: Redactor,
    ) -> None:
        self._home = home
        self._fleet = fleet
        self._log = log
        self._origin = origin
        self._token = token
        self._redactor = redactor
        self._zygotes = Zygotes(open_source, home.scratch)
        self._group: TaskGroup | None = None
        self._is_stopping = False
        """The platform ends: what its workers have in hand is for the next start to sort out."""
        self.on_change: Callable[[RunningWorker], None] = lambda _: None
        """Its role or readiness changed."""
        self.on_gone: Callable[[RunningWorker, str], None] = lambda _, __: None
        """It has ended, and how; called before anybody is told."""
        self.on_line: Callable[[str, str | None], None] = lambda _, __: None
        """The SDK spoke of a job (its id, and why its result could not be sent, if that is what it said)."""

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Hold the workers until cancelled; then stop and reap them all."""
        self._remove_sockets()
        try:
            async with anyio.create_task_group() as group:
                self._group = group
                task_status.started()
                await anyio.sleep_forever()
        finally:
            self._group = None
            with anyio.move_on_after(_SHUTDOWN_S, shield=True):
                await self._zygotes.aclose()

    def _remove_sockets(self) -> None:
        """Of workers of a platform that was killed. There is one platform a home, and it has none yet."""
        for path in self._home.socket(f"{_SOCKETS}/any").parent.glob("w-*.sock"):
            path.unlink(missing_ok=True)

    async def warm(self, pair: LayerPair) -> None:
        """Have an interpreter ready for these layers before it is needed. Raises FlashTuiError."""
        await self._zygotes.warm(pair)

    # --- start

    def start(self, plan: WorkerPlan, role: Role) -> RunningWorker:
        """Begin to start a worker. Its events tell when it is forked, ready and ended."""
        worker = RunningWorker(plan, role, clean=self._redactor.of_process(plan.env, plan.app_dir))
        self._fleet.add(worker)
        if self._group is None:
            worker.error = FlashTuiError("the platform is stopping", where=plan.endpoint).document()
            self._end(worker)
        else:
            self._group.start_soon(self._live, worker)
        return worker

    async def _live(self, worker: RunningWorker) -> None:
        try:
            await self._launch(worker)
            if worker.child is not None:
                await self._attend(worker, worker.child)
        except FlashTuiError as error:
            worker.error = error.document()
        except anyio.get_cancelled_exc_class():
            self._is_stopping = True
            worker.role = Role.STOPPING
            self.announce(worker)  # its open polls are answered, so that it can end
            raise
        finally:
            if worker.child is not None and worker.exit is None:
                with anyio.CancelScope(shield=True):
                    worker.exit = await worker.child.stop(limits.SHUTDOWN_GRACE_S)
            self._end(worker)

    async def _launch(self, worker: RunningWorker) -> None:
        listen = self._listen(worker) if worker.plan.kind is EndpointKind.LOAD_BALANCED else None
        try:
            # Cancelled in between, the process would be nobody's: it is let through and stopped by the caller.
            with anyio.CancelScope(shield=True):
                worker.mark_forked(await self._zygotes.start(worker.plan.pair, self._spec(worker, listen)))
        finally:
            if listen is not None:
                listen.close()  # the worker has its own; with ours open a dead worker would seem to accept
        self._fleet.changed(worker)

    def _listen(self, worker: RunningWorker) -> socket.socket:
        path = self._home.socket(f"{_SOCKETS}/{worker.id}.sock")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            raise BootFailed(
                f"{worker.plan.endpoint} has nowhere to listen: {error.strerror}",
                where=str(path),
                hint="look for a full disk, or set FLASH_TUI_HOME to a folder with a shorter path",
            ) from error
        worker.socket_path = str(path)
        return listener

    def _spec(self, worker: RunningWorker, listen: socket.socket | None) -> WorkerSpec:
        plan = worker.plan
        home = worker_home(self._home, plan.endpoint_id)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        env = worker_env(
            plan.env,
            endpoint_id=plan.endpoint_id,
            worker_id=worker.id,
            kind=plan.kind,
            origin=self._origin,
            token=self._token,
            home=home,
            platform_home=self._home.root,
        )
        kind: Literal["queue", "http"] = "queue" if plan.kind is EndpointKind.QUEUE else "http"
        return WorkerSpec(kind=kind, app_dir=plan.app_dir, handler=plan.handler, env=env, listen=listen)

    # --- attend

    async def _attend(self, worker: RunningWorker, child: Child) -> None:
        """Until the process has ended and its lines are read."""
        async with anyio.create_task_group() as group:
            read = anyio.Event()
            group.start_soon(self._read, worker, child, read)
            if worker.plan.kind is EndpointKind.LOAD_BALANCED:
                group.start_soon(self._wait_for_health, worker)
            if worker.role is Role.STOPPING:
                group.start_soon(child.stop, limits.CANDIDATE_GRACE_S)
            worker.exit = await child.wait()
            with anyio.move_on_after(_OUTPUT_GRACE_S):
                await read.wait()
            group.cancel_scope.cancel()

    async def _wait_for_health(self, worker: RunningWorker) -> None:
        await wait_until_healthy(worker.socket_path)
        worker.mark_ready()
        self.announce(worker)

    async def _read(self, worker: RunningWorker, child: Child, read: anyio.Event) -> None:
        async for stream, raw in child.lines():
            text = worker.clean(raw)
            sdk_line = parse_sdk_line(text)
            if sdk_line is not None and sdk_line.job_id is not None:
                self.on_line(sdk_line.job_id, sdk_line.complaint)
            shown = text if sdk_line is None else sdk_line.text
            worker.tail.append((stream, shown))
            self._log(worker.plan.line(shown, worker=worker.id, stream=stream))
        read.set()

    def announce(self, worker: RunningWorker) -> None:
        """Tell everybody that its role or readiness changed."""
        self._fleet.changed(worker)
        self.on_change(worker)

    def _end(self, worker: RunningWorker) -> None:
        if worker.socket_path:
            Path(worker.socket_path).unlink(missing_ok=True)
        was_stopped = worker.role is Role.STOPPING
        reason = worker.exit.text if worker.exit is not None else "it could not be started"
        if worker.error is None and not was_stopped:
            worker.error = worker_failure(worker, f"its process ended ({reason})")
        elif worker.error is not None and worker.exit is None:
            reason = worker.error.what
        worker.ended.set()
        if self._is_stopping:
            return
        if not was_stopped and not worker.is_expected_to_end:
            self._log(worker.plan.line(f"worker ended: {reason}", worker=worker.id))
        self._fleet.remove(worker)
        self.on_gone(worker, f"its worker ended ({reason})")

    # --- end

    async def stop(self, worker: RunningWorker, grace_s: float = limits.STOP_GRACE_S) -> None:
        """SIGTERM, `grace_s`, SIGKILL; returns when it has ended. One that is being started ends as it comes up."""
        worker.role = Role.STOPPING
        self.announce(worker)
        if worker.child is not None:
            await worker.child.stop(grace_s)
        await worker.ended.wait()

    async def drain(self, worker: RunningWorker, limit_s: float = limits.DRAIN_LIMIT_S) -> None:
        """Let it finish what it has, then stop it. It gets nothing more from the moment this is called."""
        if worker.role is not Role.DRAINING:
            worker.role = Role.DRAINING
            self.announce(worker)
        with anyio.move_on_after(limit_s):
            while worker.is_busy and worker.is_alive:
                await worker.bell.wait()
        if worker.is_alive:
            await self.stop(worker)

    def drain_soon(self, worker: RunningWorker, limit_s: float = limits.DRAIN_LIMIT_S) -> None:
        """The same in the supervisor's own time."""
        if self._group is not None:
            self._group.start_soon(self.drain, worker, limit_s)

    def stop_soon(self, worker: RunningWorker, grace_s: float = limits.STOP_GRACE_S) -> None:
        if self._group is not None:
            self._group.start_soon(self.stop, worker, grace_s)

    def replace(self, worker: RunningWorker, reason: str) -> None:
        """End a worker in charge; reconciliation starts another at once."""
        if worker.role not in {Role.SERVING, Role.STARTING}:
            return
        worker.is_expected_to_end = True
        self._log(worker.plan.line(f"worker is replaced: {reason}", worker=worker.id))
        worker.role = Role.DRAINING
        self.announce(worker)
        self.drain_soon(worker)

    async def close_unused(self) -> None:
        """Let go of interpreters that nobody needs."""
        oldest = {runtime.plan.pair: time.monotonic() for runtime in self._fleet.endpoints()}
        for worker in self._fleet.workers():
            oldest[worker.plan.pair] = min(worker.forked_at or 0.0, oldest.get(worker.plan.pair, worker.forked_at))
        await self._zygotes.close_unused(oldest)

    async def remove_homes(self, kept: frozenset[EndpointId]) -> None:
        """Of endpoints that are no more."""
        await anyio.to_thread.run_sync(_remove_homes, self._home, kept)


def _remove_homes(home: Home, kept: frozenset[EndpointId]) -> None:
    folder = home.platform / "endpoints"
    for place in folder.iterdir() if folder.is_dir() else ():
        if place.name not in kept:
            shutil.rmtree(place, ignore_errors=True)
