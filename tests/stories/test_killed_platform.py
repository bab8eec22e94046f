"""The platform is killed at any instant of a release: the next start converges, and no accepted job is lost."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command import FlashTui, until

pytestmark = pytest.mark.timeout(900)

API = "/flash-tui/v1"
LONGEST_RELEASE_S = 0.2
JOBS = 3


class Platform:
    """One life of the platform of a home."""

    def __init__(self, flash_tui: FlashTui, project: Path) -> None:
        flash_tui.run("platform", "start", cwd=project)
        folder = flash_tui.home / "platform"
        address = json.loads((folder / "address.json").read_text())
        self.pid: int = address["pid"]
        token = (folder / "token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        self.client = httpx.Client(base_url=address["url"], headers=headers, timeout=60, trust_env=False)

    def get(self, path: str) -> Any:
        return self.client.get(path).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self.client.post(path, json=body).raise_for_status().json()

    def environment(self) -> dict[str, Any]:
        return self.get(f"{API}/apps/shop/environments/dev")

    def endpoint(self, kind: str) -> str:
        return next(found["id"] for found in self.environment()["endpoints"] if found["kind"] == kind)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.client.close()


def two_builds(flash_tui: FlashTui, project: Path) -> None:
    flash_tui.run("deploy", cwd=project)
    with (project / "words.py").open("a") as file:
        file.write("SECOND = True\n")
    flash_tui.run("deploy", cwd=project)


def is_over(platform: Platform, job_url: str) -> bool:
    return platform.get(job_url)["status"] not in {"IN_QUEUE", "IN_PROGRESS"}


def killed_once(flash_tui: FlashTui, project: Path, delay_s: float) -> None:
    """Accept jobs and a release, kill the platform a moment later, look at what the next one makes of it."""
    before = Platform(flash_tui, project)
    environment = before.environment()
    builds = {build["id"] for build in before.get(f"{API}/apps/shop/builds")}
    target = (builds - {environment["build"]["id"]}).pop()
    queue = f"/v2/{before.endpoint('queue')}"
    jobs = [before.post(f"{queue}/run", {"input": {"text": "a b"}})["id"] for _ in range(JOBS)]
    request = {"environment_id": environment["id"], "build_id": target, "cause": "deploy"}
    deployment_id = before.post(f"{API}/releases", request)["id"]
    time.sleep(delay_s)  # the instant of death is what is varied
    before.kill()
    until(lambda: not flash_tui.processes(), what="the workers of a killed platform to end with it")

    after = Platform(flash_tui, project)
    record, now = after.get(f"{API}/releases/{deployment_id}"), after.environment()
    if record["outcome"] == "succeeded":
        assert (now["state"], now["build"]["id"]) == ("deployed", target)
    else:
        assert (record["outcome"], record["error"]["code"]) == ("failed", "interrupted")
        assert (now["state"], now["build"]) == ("failed", environment["build"])
    assert after.client.get(f"/lb/{after.endpoint('load_balanced')}/hello").status_code == 200
    for job_id in jobs:
        url = f"{queue}/status/{job_id}"
        until(lambda url=url: is_over(after, url), what="an accepted job to be over")
        assert after.get(url)["status"] == "COMPLETED"
    after.client.close()


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.soak)])
def test_whatever_instant_it_dies_at_the_next_start_converges(flash_tui: FlashTui, project: Path, kills: int) -> None:
    two_builds(flash_tui, project)
    instants = random.Random(kills)
    for _ in range(kills):
        killed_once(flash_tui, project, instants.uniform(0, LONGEST_RELEASE_S))
