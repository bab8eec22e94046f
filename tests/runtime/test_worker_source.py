"""The three kinds of worker source do the same."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from flash_tui.models.errors import BootFailed, UsageError
from flash_tui.runtime.processes import ExitStatus
from flash_tui.runtime.worker_source import ForkSource, SpareSource, SpawnSource, open_worker_source
from flash_tui.runtime.zygote import LayerPair, WorkerSource, WorkerSpec

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["fork", "spare", "spawn"])
async def source(request: pytest.FixtureRequest, layer_pair: LayerPair, tmp_path: Path) -> AsyncIterator[WorkerSource]:
    source = await open_worker_source(layer_pair, tmp_path / "scratch", request.param)
    yield source
    await source.aclose()
    assert os.listdir(tmp_path / "scratch") == []  # noqa: PTH208 - blocking is fine here


def spec(app_dir: Path, source: str) -> WorkerSpec:
    (app_dir / "handler_x.py").write_text(source)
    return WorkerSpec("queue", app_dir, "handler_x.py", {"RUNPOD_ENDPOINT_ID": "e", "HOME": str(app_dir)})


async def test_a_worker_runs_says_what_it_says_and_is_reaped(source: WorkerSource, app_dir: Path) -> None:
    child = await source.start(spec(app_dir, "import os\nprint(os.getpid())\nraise SystemExit(4)\n"))
    with anyio.fail_after(30):
        assert [line async for line in child.lines()] == [("stdout", str(child.pid))]
        assert await child.wait() == ExitStatus(code=4)


async def test_a_worker_is_stopped(source: WorkerSource, app_dir: Path) -> None:
    child = await source.start(spec(app_dir, "import time\ntime.sleep(60)\n"))
    with anyio.fail_after(30):
        assert await child.stop(10) == ExitStatus(signal=signal.SIGTERM)


async def test_closing_the_source_ends_its_workers(source: WorkerSource, app_dir: Path) -> None:
    child = await source.start(spec(app_dir, "import time\ntime.sleep(60)\n"))
    await source.aclose()
    with anyio.fail_after(30):
        await child.wait()
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


async def test_a_spare_that_died_in_stock_is_replaced(layer_pair: LayerPair, app_dir: Path, tmp_path: Path) -> None:
    source = await open_worker_source(layer_pair, tmp_path / "scratch", "spare")
    assert isinstance(source, SpareSource)
    spare = await source._stock
    os.kill(spare.process.pid, signal.SIGKILL)
    await spare.ending.wait()
    child = await source.start(spec(app_dir, "raise SystemExit(4)\n"))
    assert await child.wait() == ExitStatus(code=4)
    await source.aclose()


async def test_a_spawned_worker_whose_sdk_cannot_be_imported_fails_to_boot(
    layer_pair: LayerPair, app_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "requests.py").write_text("raise ImportError('too old')\n")
    pair = LayerPair(layer_pair.interpreter, layer_pair.base, tmp_path)
    source = await open_worker_source(pair, tmp_path / "scratch", "spawn")
    with pytest.raises(BootFailed, match="too old"):
        await source.start(spec(app_dir, ""))
    await source.aclose()


async def test_the_variable_chooses_the_kind(
    layer_pair: LayerPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASH_TUI_WORKER_SOURCE", "spawn")
    source = await open_worker_source(layer_pair, tmp_path)
    assert isinstance(source, SpawnSource)
    assert not isinstance(source, ForkSource)
    await source.aclose()


async def test_an_unknown_kind_is_refused(layer_pair: LayerPair, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no worker source 'thread'"):
        await open_worker_source(layer_pair, tmp_path, "thread")
