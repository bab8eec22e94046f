"""Releases over a real store: what is recorded, who gets traffic, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from flash_tui.local.store.database import Store
from flash_tui.local.store.deployments import list_deployments
from flash_tui.local.workers.reconcile import Role
from flash_tui.models.errors import Conflict, NotFound
from flash_tui.models.states import EnvironmentState, JobStatus, Outcome
from tests.local.engine_fixture import World, a_world, until
from tests.local.fake_workers import Behaviour
from tests.local.state_builders import a_resource

pytestmark = pytest.mark.anyio

TRACEBACK = (
    ("stderr", "Traceback (most recent call last):"),
    ("stderr", '  File "/layers/base/importlib.py", line 9, in load'),
    ("stderr", '  File "/code/{build}/handler_resize.py", line 3, in <module>'),
    ("stderr", '  File "/code/{build}/shop.py", line 12, in <module>'),
    ("stderr", "    price = 1 / 0"),
    ("stderr", "ZeroDivisionError: division by zero"),
)


@pytest.fixture
async def world(store: Store, tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(store, tmp_path) as made:
        yield made


def labelled(text: str, hold: anyio.Event | None = None) -> Behaviour:
    return Behaviour(answer=lambda value: {"output": f"{text}:{value}"}, hold=hold)


async def test_a_release_serves_and_is_recorded_with_its_times(world: World):
    build = await world.build("one", labelled("one"))
    deployment = await world.release(build)
    assert (deployment.outcome, deployment.error) == (Outcome.SUCCEEDED, None)
    assert set(deployment.timings_ms) == {"boot", "health", "switch"}
    environment = await world.environment()
    assert (environment.state, environment.active_build_id) == (EnvironmentState.DEPLOYED, build.id)
    assert await world.call(7) == "one:7"


async def test_the_environment_is_deploying_while_the_old_build_serves(world: World):
    await world.release(await world.build("one", labelled("one")))
    slow = await world.build("two", Behaviour(hangs_at_boot=True))
    await world.engine.releases.begin(world.request(slow))
    assert (await world.environment()).state is EnvironmentState.DEPLOYING
    assert await world.call(7) == "one:7"


async def test_after_the_switch_jobs_run_on_the_new_build_and_the_old_worker_ends(world: World):
    one, two = await world.build("one", labelled("one")), await world.build("two", labelled("two"))
    await world.release(one)
    await world.release(two)
    assert await world.call(7) == "two:7"
    await until(lambda: world.child(one).stopped)
    assert not world.child(two).stopped


async def test_a_job_that_spans_a_switch_is_finished_by_the_old_worker(world: World):
    hold = anyio.Event()
    one, two = await world.build("one", labelled("one", hold)), await world.build("two", labelled("two"))
    await world.release(one)
    job = await world.submit(1)
    await until(lambda: job.row.status is JobStatus.IN_PROGRESS)
    await world.release(two)
    assert await world.call(2) == "two:2"
    hold.set()
    await job.final.wait()
    assert job.row.output_json == '"one:1"'
    await until(lambda: world.child(one).stopped)


async def test_a_candidate_gets_no_job_before_the_commit(world: World):
    one = await world.build("one", labelled("one"), resize=a_resource(), slow=a_resource())
    hold = anyio.Event()
    await world.release(one)
    two = await world.build("two", Behaviour(hold=hold), resize=a_resource(), slow=a_resource())
    begun = await world.engine.releases.begin(world.request(two))
    candidates = [w for w in world.engine.fleet.workers() if w.role is Role.CANDIDATE]
    assert not any(worker.gets_work for worker in candidates)
    assert (await world.engine.releases.wait(begun.id, 5)).outcome is Outcome.SUCCEEDED


async def test_a_build_that_does_not_boot_never_gets_traffic(world: World):
    await world.release(await world.build("one", labelled("one")))
    broken = await world.build("two", Behaviour(dies_at_boot=True))
    world.artifacts.behaviours[broken.id].prints = tuple(
        (stream, text.format(build=broken.id)) for stream, text in TRACEBACK
    )
    deployment = await world.release(broken)
    error = deployment.error
    assert error is not None
    assert (deployment.outcome, error.code, error.file, error.line) == (Outcome.FAILED, "boot_failed", "shop.py", 12)
    assert "ZeroDivisionError: division by zero" in error.what
    assert (await world.environment()).state is EnvironmentState.FAILED
    assert await world.call(7) == "one:7"


async def test_a_failed_release_leaves_no_worker_behind(world: World):
    broken = await world.build("one", Behaviour(dies_at_boot=True))
    await world.release(broken)
    await until(lambda: not world.engine.fleet.workers())
    assert (await world.environment()).active_build_id is None


async def test_a_worker_that_is_not_healthy_in_time_fails_the_release(store: Store, tmp_path: Path):
    async with a_world(store, tmp_path, health_timeout_s=0.05) as world:
        hanging = await world.build("one", Behaviour(hangs_at_boot=True, prints=(("stdout", "loading the model"),)))
        error = (await world.release(hanging)).error
        assert error is not None
        assert "not healthy within 0.05 s" in error.what
        assert error.traceback == "loading the model"


async def test_a_newer_release_supersedes_the_one_that_prepares(world: World):
    slow = await world.build("one", Behaviour(hangs_at_boot=True))
    begun = await world.engine.releases.begin(world.request(slow, generation=1))
    newer = await world.build("two", labelled("two"))
    assert (await world.release(newer, generation=2)).outcome is Outcome.SUCCEEDED
    assert (await world.engine.releases.wait(begun.id, 5)).outcome is Outcome.SUPERSEDED
    assert (await world.environment()).active_build_id == newer.id


async def test_an_older_generation_does_not_supersede_a_newer_one(world: World):
    slow = await world.build("one", Behaviour(hangs_at_boot=True))
    begun = await world.engine.releases.begin(world.request(slow, generation=5))
    with pytest.raises(Conflict):
        await world.release(await world.build("two"), generation=4)
    assert (await world.engine.releases.wait(begun.id, 0)).outcome is None


async def test_cancelling_before_the_commit_leaves_only_the_record(world: World):
    one = await world.build("one", labelled("one"))
    await world.release(one)
    before = await world.environment()
    slow = await world.build("two", Behaviour(hangs_at_boot=True))
    begun = await world.engine.releases.begin(world.request(slow))
    assert (await world.engine.releases.cancel(begun.id)).outcome is Outcome.CANCELLED
    after = await world.environment()
    assert (after.state, after.error, after.active_build) == (before.state, before.error, before.active_build)
    await until(lambda: all(child.stopped for child in world.children(slow)))


async def test_cancelling_after_the_commit_says_succeeded(world: World):
    deployment = await world.release(await world.build("one"))
    assert (await world.engine.releases.cancel(deployment.id)).outcome is Outcome.SUCCEEDED


async def test_a_release_of_what_serves_and_is_well_changes_nothing(world: World):
    build = await world.build("one")
    await world.release(build)
    again = await world.release(build)
    assert (again.outcome, again.id) == (Outcome.SUCCEEDED, "")
    assert len(await world.store.transact(list_deployments)) == 1


async def test_releasing_what_still_serves_ends_a_failure_without_a_restart(world: World):
    build = await world.build("one")
    await world.release(build)
    await world.release(await world.build("two", Behaviour(dies_at_boot=True)))
    assert (await world.release(build)).outcome is Outcome.SUCCEEDED
    assert (await world.environment()).state is EnvironmentState.DEPLOYED
    assert len(world.children(build)) == 1


async def test_a_mismatched_expectation_is_a_conflict(world: World):
    one, two = await world.build("one"), await world.build("two")
    await world.release(one)
    with pytest.raises(Conflict):
        await world.release(two, expected_build_id=two.id, check_expected=True)
    assert (await world.release(two, expected_build_id=one.id, check_expected=True)).outcome is Outcome.SUCCEEDED


async def test_an_unknown_build_is_not_found(world: World):
    build = await world.build("one")
    with pytest.raises(NotFound):
        await world.release(build.model_copy(update={"id": "build_nobody"}))


async def test_an_undeploy_drains_everything_and_cancels_what_waits(world: World):
    hold = anyio.Event()
    build = await world.build("one", labelled("one", hold))
    await world.release(build)
    running, waiting = await world.submit(1), await world.submit(2)
    assert (await world.release(None)).outcome is Outcome.SUCCEEDED
    assert (await world.environment()).state is EnvironmentState.PENDING
    await waiting.final.wait()
    assert (waiting.row.status, waiting.row.error) == (
        JobStatus.CANCELLED,
        "the endpoint is no longer part of the environment",
    )
    hold.set()
    await running.final.wait()
    assert running.row.status is JobStatus.COMPLETED
    await until(lambda: not world.engine.fleet.workers())


async def test_an_endpoint_keeps_its_id_over_releases(world: World):
    await world.release(await world.build("one"))
    before = await world.endpoint("web")
    await world.release(await world.build("two"))
    assert await world.endpoint("web") == before


async def test_a_restarted_platform_serves_again_and_closes_what_was_under_way(store: Store, tmp_path: Path):
    async with a_world(store, tmp_path) as world:
        one = await world.build("one", labelled("one"))
        await world.release(one)
        slow = await world.build("two", Behaviour(hangs_at_boot=True))
        begun = await world.engine.releases.begin(world.request(slow))
    async with a_world(store, tmp_path, world.environment_id) as again:
        again.artifacts.behaviours[one.id] = labelled("one")
        record = await again.engine.releases.wait(begun.id, 0)
        assert (record.outcome, record.error and record.error.code) == (Outcome.FAILED, "interrupted")
        assert (await again.environment()).state is EnvironmentState.FAILED
        assert await again.call(7) == "one:7"


async def test_deleting_an_environment_ends_its_workers(world: World):
    await world.release(await world.build("one"))
    await world.engine.releases.forget(world.environment_id)
    await until(lambda: not world.engine.fleet.workers())
