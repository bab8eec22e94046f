"""The hooks over HTTP, asked as the official worker asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from flash_tui.local import limits
from flash_tui.local.store.database import Store
from flash_tui.local.workers.reconcile import Role
from flash_tui.local.workers.worker import RunningWorker
from flash_tui.models.identifiers import EndpointId
from flash_tui.models.states import JobStatus
from tests.local.engine_fixture import ORIGIN, World, a_world, errors_as_answers, until
from tests.local.fake_workers import Behaviour
from tests.local.state_builders import a_resource

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Hooks:
    """One worker's side of the protocol."""

    def __init__(self, client: httpx.AsyncClient, endpoint_id: EndpointId, worker: RunningWorker) -> None:
        self.client, self.worker = client, worker
        self.base = f"/v2/{endpoint_id}"

    async def take(self, *, has_work: bool = False) -> httpx.Response:
        query = f"?gpu=cpu&job_in_progress={int(has_work)}"
        return await self.client.get(f"{self.base}/job-take/{self.worker.id}{query}")

    async def take_batch(self, size: int) -> httpx.Response:
        query = f"?gpu=cpu&batch_size={size}&job_in_progress=0"
        return await self.client.get(f"{self.base}/job-take-batch/{self.worker.id}{query}")

    async def done(self, job_id: str, text: str) -> httpx.Response:
        url = f"{self.base}/job-done/{self.worker.id}/{job_id}?gpu=cpu&isStream=false"
        return await self.client.post(url, content=text, headers=FORM)

    async def chunk(self, job_id: str, text: str) -> httpx.Response:
        url = f"{self.base}/job-stream/{self.worker.id}/{job_id}?gpu=cpu&isStream=false"
        return await self.client.post(url, content=text, headers=FORM)

    async def stop(self) -> httpx.Response:
        return await self.client.get(f"{self.base}/job-stop/{self.worker.id}?gpu=cpu")

    async def ping(self, **query: str) -> httpx.Response:
        return await self.client.get(f"{self.base}/ping/{self.worker.id}", params=query)


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(store, tmp_path) as made:
        yield made


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=world.engine.routes(), exception_handlers=errors_as_answers())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as opened:
        yield opened


@pytest.fixture
async def hooks(world: World, client: httpx.AsyncClient) -> Hooks:
    """A worker in charge that this test plays itself: the release waits for its first request."""
    build = await world.build("one", Behaviour(hangs_at_boot=True), resize=a_resource())
    begun = await world.engine.releases.begin(world.request(build))
    await until(lambda: bool(world.engine.fleet.workers()))
    worker = world.engine.fleet.workers()[0]
    worker.mark_ready()
    world.engine.fleet.changed(worker)
    await world.engine.releases.wait(begun.id, 5)
    return Hooks(client, worker.plan.endpoint_id, worker)


async def test_a_take_is_answered_with_one_object_that_has_its_input(world: World, hooks: Hooks):
    job = await world.submit(None)
    assert (await hooks.take()).json() == {"id": job.row.id, "input": None}
    assert job.row.status is JobStatus.IN_PROGRESS


async def test_a_batch_is_a_list_in_order(world: World, hooks: Hooks):
    for number in range(3):
        await world.submit(number)
    taken = (await hooks.take_batch(2)).json()
    assert [job["input"] for job in taken] == [0, 1]


async def test_an_open_take_is_answered_the_moment_a_job_comes(world: World, hooks: Hooks):
    answers: list[httpx.Response] = []

    async def take() -> None:
        answers.append(await hooks.take())

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        await anyio.lowlevel.checkpoint()
        job = await world.submit("x")
    assert answers[0].json()["id"] == job.row.id
    assert (job.row.delay_ms or 0) < 500


async def test_a_take_without_a_job_is_204_after_a_while(hooks: Hooks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "POLL_HOLD_S", 0.01)
    assert (await hooks.take()).status_code == 204


async def test_the_first_take_of_a_candidate_makes_it_ready_and_is_held(world: World, hooks: Hooks):
    build = await world.build("two", Behaviour(hangs_at_boot=True), resize=a_resource())
    begun = await world.engine.releases.begin(world.request(build))
    await until(lambda: len(world.engine.fleet.workers()) == 2)
    candidate = Hooks(hooks.client, hooks.worker.plan.endpoint_id, world.engine.fleet.workers()[1])
    taken: list[Any] = []

    async def take() -> None:
        taken.append((await candidate.take()).json())

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        assert (await world.engine.releases.wait(begun.id, 5)).outcome == "succeeded"
        assert taken == []
        await world.submit("for the new one")
    assert taken[0]["input"] == "for the new one"


async def test_a_result_is_json_whatever_its_type_says(world: World, hooks: Hooks):
    job = await world.submit(1)
    await hooks.take()
    assert (await hooks.done(job.row.id, '{"output": {"n": NaN}}')).status_code == 200
    assert job.row.output_json == '{"n": NaN}'
    assert job.row.status is JobStatus.COMPLETED


async def test_progress_that_overtakes_the_result_does_not_reopen_the_job(world: World, hooks: Hooks):
    job = await world.submit(1)
    await hooks.take()
    await hooks.done(job.row.id, '{"status": "IN_PROGRESS", "output": 50}')
    status = await hooks.client.get(f"{hooks.base}/status/{job.row.id}")
    assert (status.json()["status"], status.json()["output"]) == ("IN_PROGRESS", 50)
    await hooks.done(job.row.id, '{"output": 100}')
    assert (await hooks.done(job.row.id, '{"status": "IN_PROGRESS", "output": 60}')).status_code == 200
    assert (job.row.status, job.row.output_json) == (JobStatus.COMPLETED, "100")


async def test_a_second_result_is_answered_200_and_ignored(world: World, hooks: Hooks):
    job = await world.submit(1)
    await hooks.take()
    await hooks.done(job.row.id, '{"output": 1}')
    assert (await hooks.done(job.row.id, '{"output": 2, "error": "x"}')).status_code == 200
    assert (job.row.status, job.row.output_json) == (JobStatus.COMPLETED, "1")


async def test_an_error_that_is_no_text_becomes_text(world: World, hooks: Hooks):
    job = await world.submit(1)
    await hooks.take()
    await hooks.done(job.row.id, '{"error": {"code": 7}}')
    assert (job.row.status, job.row.error) == (JobStatus.FAILED, '{"code": 7}')


async def test_chunks_are_handed_out_once(world: World, hooks: Hooks):
    job = await world.submit(1)
    await hooks.take()
    for number in range(2):
        await hooks.chunk(job.row.id, f'{{"output": {number}}}')
    url = f"{hooks.base}/stream/{job.row.id}"
    first = (await hooks.client.get(url)).json()
    assert first == {"status": "IN_PROGRESS", "stream": [{"output": 0}, {"output": 1}]}
    assert (await hooks.client.get(url)).json()["stream"] == []


async def test_a_client_that_went_away_loses_no_job(world: World, hooks: Hooks):
    with anyio.move_on_after(0.01):
        await hooks.take()
    job = await world.submit(1)
    assert job.row.status is JobStatus.IN_QUEUE
    assert (await hooks.take()).json()["id"] == job.row.id
    assert job.row.attempts == 1


async def test_a_cancelled_job_is_told_by_the_stop_channel(world: World, hooks: Hooks):
    job = await world.submit(1)
    await hooks.take()
    await world.engine.dispatcher.cancel(job)
    assert (await hooks.stop()).json() == {"jobsToStop": [job.row.id]}


async def test_the_polls_of_a_worker_that_is_stopped_are_answered(world: World, hooks: Hooks):
    statuses: list[int] = []

    async def take() -> None:
        statuses.append((await hooks.take()).status_code)

    async def stop() -> None:
        statuses.append((await hooks.stop()).status_code)

    async with anyio.create_task_group() as group:
        group.start_soon(take)
        group.start_soon(stop)
        await anyio.sleep(0.005)
        hooks.worker.role = Role.STOPPING
        world.engine.supervisor.announce(hooks.worker)
    assert statuses == [204, 204]


async def test_an_unhealthy_ping_fails_the_boot_with_the_checks_name(world: World, hooks: Hooks):
    build = await world.build("two", Behaviour(hangs_at_boot=True), resize=a_resource())
    begun = await world.engine.releases.begin(world.request(build))
    await until(lambda: len(world.engine.fleet.workers()) == 2)
    candidate = Hooks(hooks.client, hooks.worker.plan.endpoint_id, world.engine.fleet.workers()[1])
    await candidate.ping(status="unhealthy", check="model_is_there", reason="no weights")
    error = (await world.engine.releases.wait(begun.id, 5)).error
    assert error is not None
    assert "model_is_there failed: no weights" in error.what


async def test_a_worker_that_is_not_ours_is_kept_waiting(hooks: Hooks, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "UNKNOWN_POLL_HOLD_S", 0.01)
    for path in ("job-take/w-00000000?gpu=cpu", "job-stop/w-00000000?gpu=cpu"):
        assert (await hooks.client.get(f"{hooks.base}/{path}")).status_code == 204
    assert (await hooks.client.post(f"{hooks.base}/job-done/w-0/j?x=1", content="{}")).status_code == 200
