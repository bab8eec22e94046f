"""An act's course: what is asked, what is reported, how it is withdrawn."""

from __future__ import annotations

import anyio
import pytest

from flash_tui.client import limits
from flash_tui.deploy.deployer import Deployer, Wish
from flash_tui.models.deployment import Deployment
from flash_tui.models.errors import Conflict, TargetUnreachable
from flash_tui.models.identifiers import DeploymentId
from flash_tui.models.release import StageReport
from flash_tui.models.states import Cause, Outcome, Stage
from tests.builders import a_build, an_environment
from tests.deploy.fake_dialect import FakeDialect, a_photo_shop_in_memory

pytestmark = pytest.mark.anyio


def a_shop(**fields: object) -> FakeDialect:
    shop = a_photo_shop_in_memory((a_build(14), a_build(13)), dev=13)
    for name, value in fields.items():
        setattr(shop, name, value)
    return shop


def a_wish(shop: FakeDialect, version: int = 14) -> Wish:
    return Wish(shop.held["dev"], next(build for build in shop.kept if build.version == version), Cause.DEPLOY)


async def test_a_missing_environment_is_made_beside_the_pipeline() -> None:
    shop = a_shop()
    environment = await Deployer(shop).ensure_environment("photo-shop", "preview", ("dev", "staging"))
    assert environment.name == "preview"
    assert shop.created == [("dev", "staging", "preview")]


async def test_stages_are_reported_with_the_platforms_timings() -> None:
    shop, reports = a_shop(), list[StageReport]()
    result = await Deployer(shop).bring(a_wish(shop), reports.append, {"pack": 3.0})
    assert [(report.stage, report.elapsed_ms) for report in reports] == [
        (Stage.BOOT, None),
        (Stage.BOOT, 71.0),
        (Stage.SWITCH, 8.0),
    ]
    assert result.timings_ms == {"pack": 3.0, "boot": 71.0, "switch": 8.0}


async def test_what_serves_already_is_no_act() -> None:
    shop = a_shop()
    result = await Deployer(shop).bring(a_wish(shop, 13))
    assert (result.deployment, result.error) == (None, None)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.SUPERSEDED, "conflict"), (Outcome.CANCELLED, "interrupted"), (Outcome.FAILED, "failed")],
)
async def test_an_act_that_did_not_succeed_says_why(outcome: Outcome, code: str) -> None:
    shop = a_shop(outcome=outcome)
    result = await Deployer(shop).bring(a_wish(shop))
    assert result.error is not None
    assert result.error.code == code
    assert result.deployment is not None
    assert result.deployment.outcome is outcome


async def test_an_environment_that_changed_under_the_wish_is_a_conflict() -> None:
    shop = a_shop()
    wish = a_wish(shop)
    shop.held["dev"] = an_environment("dev", build=12)
    with pytest.raises(Conflict):
        await Deployer(shop).bring(wish)


async def test_an_interrupted_act_is_withdrawn() -> None:
    shop = a_shop(hangs=True)
    async with anyio.create_task_group() as group:
        group.start_soon(Deployer(shop).bring, a_wish(shop))
        await shop.waiting.wait()
        group.cancel_scope.cancel()
    assert shop.cancelled == ["dep_dev"]


async def test_an_act_interrupted_as_it_begins_is_withdrawn() -> None:
    shop = a_shop(hangs=True)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await Deployer(shop).bring(a_wish(shop))
    assert shop.cancelled == ["dep_dev"]


class LosesAnswers(FakeDialect):
    """Some answers about a release do not arrive."""

    lost = 0

    async def wait(self, deployment_id: DeploymentId, wait_s: float) -> Deployment:
        if self.lost:
            self.lost -= 1
            raise TargetUnreachable("local broke off the connection", hint="start it")
        return await super().wait(deployment_id, wait_s)


@pytest.mark.parametrize(("lost", "succeeds"), [(3, True), (4, False)])
async def test_a_lost_answer_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, lost: int, *, succeeds: bool) -> None:
    monkeypatch.setattr(limits, "FIRST_RETRY_S", 0.0)
    shop = LosesAnswers(held=a_shop().held, kept=a_shop().kept)
    shop.lost = lost
    if succeeds:
        assert (await Deployer(shop).bring(a_wish(shop))).error is None
        return
    with pytest.raises(TargetUnreachable) as caught:
        await Deployer(shop).bring(a_wish(shop))
    assert "flash-tui history dev" in caught.value.hint
