"""Promote and roll back: exactly the planned build, or a reason why not."""

from __future__ import annotations

import pytest

from flash_tui.client.dialect import BuildFile
from flash_tui.deploy.promote import differences, promote, promotion_plan
from flash_tui.deploy.rollback import rollback, rollback_plan
from flash_tui.deploy.undeploy import undeploy
from flash_tui.models.app import Pipeline
from flash_tui.models.errors import Conflict, NotFound
from flash_tui.models.states import Cause, Outcome
from tests.builders import APP, a_build, a_reference, an_environment, an_error
from tests.deploy.fake_dialect import FakeDialect, a_photo_shop_in_memory

pytestmark = pytest.mark.anyio
PIPELINE = Pipeline()
BUILDS = (a_build(14), a_build(13), a_build(12))


def a_shop(**serving: int | None) -> FakeDialect:
    return a_photo_shop_in_memory(BUILDS, **(serving or {"dev": 14, "staging": 12, "production": None}))


async def test_a_plan_names_what_goes_where_and_what_it_replaces() -> None:
    plan = await promotion_plan(a_shop(), PIPELINE, APP)
    assert (plan.source, plan.target, plan.build.version) == ("dev", "staging", 14)
    assert plan.replaces == a_reference(12)


async def test_a_plan_changes_nothing() -> None:
    shop = a_shop(dev=14)
    plan = await promotion_plan(shop, PIPELINE, APP)
    assert plan.replaces is None
    assert (shop.requests, shop.created) == ([], [])


async def test_a_promotion_puts_that_very_build_there() -> None:
    shop = a_shop()
    result = await promote(shop, PIPELINE, await promotion_plan(shop, PIPELINE, APP))
    assert result.build is not None
    assert (result.build.version, result.build.size_bytes) == (14, 214_000)
    assert result.previous_build == a_reference(12)
    request = shop.requests[0]
    assert (request.build_id, request.expected_build_id, request.cause) == ("build_14", "build_12", Cause.PROMOTE)
    assert request.check_expected


async def test_a_stage_that_does_not_exist_yet_is_made() -> None:
    shop = a_shop(dev=14)
    result = await promote(shop, PIPELINE, await promotion_plan(shop, PIPELINE, APP))
    assert shop.created == [("dev", "staging", "production")]
    assert result.environment == "staging"


async def test_a_target_that_is_neither_there_nor_a_stage_is_a_typing_error() -> None:
    with pytest.raises(NotFound) as caught:
        await promotion_plan(a_shop(), PIPELINE, APP, "dev", "stagging")
    assert "staging" in caught.value.hint


async def test_a_target_that_changed_since_the_plan_is_left_alone() -> None:
    shop = a_shop()
    plan = await promotion_plan(shop, PIPELINE, APP)
    shop.held["staging"] = an_environment("staging", build=13)
    with pytest.raises(Conflict, match="serves v13, no longer v12"):
        await promote(shop, PIPELINE, plan)
    assert shop.requests == []


async def test_promoting_twice_changes_nothing_and_leaves_no_record() -> None:
    shop = a_shop()
    plan = await promotion_plan(shop, PIPELINE, APP)
    await promote(shop, PIPELINE, plan)
    again = await promote(shop, PIPELINE, plan)
    assert (again.deployment, again.error) == (None, None)
    assert again.build is not None


async def test_equal_bytes_are_not_released_again() -> None:
    shop = a_photo_shop_in_memory((a_build(14), a_build(12, digest=a_build(14).digest)), dev=12, staging=14)
    result = await promote(shop, PIPELINE, await promotion_plan(shop, PIPELINE, APP))
    assert (result.deployment, shop.requests) == (None, [])


async def test_a_named_build_takes_the_place_of_what_serves() -> None:
    plan = await promotion_plan(a_shop(), PIPELINE, APP, build="v13")
    assert plan.build == a_reference(13)


async def test_a_collected_build_is_not_promoted() -> None:
    shop = a_photo_shop_in_memory((a_build(14), a_build(13, gone=True)), dev=14, staging=14)
    with pytest.raises(Conflict, match="collected"):
        await promotion_plan(shop, PIPELINE, APP, build="v13")


async def test_a_build_that_does_not_boot_is_a_result_with_its_error() -> None:
    shop = a_shop()
    shop.outcome, shop.error = Outcome.FAILED, an_error(code="boot_failed")
    result = await promote(shop, PIPELINE, await promotion_plan(shop, PIPELINE, APP))
    assert result.error == shop.error
    assert result.build is not None
    assert result.build.version == 12


async def test_rolling_back_twice_swaps() -> None:
    shop = a_shop()
    shop.held["dev"] = an_environment("dev", build=14, previous=13)
    for expected in (13, 14, 13):
        result = await rollback(shop, PIPELINE, await rollback_plan(shop, APP, "dev"))
        assert result.build is not None
        assert result.build.version == expected
    assert {request.cause for request in shop.requests} == {Cause.ROLLBACK}


async def test_an_undeploy_asks_for_no_build() -> None:
    shop = a_shop()
    result = await undeploy(shop, APP, "dev")
    assert (result.build, result.endpoints) == (None, ())
    assert (shop.requests[0].build_id, shop.requests[0].cause) == (None, Cause.UNDEPLOY)


async def test_differences_cover_manifest_and_files() -> None:
    shop = a_shop()
    shop.manifests = {"build_12": {"resources": {"api": {}}}, "build_14": {"resources": {"api": {}, "resize": {}}}}
    shop.files = {
        "build_12": (BuildFile(path="api.py", size=1, sha256="aa"),),
        "build_14": (BuildFile(path="api.py", size=1, sha256="bb"), BuildFile(path="new.py", size=1, sha256="cc")),
    }
    changes = await differences(shop, a_reference(12), a_reference(14))
    assert [(change.kind, change.name, change.change) for change in changes] == [
        ("resource", "resize", "added"),
        ("source", "api.py", "changed"),
        ("source", "new.py", "added"),
    ]


async def test_files_of_a_collected_build_are_left_out_of_the_differences() -> None:
    shop = a_shop()
    shop.manifests = {"build_14": {"resources": {"api": {}}}}
    changes = await differences(shop, a_reference(12), a_reference(14))
    assert [change.kind for change in changes] == ["resource"]


async def test_a_build_does_not_differ_from_itself() -> None:
    assert await differences(a_shop(), a_reference(14), a_reference(14)) == ()
