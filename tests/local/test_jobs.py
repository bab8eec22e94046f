"""Jobs from acceptance to their end: durable, in order, never twice without saying so."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from flash_tui.local import limits
from flash_tui.local.store import jobs as table
from flash_tui.local.store.database import Store
from flash_tui.models.errors import NotFound
from flash_tui.models.identifiers import EndpointId, JobId
from flash_tui.models.states import JobStatus
from tests.local.engine_fixture import ORIGIN, World, a_world, errors_as_answers, until
from tests.local.fake_workers import Behaviour
from tests.local.state_builders import a_resource

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(store, tmp_path) as made:
        yield made


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=world.engine.routes(), exception_handlers=errors_as_answers())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=ORIGIN) as opened:
        yield opened


async def serving(world: World, behaviour: Behaviour | None = None) -> EndpointId:
    await world.release(await world.build("one", behaviour, resize=a_resource()))
    return await world.endpoint("resize")


def _now() -> datetime:
    return datetime.now(UTC)


def failing(value: object) -> dict[str, object]:
    return {"output": {"success": False, "input": value}, "error": "no such picture"}


async def test_run_gives_an_id_and_the_status_gives_the_result(world: World, client: httpx.AsyncClient):
    endpoint_id = await serving(world)
    run = (await client.post(f"/v2/{endpoint_id}/run", json={"input": {"a": 1}})).json()
    assert run["status"] == "IN_QUEUE"
    job = await world.engine.dispatcher.find(endpoint_id, JobId(run["id"]))
    assert job is not None
    await job.final.wait()
    status = (await client.get(f"/v2/{endpoint_id}/status/{run['id']}")).json()
    assert (status["status"], status["output"]) == ("COMPLETED", {"a": 1})
    assert (type(status["delayTime"]), type(status["executionTime"])) == (int, int)
    assert status["workerId"].startswith("w-")


async def test_runsync_holds_until_the_job_is_final(world: World, client: httpx.AsyncClient):
    endpoint_id = await serving(world)
    done = (await client.post(f"/v2/{endpoint_id}/runsync", json={"input": {}})).json()
    assert (done["status"], done["output"]) == ("COMPLETED", {})


async def test_runsync_says_where_it_stands_after_the_wait(world: World, client: httpx.AsyncClient, monkeypatch):
    monkeypatch.setattr(limits, "MIN_RUNSYNC_WAIT_S", 0.02)
    endpoint_id = await serving(world, Behaviour(hold=anyio.Event()))
    answer = (await client.post(f"/v2/{endpoint_id}/runsync?wait=20", json={"input": 1})).json()
    assert answer["status"] in {"IN_QUEUE", "IN_PROGRESS"}


async def test_the_error_of_a_job_shows_no_secret_and_its_output_stays_as_it_is(world: World):
    resource = a_resource(env={"HF_TOKEN": "hunter2hunter2"})
    said = {"output": "hunter2hunter2", "error": {"error_message": "hunter2hunter2 is refused"}}
    await world.release(await world.build("one", Behaviour(answer=lambda _: said), resize=resource))
    job = await world.submit(1)
    with anyio.fail_after(5):
        await job.final.wait()
    assert json.loads(job.row.error or "") == {"error_message": "[hidden] is refused"}
    assert json.loads(job.row.output_json or "") == "hunter2hunter2"


async def test_a_failed_job_keeps_its_output_beside_the_error(world: World, client: httpx.AsyncClient):
    endpoint_id = await serving(world, Behaviour(answer=failing))
    done = (await client.post(f"/v2/{endpoint_id}/runsync", json={"input": 3})).json()
    assert (done["status"], done["error"], done["output"]["input"]) == ("FAILED", "no such picture", 3)


async def test_what_json_does_not_know_comes_through(world: World, client: httpx.AsyncClient):
    endpoint_id = await serving(world, Behaviour(answer=lambda _: {"output": [float("nan"), "\ud800"]}))
    text = (await client.post(f"/v2/{endpoint_id}/runsync", json={"input": 3})).text
    assert "NaN" in text
    assert json.loads(text)["output"][1] == "\ud800"


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"{", "no JSON"),
        (b"[1]", "no JSON object"),
        (b"{}", "no `input`"),
        (b'{"input":1,"policy":{"ttl":"x"}}', "policy.ttl"),
    ],
)
async def test_a_bad_request_says_what_is_wrong(world: World, client: httpx.AsyncClient, body: bytes, what: str):
    endpoint_id = await serving(world)
    answer = await client.post(f"/v2/{endpoint_id}/run", content=body)
    assert answer.status_code == 400
    assert what in answer.json()["error"]["what"]


async def test_an_unknown_endpoint_and_a_load_balanced_one_take_no_jobs(world: World, client: httpx.AsyncClient):
    await world.release(await world.build("one"))
    for endpoint_id in ("nobody", await world.endpoint("web")):
        assert (await client.post(f"/v2/{endpoint_id}/run", json={"input": 1})).status_code == 404
    with pytest.raises(NotFound):
        await world.engine.dispatcher.submit(table.StoredJob(JobId("j"), EndpointId("x"), "1", _now()))


async def test_jobs_run_in_the_order_in_which_they_came(world: World):
    order: list[object] = []
    await serving(world, Behaviour(answer=lambda value: order.append(value) or {"output": None}))
    jobs = [await world.submit(number) for number in range(20)]
    await jobs[-1].final.wait()
    assert order == list(range(20))


async def test_health_has_all_eleven_integers(world: World, client: httpx.AsyncClient):
    endpoint_id = await serving(world)
    await world.call(1)
    health = (await client.get(f"/v2/{endpoint_id}/health")).json()
    assert health["jobs"] == {"completed": 1, "failed": 0, "inProgress": 0, "inQueue": 0, "retried": 0}
    assert sorted(health["workers"]) == ["idle", "initializing", "ready", "running", "throttled", "unhealthy"]
    assert health["workers"]["ready"] == 1


async def test_a_cancelled_job_that_waits_never_runs(world: World, client: httpx.AsyncClient):
    hold = anyio.Event()
    endpoint_id = await serving(world, Behaviour(hold=hold))
    first, second = await world.submit(1), await world.submit(2)
    answer = (await client.post(f"/v2/{endpoint_id}/cancel/{second.row.id}")).json()
    assert answer == {"id": second.row.id, "status": "CANCELLED"}
    status = (await client.get(f"/v2/{endpoint_id}/status/{second.row.id}")).json()
    assert (status["executionTime"], status["workerId"]) == (0, "")
    hold.set()
    await first.final.wait()
    assert world.engine.dispatcher.counts(endpoint_id).completed == 1


async def test_cancelling_a_running_job_tells_its_worker_and_ignores_the_late_result(world: World):
    hold = anyio.Event()
    await serving(world, Behaviour(hold=hold))
    job = await world.submit(1)
    worker = world.engine.fleet.worker(job.row.worker or "")
    assert worker is not None
    await world.engine.dispatcher.cancel(job)
    assert worker.to_stop == [job.row.id]
    hold.set()
    assert await world.call(2) == 2
    assert job.row.status is JobStatus.CANCELLED


async def test_a_worker_that_does_not_let_go_of_a_stopped_job_is_replaced(world: World, monkeypatch):
    monkeypatch.setattr(limits, "STOP_JOB_GRACE_S", 0.02)
    await serving(world, Behaviour(hold=anyio.Event()))
    job = await world.submit(1)
    await until(lambda: job.row.status is JobStatus.IN_PROGRESS)
    stuck = world.source.children[0]
    await world.engine.dispatcher.cancel(job)
    await until(lambda: stuck.stopped and len(world.source.children) == 2)


async def test_a_job_that_takes_too_long_is_timed_out(world: World, client: httpx.AsyncClient):
    endpoint_id = await serving(world, Behaviour(hold=anyio.Event()))
    body = {"input": 1, "policy": {"executionTimeout": 20}}
    done = (await client.post(f"/v2/{endpoint_id}/runsync", json=body)).json()
    assert done["status"] == "TIMED_OUT"


async def test_purging_cancels_what_waits_and_nothing_else(world: World, client: httpx.AsyncClient):
    hold = anyio.Event()
    endpoint_id = await serving(world, Behaviour(hold=hold))
    jobs = [await world.submit(number) for number in range(4)]
    await until(lambda: jobs[0].row.status is JobStatus.IN_PROGRESS)
    answer = (await client.post(f"/v2/{endpoint_id}/purge-queue")).json()
    assert answer == {"removed": 3, "status": "completed"}
    hold.set()
    await jobs[0].final.wait()
    assert jobs[0].row.status is JobStatus.COMPLETED


async def test_a_failed_job_can_be_retried_under_its_id(world: World, client: httpx.AsyncClient):
    tries: list[object] = []
    endpoint_id = await serving(
        world,
        Behaviour(answer=lambda v: tries.append(v) or ({"error": "no"} if len(tries) == 1 else {"output": "yes"})),
    )
    job = await world.submit(1)
    await job.final.wait()
    assert (await client.post(f"/v2/{endpoint_id}/retry/{job.row.id}")).json()["status"] == "IN_QUEUE"
    again = await world.engine.dispatcher.find(endpoint_id, job.row.id)
    assert again is not None
    await again.final.wait()
    assert (again.row.status, again.row.attempts) == (JobStatus.COMPLETED, 2)
    assert (await client.post(f"/v2/{endpoint_id}/retry/{job.row.id}")).status_code == 409


async def test_a_job_whose_worker_dies_runs_once_more_and_says_so(world: World):
    await serving(world, Behaviour(hold=anyio.Event()))
    job = await world.submit(1)
    await until(lambda: job.row.status is JobStatus.IN_PROGRESS)
    world.source.children[0].kill()
    await until(lambda: job.row.attempts == 2 and job.row.status is JobStatus.IN_PROGRESS)
    assert any("queued again" in line.text and line.stream == "system" for line in world.lines)
    world.source.children[1].kill()
    await job.final.wait()
    assert job.row.status is JobStatus.FAILED
    assert "given up after 2 attempts" in (job.row.error or "")
    assert "SIGKILL" in (job.row.error or "")


async def test_an_accepted_job_survives_the_platform(store: Store, tmp_path: Path):
    async with a_world(store, tmp_path) as world:
        await serving(world, Behaviour(hold=anyio.Event()))
        running, waiting = await world.submit("first"), await world.submit("second")
        await until(lambda: running.row.status is JobStatus.IN_PROGRESS)
    async with a_world(store, tmp_path, world.environment_id) as again:
        endpoint_id = running.row.endpoint_id
        for row, attempts in ((running.row, 2), (waiting.row, 1)):
            job = await again.engine.dispatcher.find(endpoint_id, row.id)
            assert job is not None
            await job.final.wait()
            stored = await store.transact(lambda c, i=row.id: table.find_job(c, endpoint_id, i))
            assert stored is not None
            assert (stored.status, stored.attempts) == (JobStatus.COMPLETED, attempts)


async def test_a_worker_that_asks_again_without_a_result_has_lost_the_job(world: World, monkeypatch):
    monkeypatch.setattr(limits, "MISSING_RESULT_GRACE_S", 0.01)
    await serving(world, Behaviour(answer=lambda v: {"output": v, "status": "IN_PROGRESS"}))
    job = await world.submit(1)
    await until(lambda: job.row.attempts == 2)
    await job.final.wait()
    assert "never reached its worker" in (job.row.error or "")


async def test_a_result_that_cannot_be_sent_fails_with_the_workers_own_words(world: World, monkeypatch):
    monkeypatch.setattr(limits, "MISSING_RESULT_GRACE_S", 0.01)
    await serving(world, Behaviour(answer=lambda v: {"output": v, "status": "IN_PROGRESS"}))
    job = await world.submit(1)
    world.engine.dispatcher.results.heard(job.row.id, "Object of type datetime is not JSON serializable")
    await job.final.wait()
    assert "datetime is not JSON serializable" in (job.row.error or "")


async def test_a_worker_that_asks_for_refresh_is_replaced_at_once(world: World):
    await serving(world, Behaviour(answer=lambda v: {"output": v, "stopPod": True}))
    assert await world.call(1) == 1
    assert await world.call(2) == 2
    assert len(world.source.children) >= 2


async def test_jobs_are_listed_newest_first_with_their_build(world: World, store: Store):
    endpoint_id = await serving(world)
    await world.call("a")
    await world.call("b")
    newest, oldest = await store.transact(lambda c: table.list_jobs(c, endpoint_id=endpoint_id))
    assert (newest.input, oldest.input, newest.build, newest.attempts) == ("b", "a", 1, 1)


async def test_the_oldest_ended_jobs_are_forgotten(world: World, store: Store, monkeypatch):
    monkeypatch.setattr(limits, "JOBS_KEPT", 2)
    endpoint_id = await serving(world)
    for number in range(4):
        await world.call(number)
    await world.engine.dispatcher.prune()
    kept = await store.transact(lambda c: table.list_jobs(c, endpoint_id=endpoint_id))
    assert [job.input for job in kept] == [3, 2]


async def test_a_call_by_name_is_held_until_it_is_final(world: World, client: httpx.AsyncClient):
    await serving(world)
    headers = {"X-Flash-App": "shop", "X-Flash-Environment": "dev", "X-Flash-Endpoint": "resize"}
    done = (await client.post("/v2/flash/runsync", json={"input": {"n": 1}}, headers=headers)).json()
    assert (done["status"], done["output"]) == ("COMPLETED", {"n": 1})
    headers["X-Flash-Endpoint"] = "nobody"
    assert (await client.post("/v2/flash/runsync", json={"input": {}}, headers=headers)).status_code == 404
