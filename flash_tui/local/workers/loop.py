"""Observe, decide, act, again: processes made to match what should serve. Wakes on events and at the end of back-offs.

Level-triggered: a pass looks at everything there is, so it does not matter which event woke it or how many were missed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup, TaskStatus

from flash_tui.local import limits
from flash_tui.local.workers.boot_failure import worker_failure
from flash_tui.local.workers.fleet import Fleet
from flash_tui.local.workers.reconcile import Decision, Drain, ReconcileAction, Role, Serve, Start, reconcile
from flash_tui.local.workers.supervisor import Supervisor
from flash_tui.local.workers.worker import RunningWorker

_log = logging.getLogger(__name__)

HOUSEKEEPING_S = 300.0
_AFTER_A_BROKEN_PASS_S = 1.0


class Loop:
    """`recover` brings memory up to the records at the start; `housekeeping` are chores for quiet moments."""

    def __init__(
        self,
        fleet: Fleet,
        supervisor: Supervisor,
        recover: Callable[[], Awaitable[None]],
        housekeeping: tuple[Callable[[], Awaitable[None]], ...] = (),
        health_timeout_s: float = limits.HEALTH_TIMEOUT_S,
    ) -> None:
        self._fleet = fleet
        self._supervisor = supervisor
        self._recover = recover
        self._housekeeping = housekeeping
        self._health_timeout_s = health_timeout_s

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. Started once the records are read: what served begins to start."""
        await self._recover()
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_house)
            task_status.started()
            while True:
                await self._pass(group)

    async def _pass(self, group: TaskGroup) -> None:
        try:
            decision = self._decide()
            for action in decision.actions:
                self._act(action, group)
        except Exception:  # noqa: BLE001 - one of the three places where anything may come: the platform goes on
            _log.exception("a pass of reconciliation broke")
            await anyio.sleep(_AFTER_A_BROKEN_PASS_S)
            return
        if decision.actions:
            await anyio.lowlevel.checkpoint()  # look again at once: acting has changed the world
            return
        wait_s = None if decision.look_again_at is None else max(0.0, decision.look_again_at - time.monotonic())
        with anyio.move_on_after(wait_s):
            await self._fleet.bell.wait()

    def _decide(self) -> Decision:
        return reconcile(self._fleet.desired(), self._fleet.observed(), self._fleet.troubles(), time.monotonic())

    def _act(self, action: ReconcileAction, group: TaskGroup) -> None:
        match action:
            case Start(endpoint_id):
                runtime = self._fleet.endpoint(endpoint_id)
                if runtime is not None:
                    worker = self._supervisor.start(runtime.plan, Role.STARTING)
                    group.start_soon(self._give_up_in_time, worker)
            case Serve(worker_id):
                worker = self._fleet.worker(worker_id)
                if worker is not None:
                    worker.role = Role.SERVING
                    self._supervisor.announce(worker)
            case Drain(worker_id):
                worker = self._fleet.worker(worker_id)
                if worker is not None:
                    worker.role = Role.DRAINING
                    self._supervisor.announce(worker)
                    self._supervisor.drain_soon(worker)

    async def _give_up_in_time(self, worker: RunningWorker) -> None:
        """A worker that does not come up counts as one that died, and its successor waits as long."""
        with anyio.move_on_after(self._health_timeout_s):
            while worker.is_alive and not worker.is_ready:
                await worker.bell.wait()
            return
        worker.error = worker_failure(worker, f"it was not healthy within {self._health_timeout_s:g} s")
        self._fleet.note_death(worker)
        await self._supervisor.stop(worker)

    async def _keep_house(self) -> None:
        while True:
            await anyio.sleep(HOUSEKEEPING_S)
            for chore in self._housekeeping:
                try:
                    await chore()
                except Exception:  # noqa: BLE001 - the same place: a chore that breaks is done again later
                    _log.exception("housekeeping broke: %s", partial(chore))
