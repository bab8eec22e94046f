"""Real workers of a real project behind the real front door: the artifact's own handlers answer."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from flash_tui.models.states import Outcome
from tests.local.engine_fixture import until
from tests.local.real_platform import RealWorld, a_real_world

pytestmark = pytest.mark.anyio

QUEUE = """
import time
from runpod_flash import Endpoint

@Endpoint(name="adder", cpu="cpu3c-1-2")
async def add(a: int = 0, pause: float = 0.0) -> dict:
    print("adding", a)
    time.sleep(pause)
    return {"sum": a + %d}
"""
HTTP = """
from runpod_flash import Endpoint

api = Endpoint(name="api", cpu="cpu3c-1-2")

@api.get("/version")
async def version() -> dict:
    return {"version": %d}
"""


SOURCES = ["fork", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("spare", "spawn"))]


@pytest.fixture(scope="module", params=SOURCES)
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, layer_store_folder: Path
) -> AsyncIterator[RealWorld]:
    async with a_real_world(tmp_path_factory.mktemp("platform"), layer_store_folder, request.param) as made:
        yield made


async def a_version(world: RealWorld, number: int) -> Outcome | None:
    build = await world.build(adder__py=QUEUE % number, web__py=HTTP % number)
    return (await world.release(build)).outcome


async def test_both_kinds_of_endpoints_answer_with_the_projects_own_code(world: RealWorld):
    assert await a_version(world, 100) is Outcome.SUCCEEDED
    done = await world.runsync("adder", {"a": 1})
    assert (done["status"], done["output"]) == ("COMPLETED", {"sum": 101})
    answer = await world.client.get(f"{await world.url('api')}/version")
    assert answer.json() == {"version": 100}


async def test_a_job_that_spans_a_switch_completes_on_the_old_worker(world: RealWorld):
    await a_version(world, 200)
    async with anyio.create_task_group() as group:
        answers: list[dict] = []

        async def call() -> None:
            answers.append(await world.runsync("adder", {"a": 1, "pause": 1.0}))

        group.start_soon(call)
        await until(lambda: any(worker.in_hand for worker in world.engine.fleet.workers()))
        await a_version(world, 300)
        assert (await world.runsync("adder", {"a": 1}))["output"] == {"sum": 301}
    assert answers[0]["output"] == {"sum": 201}


async def test_no_request_fails_while_versions_come_and_go(world: RealWorld):
    await a_version(world, 0)
    url = f"{await world.url('api')}/version"
    statuses: list[int] = []
    done = anyio.Event()

    async def load() -> None:
        while not done.is_set():
            statuses.append((await world.client.get(url)).status_code)

    async with anyio.create_task_group() as group:
        group.start_soon(load)
        for number in range(1, 4):
            await a_version(world, number)
        done.set()
    assert set(statuses) == {200}


async def test_a_build_that_does_not_boot_shows_the_users_frames(world: RealWorld):
    await a_version(world, 1)
    broken = await world.build(adder__py=QUEUE % 1)
    (world.folders.of[broken.id] / "adder.py").write_text("def helper():\n    return {}['missing']\n\nhelper()\n")
    error = (await world.release(broken)).error
    assert error is not None
    assert (error.code, error.file, error.line) == ("boot_failed", "adder.py", 2)
    assert "KeyError: 'missing'" in error.what
    assert (await world.runsync("adder", {"a": 1}))["output"] == {"sum": 2}


async def test_a_worker_that_is_killed_with_a_job_is_replaced_and_the_job_runs_again(world: RealWorld):
    await a_version(world, 10)
    async with anyio.create_task_group() as group:
        answers: list[dict] = []

        async def call() -> None:
            answers.append(await world.runsync("adder", {"a": 1, "pause": 0.5}))

        group.start_soon(call)
        await until(lambda: any(worker.in_hand for worker in world.engine.fleet.workers()))
        victim = next(worker for worker in world.engine.fleet.workers() if worker.in_hand)
        assert victim.child is not None
        os.kill(victim.child.pid, signal.SIGKILL)
    assert answers[0]["output"] == {"sum": 11}
    assert any("is queued again" in line.text for line in world.lines if line.stream == "system")


async def test_what_workers_print_is_logged_with_endpoint_worker_and_build(world: RealWorld):
    await a_version(world, 20)
    await world.runsync("adder", {"a": 77})
    await until(lambda: any(line.text == "adding 77" for line in world.lines))
    line = next(line for line in world.lines if line.text == "adding 77")
    assert (line.endpoint, line.stream) == ("adder", "stdout")
    assert line.worker is not None
    assert line.build is not None


async def test_an_undeploy_leaves_no_process(world: RealWorld):
    await a_version(world, 30)
    pids = [worker.child.pid for worker in world.engine.fleet.workers() if worker.child is not None]
    await world.release(None)
    await until(lambda: not world.engine.fleet.workers(), limit_s=10)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
