"""Releases by the official sequence: what is sent, and every way they end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from flash_tui.client import limits
from flash_tui.client.control_plane import Official
from flash_tui.deploy.deployer import Deployer, Wish
from flash_tui.deploy.undeploy import undeploy
from flash_tui.models.errors import Conflict
from flash_tui.models.release import ReleaseResult
from flash_tui.models.states import Cause, EnvironmentState, Outcome
from tests.builders import APP
from tests.client.fake_cloud import FakeCloud, a_dialect
from tests.client.networks import KEY

pytestmark = pytest.mark.anyio

RESIZE: dict[str, Any] = {"workersMin": 0, "workersMax": 2, "gpuIds": "AMPERE_24", "imageName": "runpod/flash:py3.12"}
WEB: dict[str, Any] = {"is_load_balanced": True, "instanceIds": ["cpu3c-1-2"], "env": {"LEVEL": "1"}}


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud().with_environment("dev").with_build("b1", resize=RESIZE, web=WEB).with_build("b2", web=WEB)


@pytest.fixture
async def dialect(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Official]:
    monkeypatch.setattr(limits, "HEALTH_POLL_S", 0.0)
    connection, official = a_dialect(cloud, tmp_path)
    async with connection:
        yield official


async def brought(dialect: Official, build_id: str) -> ReleaseResult:
    build = next(item for item in await dialect.builds(APP) if item.id == build_id)
    wish = Wish(await dialect.environment(APP, "dev"), build, Cause.DEPLOY)
    return await Deployer(dialect).bring(wish)


async def test_the_build_is_active_before_its_endpoints_are_made(cloud: FakeCloud, dialect: Official) -> None:
    result = await brought(dialect, "b1")
    assert result.error is None
    order = [name for name, _ in cloud.asked if name in {"deployBuildToEnvironment", "saveEndpoint"}]
    assert order == ["deployBuildToEnvironment", "saveEndpoint", "saveEndpoint"]
    assert {endpoint.name for endpoint in result.endpoints} == {"resize", "web"}
    assert set(cloud.builds[1]["manifest"]["resources_endpoints"]) == {"resize", "web"}


async def test_a_new_endpoint_carries_its_template_and_an_old_one_keeps_it(cloud: FakeCloud, dialect: Official) -> None:
    await brought(dialect, "b1")
    created = {item["name"]: item for item in cloud.sent("saveEndpoint")}
    assert (created["resize"]["type"], created["web"]["type"]) == ("QB", "LB")
    variables = {item["key"]: item["value"] for item in created["web"]["template"]["env"]}
    assert variables["LEVEL"] == "1"
    assert (variables["FLASH_APP"], variables["FLASH_ENV"], variables["FLASH_ENDPOINT_TYPE"]) == (APP, "dev", "lb")
    await brought(dialect, "b2")
    updated = cloud.sent("saveEndpoint")[-1]
    assert "template" not in updated
    assert updated["templateId"]
    kept = {item["key"] for item in cloud.sent("saveTemplate")[-1]["env"]}
    assert "PORT" in kept
    assert "OLD" not in kept


async def test_endpoints_without_a_resource_are_removed(dialect: Official) -> None:
    await brought(dialect, "b1")
    result = await brought(dialect, "b2")
    assert [endpoint.name for endpoint in result.endpoints] == ["web"]


async def test_the_key_reaches_only_workers_that_call_others(cloud: FakeCloud, dialect: Official) -> None:
    cloud.with_build("b3", caller={**WEB, "makes_remote_calls": True}, alone=WEB)
    await brought(dialect, "b3")
    given = {item["name"]: str(item["template"]["env"]) for item in cloud.sent("saveEndpoint")}
    assert KEY in given["caller"]
    assert KEY not in given["alone"]


async def test_volumes_are_made_once_and_attached(cloud: FakeCloud, dialect: Official) -> None:
    models = {"name": "models", "size": 20, "dataCenterId": "EU-RO-1"}
    cloud.with_build(
        "b3", one={**WEB, "networkVolumes": [models]}, two={**WEB, "networkVolumes": [models, {"id": "v9"}]}
    )
    await brought(dialect, "b3")
    one, two = cloud.sent("saveEndpoint")
    assert one["networkVolumeId"] == "vol_0"
    assert two["networkVolumeIds"] == [{"networkVolumeId": "vol_0"}, {"networkVolumeId": "v9"}]
    assert len(cloud.volumes) == 1


async def test_an_endpoint_that_cannot_be_made_fails_the_act(cloud: FakeCloud, dialect: Official) -> None:
    cloud.failing["saveEndpoint"] = "no stock"
    result = await brought(dialect, "b1")
    assert result.error is not None
    assert (result.error.what, result.state) == ("no stock", EnvironmentState.FAILED)
    assert result.deployment is not None
    assert result.deployment.outcome is Outcome.FAILED


async def test_endpoints_that_never_come_up_fail_the_act(
    cloud: FakeCloud, dialect: Official, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.workers = {"unhealthy": 1}
    monkeypatch.setattr(limits, "HEALTHY_WITHIN_S", 0.0)
    result = await brought(dialect, "b2")
    assert result.error is not None
    assert result.error.code == "boot_failed"
    assert "web" in result.error.what


async def test_an_act_interrupted_after_its_commit_says_so(cloud: FakeCloud, dialect: Official) -> None:
    with anyio.CancelScope() as scope:
        cloud.before["saveEndpoint"] = scope.cancel
        await brought(dialect, "b1")
    last = (await dialect.history(APP, "dev", 1))[0]
    assert last.outcome is Outcome.FAILED
    assert last.error is not None
    assert last.error.code == "interrupted"
    assert (await dialect.environment(APP, "dev")).build is not None


async def test_what_serves_already_is_no_act(cloud: FakeCloud, dialect: Official) -> None:
    await brought(dialect, "b1")
    asked = len(cloud.sent("deployBuildToEnvironment"))
    assert (await brought(dialect, "b1")).deployment is None
    assert len(cloud.sent("deployBuildToEnvironment")) == asked


async def test_an_environment_that_serves_something_else_is_a_conflict(cloud: FakeCloud, dialect: Official) -> None:
    builds = {item.id: item for item in await dialect.builds(APP)}
    wish = Wish(await dialect.environment(APP, "dev"), builds["b1"], Cause.DEPLOY)  # pyright: ignore[reportArgumentType]
    cloud.environments["dev"]["activeBuildId"] = "b2"
    with pytest.raises(Conflict):
        await Deployer(dialect).bring(wish)


async def test_an_undeployed_environment_is_pending_and_remembers_what_served(dialect: Official) -> None:
    await brought(dialect, "b1")
    result = await undeploy(dialect, APP, "dev")
    assert (result.state, result.build, result.endpoints) == (EnvironmentState.PENDING, None, ())
    assert result.previous_build is not None
    assert result.previous_build.id == "b1"


async def test_what_somebody_else_did_is_observed_once(cloud: FakeCloud, dialect: Official) -> None:
    await brought(dialect, "b1")
    cloud.environments["dev"]["activeBuildId"] = "b2"
    for _ in range(2):
        await dialect.environment(APP, "dev")
    history = await dialect.history(APP, "dev", 10)
    assert [item.cause for item in history] == [Cause.OBSERVED, Cause.DEPLOY]
