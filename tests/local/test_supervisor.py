"""Worker processes: started with exactly their environment, listened to, replaced, stopped."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from flash_tui.local.store.database import Store
from flash_tui.local.workers.reconcile import Role
from flash_tui.models.errors import BuildFailed, TargetUnreachable
from flash_tui.models.states import JobStatus, WorkerState
from tests.local.engine_fixture import ORIGIN, TOKEN, World, a_world, until
from tests.local.fake_workers import Behaviour
from tests.local.state_builders import a_load_balanced_resource, a_resource

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(store, tmp_path) as made:
        yield made


async def test_a_worker_gets_the_deploys_environment_and_nothing_of_the_users(world: World, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "mine")
    await world.release(await world.build("one", resize=a_resource(env={"LEVEL": "1"}, makes_remote_calls=True)))
    env = world.source.children[0].spec.env
    endpoint_id = await world.endpoint("resize")
    assert env["LEVEL"] == "1"
    assert (env["FLASH_APP"], env["FLASH_ENV"], env["FLASH_RESOURCE_NAME"]) == ("shop", "dev", "resize")
    assert (env["FLASH_ENVIRONMENT_ID"], env["RUNPOD_API_KEY"]) == (world.environment_id, TOKEN)
    assert env["RUNPOD_WEBHOOK_GET_JOB"] == f"{ORIGIN}/v2/{endpoint_id}/job-take/$ID?gpu=cpu"
    assert env["RUNPOD_WEBHOOK_POST_OUTPUT"] == f"{ORIGIN}/v2/{endpoint_id}/job-done/$RUNPOD_POD_ID/$ID?gpu=cpu"
    assert env["RUNPOD_ENDPOINT_BASE_URL"] == f"{ORIGIN}/v2"
    assert "AWS_SECRET_ACCESS_KEY" not in env


async def test_a_load_balanced_worker_has_no_job_hooks(world: World):
    await world.release(await world.build("one", web=a_load_balanced_resource()))
    env = world.source.children[0].spec.env
    assert env["FLASH_ENDPOINT_TYPE"] == "lb"
    assert "RUNPOD_WEBHOOK_GET_JOB" not in env


async def test_workers_have_a_home_of_their_own(world: World):
    await world.release(await world.build("one", resize=a_resource()))
    home = anyio.Path(world.source.children[0].spec.env["HOME"])
    assert await home.is_dir()
    assert str(home) != os.environ["HOME"]


async def test_homes_of_endpoints_that_are_no_more_are_removed(world: World):
    await world.release(await world.build("one", resize=a_resource()))
    home = anyio.Path(world.source.children[0].spec.env["HOME"])
    await (home.parent / "ep0gone").mkdir()
    await world.engine.supervisor.remove_homes(frozenset({await world.endpoint("resize")}))
    assert [place.name async for place in home.parent.iterdir()] == [home.name]


async def test_what_a_worker_prints_is_a_log_line_with_its_name_and_build(world: World):
    sdk = '{"requestId": "j1", "message": "Started.", "level": "INFO"}'
    prints = (("stdout", "hello"), ("stderr", "careful"), ("stdout", sdk))
    build = await world.build("one", Behaviour(prints=prints), resize=a_resource())
    await world.release(build)
    await until(lambda: len([line for line in world.lines if line.worker]) >= 3)
    lines = [line for line in world.lines if line.worker]
    assert [(line.stream, line.text) for line in lines] == [
        ("stdout", "hello"),
        ("stderr", "careful"),
        ("stdout", "INFO   | j1 | Started."),
    ]
    assert {(line.endpoint, line.build) for line in lines} == {("resize", build.version)}


async def test_neither_lines_nor_errors_of_a_worker_show_secrets_or_our_folders(world: World):
    folder = Path("/code")
    said = [
        "Traceback (most recent call last):",
        f'  File "{folder}/BUILD/words.py", line 3, in <module>',
        f"ValueError: hunter2hunter2 and {TOKEN} do not open {folder}/BUILD/words.db",
    ]
    behaviour = Behaviour(dies_at_boot=True)
    build = await world.build("one", behaviour, resize=a_resource(env={"DB_PASSWORD": "hunter2hunter2"}))
    behaviour.prints = tuple(("stderr", line.replace("BUILD", build.id)) for line in said)
    error = (await world.release(build)).error
    assert error is not None
    assert (error.file, error.line) == ("words.py", 3)
    assert error.what == "resize did not start: ValueError: [hidden] and [hidden] do not open words.db"
    shown = error.model_dump_json() + "".join(line.text for line in world.lines)
    assert not any(word in shown for word in ("hunter2", TOKEN, str(folder)))


async def test_a_worker_that_dies_is_started_again_and_the_endpoint_says_so_meanwhile(world: World):
    await world.release(await world.build("one", resize=a_resource()))
    endpoint_id = await world.endpoint("resize")
    world.source.children[0].kill()
    await until(lambda: world.engine.workers(endpoint_id)[0].state is WorkerState.UNHEALTHY)
    ghost = world.engine.workers(endpoint_id)[0]
    assert "SIGKILL" in (ghost.error or "")
    assert await world.call(1) == 1
    assert [worker.restarts for worker in world.engine.workers(endpoint_id)] == [1]


async def test_a_restarted_worker_that_never_comes_up_is_given_up_with_a_reason(store: Store, tmp_path: Path):
    async with a_world(store, tmp_path, health_timeout_s=0.1) as world:
        build = await world.build("one", resize=a_resource())
        await world.release(build)
        endpoint_id = await world.endpoint("resize")
        world.artifacts.behaviours[build.id] = Behaviour(hangs_at_boot=True)
        world.source.children[0].kill()
        await until(lambda: any("not healthy" in (w.error or "") for w in world.engine.workers(endpoint_id)))
        await until(lambda: world.source.children[1].stopped)


async def test_a_build_that_cannot_be_prepared_at_the_start_is_an_unhealthy_endpoint(store: Store, tmp_path: Path):
    async with a_world(store, tmp_path) as world:
        build = await world.build("one")
        await world.release(build)
    errors = {build.id: BuildFailed("made for another computer")}
    async with a_world(store, tmp_path, world.environment_id, errors=errors) as again:
        (worker,) = again.engine.workers(await again.endpoint("web"))
        assert (worker.state, worker.error) == (WorkerState.UNHEALTHY, "made for another computer")
        assert again.source.children == []


async def test_a_request_goes_to_a_worker_in_charge_and_waits_for_one_that_starts(world: World):
    await world.release(await world.build("one", web=a_load_balanced_resource()))
    endpoint_id = await world.endpoint("web")
    lease = await world.engine.router.acquire(endpoint_id)
    world.source.children[0].kill()
    again = await world.engine.router.acquire(endpoint_id, avoid=frozenset({lease.worker}))
    assert again.worker != lease.worker
    lease.release(status_code=None, elapsed_ms=3)
    again.release(status_code=200, elapsed_ms=5)
    traffic = world.engine.traffic(endpoint_id)
    assert (sum(traffic.requests), traffic.errors) == (2, 1)


async def test_an_open_request_keeps_its_worker_until_it_ends(world: World):
    one = await world.build("one", web=a_load_balanced_resource())
    await world.release(one)
    endpoint_id = await world.endpoint("web")
    lease = await world.engine.router.acquire(endpoint_id)
    await world.release(await world.build("two", web=a_load_balanced_resource()))
    old = world.engine.fleet.worker(lease.worker)
    assert old is not None
    assert (old.role, old.document().state) == (Role.DRAINING, WorkerState.OUTDATED)
    lease.release(status_code=200, elapsed_ms=1)
    await old.ended.wait()


async def test_a_blocked_endpoint_answers_at_once_with_the_reason(world: World):
    build = await world.build("one", web=a_load_balanced_resource())
    await world.release(build)
    endpoint_id = await world.endpoint("web")
    world.engine.fleet.block([world.engine.fleet.of_environment(world.environment_id)[0].plan], _error())
    world.source.children[0].kill()
    await until(lambda: not world.engine.fleet.workers())
    with pytest.raises(TargetUnreachable, match="no layer"):
        await world.engine.router.acquire(endpoint_id)


def _error():
    return BuildFailed("no layer").document()


@pytest.mark.parametrize(
    ("host", "is_known"),
    [("{id}.flash.localhost:8000", True), ("{id}.127.0.0.1:1", True), ("nobody.flash.localhost", False), ("x", False)],
)
async def test_an_endpoint_is_found_by_its_host_name(world: World, host: str, is_known: bool):
    await world.release(await world.build("one", web=a_load_balanced_resource()))
    endpoint_id = await world.endpoint("web")
    assert (world.engine.router.resolve_host(host.format(id=endpoint_id)) == endpoint_id) is is_known


async def test_ending_the_platform_stops_all_workers_and_leaves_jobs_for_the_next(store: Store, tmp_path: Path):
    async with a_world(store, tmp_path) as world:
        await world.release(await world.build("one", Behaviour(hold=anyio.Event()), resize=a_resource()))
        job = await world.submit(1)
        await until(lambda: job.row.status is JobStatus.IN_PROGRESS)
    assert all(child.stopped for child in world.source.children)
    assert (job.row.status, job.row.attempts) == (JobStatus.IN_PROGRESS, 1)
