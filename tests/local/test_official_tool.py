"""The official `flash` command, unmodified, against a running platform."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest

from flash_tui.local.workers.environment import platform_urls
from flash_tui.runtime.zygote import LayerPair
from tests.conftest import RunningPlatform
from tests.projects import a_project

_FLASH = "import sys; sys.path.append(sys.argv.pop(1)); from runpod_flash.cli.main import app; app()"
_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class OfficialTool:
    """`flash` of the base layer, started in a project's folder."""

    pair: LayerPair
    platform: RunningPlatform
    project: Path

    def __call__(self, *arguments: str) -> str:
        """What it printed; it must succeed."""
        env = {"HOME": str(self.project.parent), "PATH": os.defpath, "CI": "1", "NO_COLOR": "1"}
        env |= platform_urls(self.platform.url) | {"RUNPOD_API_KEY": self.platform.token}
        command = [str(self.pair.interpreter), "-I", "-S", "-c", _FLASH, str(self.pair.base), *arguments]
        done = subprocess.run(
            command, cwd=self.project, env=env, capture_output=True, text=True, timeout=_LIMIT_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, path: str) -> Any:
        answer = httpx.get(f"{self.platform.url}/flash-tui/v1{path}", headers=self.platform.headers, timeout=_LIMIT_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def released(self, environment: str) -> dict[str, Any]:
        """The environment once the newest deployment of it has ended well."""
        app = self.project.name
        for _ in range(_LIMIT_S):
            records = self.get(f"/apps/{app}/deployments?environment={environment}&limit=1")
            if records:
                ended = self.get(f"/releases/{records[0]['id']}?wait_s=30")
                found = self.get(f"/apps/{app}/environments/{environment}")
                if found["state"] != "deploying":
                    assert ended["outcome"] == "succeeded", ended
                    return found
        raise AssertionError(f"nothing was released to {environment}")


@pytest.fixture
async def flash(layer_pair: LayerPair, platform: RunningPlatform, tmp_path: Path) -> OfficialTool:
    return OfficialTool(layer_pair, platform, a_project(tmp_path / "official-shop"))


def ids(environment: dict[str, Any]) -> dict[str, str]:
    return {endpoint["name"]: endpoint["id"] for endpoint in environment["endpoints"]}


def two_environments_and_a_fresh_clone(flash: OfficialTool) -> None:
    assert "deployed to dev" in flash("deploy", "-e", "dev", "--no-deps")
    dev = flash.released("dev")
    assert sorted(ids(dev)) == ["reverse", "web-api"]
    assert {endpoint["state"] for endpoint in dev["endpoints"]} == {"healthy"}

    flash("deploy", "-e", "staging", "--no-deps")
    staging = flash.released("staging")
    assert not set(ids(staging).values()) & set(ids(dev).values())

    shutil.rmtree(flash.project / ".flash")
    flash("deploy", "-e", "dev", "--no-deps")
    again = flash.released("dev")
    assert ids(again) == ids(dev)
    assert again["build"]["version"] == 3

    flash("app", "delete", "official-shop")
    assert "official-shop" not in [app["name"] for app in flash.get("/apps")]


@pytest.mark.anyio
async def test_the_official_tool_neither_moves_nor_doubles_endpoints(flash: OfficialTool) -> None:
    await anyio.to_thread.run_sync(two_environments_and_a_fresh_clone, flash)
