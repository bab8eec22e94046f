"""The façade against the real platform: an app's life through the verbs that screen and command line use."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import anyio
import pytest

from flash_tui.api import Client
from flash_tui.models.errors import BuildFailed, NotFound, UsageError
from flash_tui.models.events import EnvironmentChanged
from flash_tui.models.job import HttpAnswer, QueueAnswer
from flash_tui.models.log import LogLine
from flash_tui.models.release import StageReport
from flash_tui.models.states import Cause, EnvironmentState, JobStatus, Outcome, Stage
from tests.projects import a_project, queue_endpoint, settings_for, write

pytestmark = pytest.mark.anyio

TALKS = """
import sys
from runpod_flash import Endpoint


@Endpoint(name="talks", cpu="cpu3c-1-2")
async def talks(text: str = "") -> dict:
    print("heard", text, flush=True)
    if text == "fail":
        raise ValueError("as asked")
    return {"version": VERSION}
"""


def saved(root: Path, version: int) -> None:
    write(root, {"talks.py": TALKS.replace("VERSION", str(version))})


@pytest.fixture(scope="module")
async def shop(platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    """A client of an app whose dev has seen two builds, of which the first serves in staging too."""
    root = a_project(tmp_path_factory.mktemp("api-shop"))
    saved(root, 1)
    settings = settings_for(root, platform.home.root, platform.home.layers, app="api-shop")
    async with Client(settings) as client:
        assert (await client.deploy()).error is None
        assert (await client.promote(await client.promotion_plan())).error is None
        saved(root, 2)
        assert (await client.deploy()).error is None
        yield client


@pytest.mark.parametrize("module", ["flash_tui.api", "flash_tui"])
def test_importing_the_facade_loads_no_network_code(module: str) -> None:
    code = f"import sys, {module}; print([m for m in ('httpx', 'anyio', 'textual', 'starlette') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


async def test_each_environment_serves_its_own_build(shop: Client) -> None:
    environments = await shop.environments()
    assert [item.name for item in environments] == ["dev", "staging", "production"]
    serving = {item.name: item.build and item.build.version for item in environments}
    assert serving == {"dev": 2, "staging": 1, "production": None}
    assert environments[0].previous_build is not None
    assert environments[2].state is EnvironmentState.PENDING


async def test_the_same_call_is_answered_by_the_build_of_its_environment(shop: Client) -> None:
    for environment, version in (("dev", 2), ("staging", 1)):
        answer = await shop.call("talks", {"text": "hello"}, environment)
        assert isinstance(answer, QueueAnswer)
        assert (answer.status, answer.output, answer.build) == (JobStatus.COMPLETED, {"version": version}, version)


async def test_a_route_is_called_by_its_name(shop: Client) -> None:
    answer = await shop.call("web-api", {"body": {"n": 1}}, route="/echo")
    assert isinstance(answer, HttpAnswer)
    assert (answer.status_code, answer.output) == (200, {"echo": {"n": 1}})
    with pytest.raises(UsageError) as caught:
        await shop.call("web-api")
    assert "'POST /echo'" in caught.value.hint


async def test_a_failed_job_can_be_found_and_retried(shop: Client) -> None:
    answer = await shop.call("talks", {"text": "fail"})
    assert isinstance(answer, QueueAnswer)
    assert answer.status is JobStatus.FAILED
    endpoint = await shop.endpoint(None, None, "talks")
    failed = next(job for job in await shop.jobs(endpoint.id) if job.status is JobStatus.FAILED)
    assert (await shop.job(endpoint.id, failed.id)).error == failed.error
    again = await shop.retry_job(endpoint.id, failed.id)
    assert again.id == failed.id


async def test_what_is_not_there_is_not_found(shop: Client) -> None:
    with pytest.raises(NotFound, match="no endpoint 'nobody'") as caught:
        await shop.call("nobody")
    assert "talks" in caught.value.hint
    for missing in (shop.app("nowhere"), shop.environment(None, "nowhere"), shop.find_build(None, "v99")):
        with pytest.raises(NotFound):
            await missing


async def test_a_build_is_found_and_compared(shop: Client) -> None:
    first, second = await shop.find_build(None, "v1"), await shop.find_build(None, "2")
    assert second.runs_in == ("dev",)
    changes = await shop.differences(first, second)
    assert [(change.kind, change.name, change.change) for change in changes] == [("source", "talks.py", "changed")]
    assert '"version": 2' in await shop.build_file(second.id, "talks.py")
    assert "resources" in await shop.manifest(second.id)


async def test_a_deploy_of_what_serves_already_leaves_no_record(shop: Client) -> None:
    before = await shop.history()
    result = await shop.deploy()
    assert (result.deployment, result.error) == (None, None)
    assert await shop.history() == before


async def test_a_rollback_swaps_and_swaps_back(shop: Client) -> None:
    for version in (1, 2):
        reports: list[StageReport] = []
        result = await shop.rollback(await shop.rollback_plan("dev"), reports.append)
        assert result.build is not None
        assert (result.build.version, result.error) == (version, None)
        assert {report.stage for report in reports if report.elapsed_ms} >= {Stage.BOOT, Stage.SWITCH}
    assert [item.cause for item in await shop.history(environment="dev", limit=2)] == [Cause.ROLLBACK, Cause.ROLLBACK]


async def test_logs_are_followed_from_the_past_on(shop: Client) -> None:
    await shop.call("talks", {"text": "past"})
    past = [line for line in await shop.logs(environment="dev") if "heard past" in line.text]
    seen: list[LogLine] = []
    async with anyio.create_task_group() as group, aclosing(shop.follow_logs(since=past[-1].at)) as lines:
        group.start_soon(shop.call, "talks", {"text": "present"})
        with anyio.fail_after(30):
            async for line in lines:
                seen.append(line)
                if "heard present" in line.text:
                    break
    assert [line.text for line in seen].count("heard past") == 1


async def test_events_tell_of_a_change_after_the_state(shop: Client) -> None:
    state = await shop.state("api-shop")
    async with anyio.create_task_group() as group, aclosing(shop.events(state.cursor, "api-shop")) as events:
        group.start_soon(shop.undeploy, "staging")
        with anyio.fail_after(60):
            async for cursor, event in events:
                assert cursor > state.cursor
                is_staging = isinstance(event, EnvironmentChanged) and event.environment.name == "staging"
                if is_staging and event.environment.build is None:
                    break
    assert (await shop.environment(None, "staging")).endpoints == ()


async def test_a_build_that_does_not_boot_is_a_result_and_the_old_one_serves(shop: Client, tmp_path: Path) -> None:
    root = a_project(tmp_path / "broken", {"talks.py": queue_endpoint("talks")})
    home = shop.settings.home
    async with Client(settings_for(root, home.root, home.layers, app="api-broken")) as client:
        await client.deploy()
        source = "import os\nif os.environ.get('RUNPOD_ENDPOINT_ID'):\n    raise SystemExit('no')\n"
        write(root, {"talks.py": source + queue_endpoint("talks")})
        result = await client.deploy()
    assert result.error is not None
    assert (result.error.code, result.state) == ("boot_failed", EnvironmentState.FAILED)
    assert result.deployment is not None
    assert result.deployment.outcome is Outcome.FAILED
    assert result.build is not None
    assert result.build.version == 1


async def test_a_build_that_fails_reaches_no_platform(shop: Client, tmp_path: Path) -> None:
    root = a_project(tmp_path / "syntax", {"talks.py": "def ("})
    home = shop.settings.home
    async with Client(settings_for(root, home.root, home.layers, app="api-syntax")) as client:
        with pytest.raises(BuildFailed) as caught:
            await client.deploy()
        assert "api-syntax" not in [app.name for app in await client.apps()]
    assert (caught.value.file, caught.value.line) == ("talks.py", 1)


async def test_a_build_needs_no_platform(shop: Client, tmp_path: Path) -> None:
    root = a_project(tmp_path / "alone")
    built = await Client(settings_for(root, tmp_path / "home", shop.settings.home.layers)).build()
    assert built.path == str(root / ".flash" / "artifact.tar.gz")
    assert not (tmp_path / "home" / "platform").exists()
