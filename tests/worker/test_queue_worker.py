"""Queue workers: generated handlers under the official loop, against a small job server."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType

import anyio
import pytest

from flash_tui.runtime.processes import Child
from flash_tui.runtime.zygote import WorkerSpec, Zygote

pytestmark = pytest.mark.anyio


def _helper(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


JobServer = _helper("job_server").JobServer
job_server = sys.modules["job_server"].job_server

HANDLER = """
import os
def handler(job):
    return {"echo": job["input"], "pid": os.getpid()}
"""
CONCURRENT = """
import asyncio
waiting = []
async def handler(job):
    waiting.append(asyncio.Event())
    if len(waiting) == 3:
        for event in waiting:
            event.set()
    await waiting[-1].wait()
    return {"met": len(waiting)}

if __name__ == "__main__":
    import runpod
    runpod.serverless.start({"handler": handler, "concurrency_modifier": lambda current: 3})
"""


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


@asynccontextmanager
async def running(zygote: Zygote, app_dir: Path, handler: str, env: dict[str, str]) -> AsyncIterator[Child]:
    (app_dir / "handler_x.py").write_text(handler)
    child = await zygote.start_worker(WorkerSpec("queue", app_dir, "handler_x.py", env))
    try:
        with anyio.fail_after(20):
            yield child
    finally:
        await child.stop(0)


async def test_a_worker_takes_jobs_and_delivers_results(zygote: Zygote, app_dir: Path) -> None:
    async with job_server() as server, running(zygote, app_dir, HANDLER, server.env(app_dir)) as child:
        server.put("j1", text="hi")
        assert await server.result() == ("j1", {"output": {"echo": {"text": "hi"}, "pid": child.pid}})
        assert server.takes[0] == "/v2/ep1/job-take/w-1?gpu=0&job_in_progress=0"


async def test_a_full_worker_takes_the_next_job_as_soon_as_the_last_ends(zygote: Zygote, app_dir: Path) -> None:
    async with job_server() as server, running(zygote, app_dir, HANDLER, server.env(app_dir)):
        await server.asked.wait()
        began = time.monotonic()
        for number in range(20):
            server.put(f"j{number}")
        for _ in range(20):
            await server.result()
        assert time.monotonic() - began < 5  # as shipped: 20 s


async def test_the_official_loop_runs_as_shipped_when_asked(zygote: Zygote, app_dir: Path) -> None:
    async with job_server() as server:
        env = server.env(app_dir, FLASH_TUI_WORKER_LOOP="official")
        async with running(zygote, app_dir, HANDLER, env):
            await server.asked.wait()
            began = time.monotonic()
            for number in range(3):
                server.put(f"j{number}")
                await server.result()
            assert time.monotonic() - began > 1.5  # one a second


async def test_max_concurrency_of_the_generated_file_holds(zygote: Zygote, app_dir: Path) -> None:
    async with job_server() as server, running(zygote, app_dir, CONCURRENT, server.env(app_dir)):
        for number in range(3):
            server.put(f"j{number}")
        assert [(await server.result())[1]["output"]["met"] for _ in range(3)] == [3, 3, 3]


async def test_a_stopped_worker_finishes_and_ends_well(zygote: Zygote, app_dir: Path) -> None:
    async with job_server() as server, running(zygote, app_dir, HANDLER, server.env(app_dir)) as child:
        await server.asked.wait()
        async with anyio.create_task_group() as group:
            group.start_soon(child.stop, 10)
            await anyio.lowlevel.checkpoint()
            server.stopping.set()
        assert (await child.wait()).code == 0


async def test_the_heartbeat_process_dies_with_its_worker(zygote: Zygote, app_dir: Path) -> None:
    async with job_server() as server, running(zygote, app_dir, HANDLER, server.env(app_dir)) as child:
        await server.asked.wait()
        heartbeat = children(child.pid)[0]
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        while is_running(heartbeat):
            await anyio.lowlevel.checkpoint()


async def test_an_error_at_import_ends_the_worker_with_its_traceback(zygote: Zygote, app_dir: Path) -> None:
    (app_dir / "models.py").write_text("def load():\n    raise RuntimeError('no weights')\n")
    async with running(zygote, app_dir, "import models\nmodels.load()\n", {"RUNPOD_ENDPOINT_ID": "e"}) as child:
        text = "\n".join([text async for _, text in child.lines()])
        assert (await child.wait()).code == 1
    assert "RuntimeError: no weights" in text
    assert 'models.py", line 2, in load' in text
    assert "flash_tui" not in text
