"""The two sleeps of the SDK's job loop, made wakeable. For `runpod` 1.7 and later, whose `JobScaler` has both.

As shipped the loop sleeps 0.1 s while no job runs, and 1 s whenever it is full, which is after each job it takes: one
job a second per worker. Here both sleeps also end when a job was queued or has ended; nothing else is changed. A loop
that does not look as expected is left as shipped.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import textwrap
from types import ModuleType
from typing import Any

IDLE_S, FULL_S = 0.1, 1


class Unrecognised(Exception):
    """The loop is not the one this module knows; says in what."""


class Wake:
    """Two events: a job was queued (the running half waits for it), a job has ended (the taking half does)."""

    def __init__(self) -> None:
        self.queued = asyncio.Event()
        self.ended = asyncio.Event()


def make_wakeable(scale: Any) -> None:
    """Change `runpod.serverless.modules.rp_scale`: its `asyncio` becomes one with a wakeable sleep and queue.

    Raises:
        Unrecognised: nothing was changed.
    """
    scaler = scale.JobScaler
    _expect_sleeps(scaler.run_jobs, {IDLE_S: 1})
    _expect_sleeps(scaler.get_jobs, {FULL_S: 1, 5: 1, 0: 1})
    _expect(scaler.__init__, "self.jobs_queue = asyncio.Queue(maxsize=self.current_concurrency)")
    _expect(scaler.set_scale, "self.jobs_queue = asyncio.Queue(maxsize=self.current_concurrency)")
    _expect(scaler.get_jobs, "await self.jobs_queue.put(job)")
    _expect(scaler.handle_job, "self.jobs_queue.task_done()")
    _expect(scaler.run_jobs, "while len(tasks) < self.current_concurrency and (not self.jobs_queue.empty()):")
    scale.asyncio = _wakeable(scaler.run_jobs.__code__, scaler.get_jobs.__code__)


def _wakeable(run_jobs: object, get_jobs: object) -> ModuleType:
    """A copy of `asyncio` whose `sleep` ends early when asked by these two functions for these two times."""
    wake = Wake()

    class Queue(asyncio.Queue[Any]):
        def _put(self, item: Any) -> None:
            super()._put(item)
            wake.queued.set()

        def task_done(self) -> None:
            super().task_done()
            wake.ended.set()

    def sleep(delay: float, result: Any = None) -> Any:
        caller = inspect.currentframe()
        code = caller.f_back.f_code if caller is not None and caller.f_back is not None else None
        if code is run_jobs and delay == IDLE_S:
            return _until(wake.queued, delay)
        if code is get_jobs and delay == FULL_S:
            return _until(wake.ended, delay)
        return asyncio.sleep(delay, result)

    copy = ModuleType("asyncio")
    vars(copy).update({**vars(asyncio), "Queue": Queue, "sleep": sleep})
    return copy


async def _until(event: asyncio.Event, limit_s: float) -> None:
    """What was to be waited for has been looked at, without a pause, just before: older news is no news."""
    event.clear()
    try:
        await asyncio.wait_for(event.wait(), limit_s)
    except asyncio.TimeoutError:  # noqa: UP041 - Python 3.10 has two of them
        return


def _expect_sleeps(function: Any, delays: dict[float, int]) -> None:
    found: dict[float, int] = {}
    for node in ast.walk(_tree(function)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "asyncio.sleep":
            argument = node.args[0] if node.args else None
            delay = argument.value if isinstance(argument, ast.Constant) else None
            if not isinstance(delay, int | float):
                raise Unrecognised(f"{function.__qualname__} sleeps for {ast.unparse(node)}")
            found[delay] = found.get(delay, 0) + 1
    if found != delays:
        raise Unrecognised(f"{function.__qualname__} sleeps {found} (seconds: times), not {delays}")


def _expect(function: Any, text: str) -> None:
    if text not in ast.unparse(_tree(function)):
        raise Unrecognised(f"{function.__qualname__} does not say `{text}`")


def _tree(function: Any) -> ast.Module:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError) as error:
        raise Unrecognised(f"{function!r} has no source") from error
