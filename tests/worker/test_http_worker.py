"""Load-balanced workers: a generated handler's app under uvicorn, on a unix socket that the host bound."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest

from flash_tui.runtime.processes import Child
from flash_tui.runtime.zygote import LayerPair, WorkerSpec, Zygote

pytestmark = pytest.mark.anyio

APP = """
from fastapi import FastAPI
import models
app = FastAPI()
@app.get("/answer")
async def answer():
    return {"answer": models.ANSWER}
"""
SLOW = """
import asyncio
from fastapi import FastAPI
app = FastAPI()
@app.get("/slow")
async def slow():
    print("entered")
    await asyncio.sleep(0.3)
    return "done"
"""


@dataclass
class Running:
    child: Child
    client: httpx.AsyncClient


@asynccontextmanager
async def running(
    zygote: Zygote, app_dir: Path, handler: str, own_packages: Path | None = None
) -> AsyncIterator[Running]:
    (app_dir / "handler_web-api.py").write_text(handler)
    path = str(app_dir.parent / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        env = {"RUNPOD_ENDPOINT_ID": "ep1", "RUNPOD_POD_ID": "w-1", "HOME": str(app_dir.parent)}
        child = await zygote.start_worker(
            WorkerSpec("http", app_dir, "handler_web-api.py", env, listener, own_packages)
        )
    try:
        transport = httpx.AsyncHTTPTransport(uds=path)
        async with httpx.AsyncClient(transport=transport, base_url="http://worker") as client:
            with anyio.fail_after(20):
                yield Running(child, client)
    finally:
        await child.stop(0)


async def test_it_serves_the_users_routes(zygote: Zygote, app_dir: Path) -> None:
    (app_dir / "models.py").write_text("ANSWER = 42\n")
    async with running(zygote, app_dir, APP) as worker:
        assert (await worker.client.get("/answer")).json() == {"answer": 42}


async def test_ping_is_added_where_the_app_has_none(zygote: Zygote, app_dir: Path) -> None:
    (app_dir / "models.py").write_text("ANSWER = 42\n")
    async with running(zygote, app_dir, APP) as worker:
        assert (await worker.client.get("/ping")).json() == {"status": "healthy", "endpoint": "lb", "id": "ep1"}


async def test_an_apps_own_ping_stays(zygote: Zygote, app_dir: Path) -> None:
    own = "from fastapi import FastAPI\napp = FastAPI()\n@app.get('/ping')\ndef ping(): return 'mine'\n"
    async with running(zygote, app_dir, own) as worker:
        assert (await worker.client.get("/ping")).json() == "mine"


async def test_a_request_made_before_the_worker_serves_waits(zygote: Zygote, app_dir: Path) -> None:
    slow_import = "import time\ntime.sleep(0.2)\nfrom fastapi import FastAPI\napp = FastAPI()\n"
    async with running(zygote, app_dir, slow_import) as worker:
        assert (await worker.client.get("/ping")).status_code == 200


async def test_sigterm_lets_open_requests_finish(zygote: Zygote, app_dir: Path) -> None:
    async with running(zygote, app_dir, SLOW) as worker, anyio.create_task_group() as group:

        async def stop_once_entered() -> None:
            async for _, text in worker.child.lines():
                if text == "entered":
                    await worker.child.stop(10)
                    return

        group.start_soon(stop_once_entered)
        assert (await worker.client.get("/slow")).json() == "done"


async def test_access_is_logged_in_plain_text(zygote: Zygote, app_dir: Path) -> None:
    (app_dir / "models.py").write_text("ANSWER = 42\n")
    async with running(zygote, app_dir, APP) as worker:
        await worker.client.get("/answer")
        await worker.child.stop(10)
        lines = [text async for _, text in worker.child.lines()]
    assert any('"GET /answer HTTP/1.1" 200' in line for line in lines)
    assert not any("\x1b" in line for line in lines)


async def test_an_error_at_import_is_told_from_the_users_first_frame(zygote: Zygote, app_dir: Path) -> None:
    async with running(zygote, app_dir, "def make(): return 1 + 'x'\napp = make()\n") as worker:
        assert (await worker.child.wait()).code == 1
        text = "\n".join([text async for _, text in worker.child.lines()])
    assert text.splitlines()[:2] == [
        "Traceback (most recent call last):",
        f'  File "{app_dir}/handler_web-api.py", line 2, in <module>',
    ]
    assert "flash_tui" not in text


async def test_user_modules_may_bear_the_names_of_ours(zygote: Zygote, app_dir: Path) -> None:
    for name in ("worker", "protocol", "models"):
        (app_dir / f"{name}.py").write_text(f"NAME = 'user {name}'\n")
    handler = "import worker, protocol, models\nfrom fastapi import FastAPI\napp = FastAPI()\n"
    handler += "@app.get('/names')\ndef names(): return [m.NAME for m in (worker, protocol, models)]\n"
    async with running(zygote, app_dir, handler) as worker:
        assert (await worker.client.get("/names")).json() == ["user worker", "user protocol", "user models"]


async def test_a_user_module_stands_in_for_one_of_the_sdks_as_in_a_fresh_interpreter(
    zygote: Zygote, app_dir: Path
) -> None:
    (app_dir / "itsdangerous.py").write_text("NAME = 'user'\n")
    (app_dir / "tomlkit.py").write_text("raise ImportError('not what the SDK needs')\n")
    async with running(zygote, app_dir, "import itsdangerous\n") as worker:
        assert (await worker.child.wait()).code == 1
        lines = [text async for _, text in worker.child.lines()]
    assert lines[0] == "flash-tui: a fresh interpreter starts: the project has its own tomlkit, also for the SDK"
    assert lines[-1] == "ImportError: not what the SDK needs"


@pytest.mark.parametrize("module", ["textual", "hypothesis", "pytest", "flash_tui.tui.app"])
async def test_user_code_cannot_import_what_only_we_have(zygote: Zygote, app_dir: Path, module: str) -> None:
    async with running(zygote, app_dir, f"import {module}\n") as worker:
        assert (await worker.child.wait()).code == 1
        lines = [text async for _, text in worker.child.lines()]
    errors = ("ModuleNotFoundError: No module named", "ImportError: cannot import name")
    assert [line for line in lines if line.startswith(errors)]


async def test_the_builds_own_resource_configuration_lies_over_the_sdks(zygote: Zygote, app_dir: Path) -> None:
    place = app_dir / "runpod_flash" / "runtime" / "_flash_resource_config.py"
    place.parent.mkdir(parents=True)
    place.write_text("ALL_KNOWN_FUNCTIONS = {'of this build'}\n")
    handler = "from runpod_flash.runtime import _flash_resource_config as config\nprint(config.ALL_KNOWN_FUNCTIONS)\n"
    async with running(zygote, app_dir, handler + "raise SystemExit(0)\n") as worker:
        assert ("stdout", "{'of this build'}") in [line async for line in worker.child.lines()]


async def test_a_build_with_its_own_tree_of_the_sdk_runs_that(zygote: Zygote, app_dir: Path) -> None:
    shutil.copytree(zygote.pair.base / "runpod_flash", app_dir / "runpod_flash")
    handler = "import runpod_flash.endpoint as it\nprint(it.__file__)\nraise SystemExit(0)\n"
    async with running(zygote, app_dir, handler) as worker:
        assert ("stdout", f"{app_dir}/runpod_flash/endpoint.py") in [line async for line in worker.child.lines()]


async def test_a_whole_official_artifact_can_be_the_dependency_layer(
    zygote: Zygote, app_dir: Path, tmp_path: Path
) -> None:
    shutil.copytree(zygote.pair.base / "runpod_flash", app_dir / "runpod_flash")
    pair = LayerPair(zygote.pair.interpreter, zygote.pair.base, app_dir)
    handler = "import runpod_flash.endpoint as it, sys\nprint(it.__file__, sys.path[:1])\nraise SystemExit(0)\n"
    own = await Zygote.start(pair, tmp_path / "scratch")
    try:
        async with running(own, app_dir, handler) as worker:
            lines = [text async for _, text in worker.child.lines()]
    finally:
        await own.aclose()
    assert lines == [f"{app_dir}/runpod_flash/endpoint.py ['{app_dir}']"]


async def test_what_artifacts_leave_out_comes_from_the_projects_own_environment(
    zygote: Zygote, app_dir: Path, tmp_path: Path
) -> None:
    own = tmp_path / "site-packages"
    own.mkdir()
    (own / "torch.py").write_text("import sympy_like\nWHO = 'own'\n")
    (own / "sympy_like.py").write_text("")
    (own / "fastapi.py").write_text("raise RuntimeError('not this one')\n")
    handler = "import torch, fastapi\nprint(torch.WHO)\nraise SystemExit(0)\n"
    async with running(zygote, app_dir, handler, own) as worker:
        assert [line async for line in worker.child.lines()] == [("stdout", "own")]


async def test_a_missing_package_comes_with_what_to_do(zygote: Zygote, app_dir: Path) -> None:
    async with running(zygote, app_dir, "import torch\n") as worker:
        lines = [text async for _, text in worker.child.lines()]
    assert lines[-2] == "ModuleNotFoundError: No module named 'torch'"
    assert lines[-1].startswith("hint: torch is left out of artifacts for its size; to run it here, install it")


async def test_no_byte_code_is_left_in_the_build(zygote: Zygote, app_dir: Path) -> None:
    (app_dir / "models.py").write_text("ANSWER = 42\n")
    async with running(zygote, app_dir, APP) as worker:
        await worker.client.get("/ping")
    assert sorted(os.listdir(app_dir)) == ["handler_web-api.py", "models.py"]  # noqa: PTH208 - blocking is fine here
