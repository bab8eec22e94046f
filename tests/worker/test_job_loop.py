"""Which job loops are recognised, and what waking means. The real loop is tested in test_queue_worker."""

from __future__ import annotations

import asyncio
import inspect
import time
from types import ModuleType

import pytest

from flash_tui.worker.sdk import job_loop

pytestmark = pytest.mark.anyio


class JobScaler:
    """Says what the SDK's says where it matters; runs no jobs."""

    def __init__(self) -> None:
        self.current_concurrency = 1
        self.jobs_queue = asyncio.Queue(maxsize=self.current_concurrency)

    async def set_scale(self) -> None:
        self.jobs_queue = asyncio.Queue(maxsize=self.current_concurrency)

    async def get_jobs(self, job: object = None) -> None:
        if job is None:
            await asyncio.sleep(1)
            return
        await self.jobs_queue.put(job)
        await asyncio.sleep(5)
        await asyncio.sleep(0)

    async def run_jobs(self, tasks: tuple[object, ...] = ()) -> None:
        while len(tasks) < self.current_concurrency and not self.jobs_queue.empty():
            return
        await asyncio.sleep(0.1)

    async def handle_job(self) -> None:
        self.jobs_queue.task_done()


class OtherPace(JobScaler):
    async def run_jobs(self, tasks: tuple[object, ...] = ()) -> None:
        await asyncio.sleep(0.2 if tasks else 0.3)


class NoQueue(JobScaler):
    async def handle_job(self) -> None: ...


def module(scaler: type) -> ModuleType:
    scale = ModuleType("rp_scale")
    vars(scale).update(JobScaler=scaler, asyncio=asyncio)
    return scale


@pytest.mark.parametrize(("scaler", "why"), [(OtherPace, "sleeps for"), (NoQueue, "does not say `self.jobs_queue.t")])
async def test_a_loop_that_looks_otherwise_is_left_alone(scaler: type, why: str) -> None:
    scale = module(scaler)
    with pytest.raises(job_loop.Unrecognised, match=why):
        job_loop.make_wakeable(scale)
    assert scale.asyncio is asyncio


async def test_a_loop_without_source_is_left_alone() -> None:
    namespace: dict[str, type] = {}
    exec(inspect.getsource(JobScaler), {"asyncio": asyncio}, namespace)
    with pytest.raises(job_loop.Unrecognised):
        job_loop.make_wakeable(module(namespace["JobScaler"]))


async def test_only_the_two_sleeps_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = module(JobScaler)
    job_loop.make_wakeable(scale)
    monkeypatch.setitem(JobScaler.get_jobs.__globals__, "asyncio", scale.asyncio)
    scaler = JobScaler()
    began = time.monotonic()
    full = asyncio.ensure_future(scaler.get_jobs())
    taking = asyncio.ensure_future(scaler.get_jobs("job"))
    await asyncio.sleep(0)
    await scaler.handle_job()
    await full
    assert time.monotonic() - began < 0.5
    assert not taking.done()  # it sleeps its five seconds
    taking.cancel()


async def test_a_job_put_wakes_the_idle_half(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = module(JobScaler)
    job_loop.make_wakeable(scale)
    monkeypatch.setitem(JobScaler.get_jobs.__globals__, "asyncio", scale.asyncio)
    scaler = JobScaler()
    idle = asyncio.ensure_future(scaler.run_jobs())
    await asyncio.sleep(0)
    began = time.monotonic()
    await scaler.jobs_queue.put("job")
    await idle
    assert time.monotonic() - began < 0.05
