"""The official dialect against the real platform with its extension left aside: how the cloud is driven."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from flash_tui.api import Client
from flash_tui.models.errors import Conflict, NotFound
from flash_tui.models.job import HttpAnswer, QueueAnswer
from flash_tui.models.states import Cause, EndpointKind, EnvironmentState, Outcome
from tests.projects import a_project, queue_endpoint, settings_for, write

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def cloud(platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """An app deployed to dev by the official protocol alone."""
    root = a_project(tmp_path_factory.mktemp("cloud-shop"))
    settings = settings_for(root, platform.home.root, platform.home.layers, app="cloud-shop")
    async with Client(settings, official_only=True) as client:
        result = await client.deploy()
        assert result.error is None
        assert result.deployment is not None
        yield client


async def test_a_target_without_the_extension_has_no_capabilities(cloud: Client) -> None:
    assert cloud.capabilities == frozenset()


async def test_the_endpoints_of_a_deploy_answer(cloud: Client) -> None:
    queue = await cloud.call("reverse", {"text": "abc"})
    assert isinstance(queue, QueueAnswer)
    assert queue.output == {"answer": "cba", "version": 1}
    web = await cloud.call("web-api", route="GET /version")
    assert isinstance(web, HttpAnswer)
    assert web.output == {"version": 1}


async def test_environments_and_builds_are_told_in_our_nouns(cloud: Client) -> None:
    dev, staging, production = await cloud.environments()
    assert (dev.state, staging.state, production.state) == (
        EnvironmentState.DEPLOYED,
        EnvironmentState.PENDING,
        EnvironmentState.PENDING,
    )
    assert {(item.name, item.kind) for item in dev.endpoints} == {
        ("reverse", EndpointKind.QUEUE),
        ("web-api", EndpointKind.LOAD_BALANCED),
    }
    assert dev.build is not None
    build = await cloud.find_build(None, dev.build.id)
    assert (build.version, build.runs_in) == (1, ("dev",))
    assert build.digest is not None


async def test_a_second_deploy_of_the_same_source_changes_nothing(cloud: Client) -> None:
    assert (await cloud.deploy()).deployment is None


async def test_a_promotion_and_its_record_need_no_extension(cloud: Client) -> None:
    result = await cloud.promote(await cloud.promotion_plan())
    assert result.error is None
    assert {endpoint.name for endpoint in result.endpoints} == {"reverse", "web-api"}
    dev = await cloud.environment(None, "dev")
    assert {item.id for item in dev.endpoints}.isdisjoint({item.id for item in result.endpoints})
    last = (await cloud.history(environment="staging"))[0]
    assert (last.cause, last.outcome) == (Cause.PROMOTE, Outcome.SUCCEEDED)


async def test_an_update_and_its_rollback_keep_the_endpoints(cloud: Client) -> None:
    before = {item.name: item.id for item in (await cloud.environment(None, "dev")).endpoints}
    root = cloud.settings.project
    write(root, {"extra.py": queue_endpoint("extra")})
    assert (await cloud.deploy()).error is None
    dev = await cloud.environment(None, "dev")
    assert {item.name: item.id for item in dev.endpoints if item.name != "extra"} == before
    assert (await cloud.call("extra", {"text": "ab"})).output == {"answer": "ba", "version": 1}
    result = await cloud.rollback(await cloud.rollback_plan("dev"))
    assert result.error is None
    assert {item.name for item in result.endpoints} == set(before)


async def test_an_undeploy_keeps_the_builds(cloud: Client) -> None:
    builds = await cloud.builds()
    result = await cloud.undeploy("staging")
    assert (result.endpoints, result.build, result.state) == ((), None, EnvironmentState.PENDING)
    assert [build.id for build in await cloud.builds()] == [build.id for build in builds]


async def test_what_somebody_else_changed_is_observed(cloud: Client) -> None:
    async with Client(cloud.settings) as other:
        plan = await other.promotion_plan(target="production")
        assert (await other.promote(plan)).error is None
    await cloud.environments()
    last = (await cloud.history(environment="production"))[0]
    assert (last.cause, last.to_build is not None) == (Cause.OBSERVED, True)


async def test_a_stale_plan_is_a_conflict(cloud: Client) -> None:
    plan = await cloud.promotion_plan(target="production")
    await cloud.undeploy("production")
    with pytest.raises(Conflict):
        await cloud.promote(plan.model_copy(update={"replaces": plan.build}))


async def test_an_app_that_is_not_there_is_not_found(cloud: Client) -> None:
    with pytest.raises(NotFound):
        await cloud.app("nowhere")
    with pytest.raises(NotFound, match="no environment"):
        await cloud.environment(None, "nowhere")
