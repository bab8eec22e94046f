"""Commands that go on until they are interrupted: what they print meanwhile, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from flash_tui.api import Client
from flash_tui.models.states import Outcome
from flash_tui.settings import Settings, read_settings

APP = """\
import os
import time

from runpod_flash import Endpoint

if os.environ.get("FLASH_RESOURCE_NAME"):
    time.sleep({boot_s})
api = Endpoint(name="api", cpu="cpu3c-1-2", workers=(1, 1))


@api.get("/say")
async def say(text: str = "") -> dict:
    print("said", text, flush=True)
    return {{}}
"""


@pytest.fixture
def environ(platform) -> dict[str, str]:
    return os.environ | {"FLASH_TUI_HOME": str(platform.home.root), "FLASH_TUI_LAYERS": str(platform.home.layers)}


def a_project(root: Path, name: str, environ: dict[str, str], boot_s: float = 0.0) -> Settings:
    folder = root / name
    folder.mkdir()
    (folder / "api.py").write_text(APP.format(boot_s=boot_s))
    return read_settings(folder, environ)


@contextmanager
def started(settings: Settings, environ: dict[str, str], *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command of flash-tui in the project; killed at the end if it has not ended by itself."""
    command = [sys.executable, "-m", "flash_tui", *words]
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=settings.project, env=environ, text=True, **pipes) as process:
        try:
            yield process
        finally:
            process.kill()


async def release_begins(settings: Settings) -> None:
    """Return once a deployment to dev is under way."""
    with anyio.fail_after(60):
        async with Client(settings) as client:
            async for _, event in client.events((await client.state()).cursor):
                deployment = getattr(event, "deployment", None)
                if deployment is not None and (deployment.app, deployment.outcome) == (settings.app, None):
                    return


async def newest_outcome(settings: Settings) -> Outcome | None:
    async with Client(settings) as client:
        return (await client.history())[0].outcome


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_deploy_is_withdrawn_and_says_so(tmp_path, environ, number) -> None:
    settings = a_project(tmp_path, f"interrupted-{number.name.lower()}", environ, boot_s=30)
    with started(settings, environ, "deploy", "--json") as deploy:
        anyio.run(release_begins, settings)
        deploy.send_signal(number)
        out, err = deploy.communicate(timeout=30)
    assert deploy.returncode == 130
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert err.count("interrupted") == 1
    assert anyio.run(newest_outcome, settings) == Outcome.CANCELLED


def test_logs_are_followed_from_the_lines_there_are(tmp_path, environ) -> None:
    settings = a_project(tmp_path, "followed", environ)

    async def say(text: str) -> None:
        async with Client(settings) as client:
            await client.call("api", {"text": text}, route="GET /say")

    async def deploy() -> None:
        async with Client(settings) as client:
            assert (await client.deploy()).error is None

    anyio.run(deploy)
    anyio.run(say, "one")
    with started(settings, environ, "logs", "-f", "--json") as logs:
        assert logs.stdout is not None
        lines = (json.loads(line)["text"] for line in logs.stdout)
        assert next(line for line in lines if line.startswith("said")) == "said one"
        anyio.run(say, "two")
        assert next(line for line in lines if line.startswith("said")) == "said two"
        logs.send_signal(signal.SIGINT)
        logs.communicate(timeout=30)
    assert logs.returncode == 130


def test_status_goes_on_as_things_change(tmp_path, environ) -> None:
    settings = a_project(tmp_path, "status-watched", environ)

    async def create() -> None:
        async with Client(settings) as client:
            await client.create_app()

    async def deploy() -> None:
        async with Client(settings) as client:
            await client.deploy()

    anyio.run(create)
    with started(settings, environ, "status", "--watch", "--json") as status:
        assert status.stdout is not None
        assert [item["state"] for item in json.loads(status.stdout.readline())] == ["pending"] * 3
        anyio.run(deploy)
        states = (json.loads(line)[0]["state"] for line in status.stdout)
        assert next(state for state in states if state == "deployed")
