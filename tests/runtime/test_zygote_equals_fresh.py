"""A fork must equal a fresh start, and so must a spare: user code sees the same process whoever started it."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from flash_tui.runtime import pins
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import LayerStore
from flash_tui.runtime.worker_source import open_worker_source
from flash_tui.runtime.zygote import LayerPair, WorkerSource, WorkerSpec

pytestmark = pytest.mark.anyio

PROBE = Path(__file__).parents[1] / "worker" / "probe.py"
HANDLER = "import probe\nprint(probe.report())\nraise SystemExit(0)\n"
URLS = {
    f"RUNPOD_{name}_URL": f"http://127.0.0.1:7/{path}"
    for name, path in {"API_BASE": "", "REST_API": "v1", "ENDPOINT_BASE": "v2", "HAPI": "h", "CONSOLE": "c"}.items()
}


def worker_env(home: Path, **more: str) -> dict[str, str]:
    """What the platform gives a worker."""
    base = "http://127.0.0.1:7/v2/ep1"
    return {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "RUNPOD_ENDPOINT_ID": "ep1",
        "RUNPOD_POD_ID": "w-1",
        "RUNPOD_AI_API_KEY": "worker-key",
        "RUNPOD_API_KEY": "api-key",
        "RUNPOD_LOG_LEVEL": "WARN",
        "RUNPOD_PING_INTERVAL": "4000",
        "RUNPOD_WEBHOOK_GET_JOB": f"{base}/job-take/$ID?gpu=0",
        "RUNPOD_WEBHOOK_POST_OUTPUT": f"{base}/job-done/$RUNPOD_POD_ID/$ID?gpu=0",
        "RUNPOD_WEBHOOK_POST_STREAM": f"{base}/job-stream/$RUNPOD_POD_ID/$ID?gpu=0",
        "RUNPOD_WEBHOOK_PING": f"{base}/ping/$RUNPOD_POD_ID?gpu=0",
        **URLS,
        **more,
    }


@pytest.fixture(scope="module")
async def sources(
    layer_pair: LayerPair, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, WorkerSource]]:
    scratch = tmp_path_factory.mktemp("scratch")
    opened = {kind: await open_worker_source(layer_pair, scratch, kind) for kind in ("fork", "spare", "spawn")}
    yield opened
    for source in opened.values():
        await source.aclose()


async def probe(source: WorkerSource, kind: Any, app_dir: Path, env: dict[str, str]) -> dict[str, Any]:
    shutil.copy(PROBE, app_dir / "probe.py")
    (app_dir / "handler_x.py").write_text(HANDLER)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(app_dir.parent / f"{id(source)}-{kind}-{len(env)}"))
        listener.listen()
        spec = WorkerSpec(kind, app_dir, "handler_x.py", env, listener if kind == "http" else None)
        child = await source.start(spec)
        with anyio.fail_after(30):
            lines = [text async for _, text in child.lines()]
            await child.wait()
    reports = [line for line in lines if line.startswith("PROBE ")]
    assert len(reports) == 1, lines
    return json.loads(reports[0].removeprefix("PROBE "))


def differences(one: Any, other: Any, at: str = "") -> dict[str, Any]:
    """Where two reports differ; of lists, what only one of them has."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = one.keys() | other.keys()
        return {k: v for key in keys for k, v in differences(one.get(key), other.get(key), f"{at}.{key}").items()}
    if isinstance(one, list) and isinstance(other, list) and one != other:
        return {at: ([x for x in one if x not in other], [x for x in other if x not in one])}
    return {} if one == other else {at: (one, other)}


@pytest.mark.parametrize("kind", ["queue", "http"])
@pytest.mark.parametrize("source", ["fork", "spare"])
async def test_user_code_sees_what_a_fresh_interpreter_shows(
    sources: dict[str, WorkerSource], source: str, kind: str, app_dir: Path, tmp_path: Path
) -> None:
    env = worker_env(tmp_path)
    warm = await probe(sources[source], kind, app_dir, env)
    assert differences(warm, await probe(sources["spawn"], kind, app_dir, env)) == {}


@pytest.mark.parametrize(
    "more",
    [
        {"LOG_LEVEL": "DEBUG", "FLASH_IMAGE_TAG": "mine", "TZ": "Asia/Tokyo"},
        {"SSL_CERT_FILE": "/dev/null", "SSL_CERT_DIR": "/nowhere"},
        {"AIOHTTP_NO_EXTENSIONS": "1", "TMPDIR": "/var/tmp"},
    ],
    ids=["the SDK reads it", "OpenSSL reads it", "another package reads it"],
)
async def test_what_is_read_at_import_is_as_fresh_whoever_reads_it(
    sources: dict[str, WorkerSource], more: dict[str, str], app_dir: Path, tmp_path: Path
) -> None:
    env = worker_env(tmp_path, **more)
    fork = await probe(sources["fork"], "queue", app_dir, env)
    assert differences(fork, await probe(sources["spawn"], "queue", app_dir, env)) == {}


async def test_every_frozen_constant_is_the_workers_own(
    sources: dict[str, WorkerSource], app_dir: Path, tmp_path: Path
) -> None:
    frozen = (await probe(sources["fork"], "queue", app_dir, worker_env(tmp_path)))["frozen"]
    modules = "runpod.serverless.modules"
    assert frozen[f"{modules}.worker_state.WORKER_ID"] == "w-1"
    assert frozen[f"{modules}.worker_state.IS_LOCAL_TEST"] is False
    assert frozen[f"{modules}.rp_job.JOB_GET_URL"] == "http://127.0.0.1:7/v2/ep1/job-take/w-1?gpu=0"
    assert frozen[f"{modules}.rp_http.JOB_DONE_URL"] == "http://127.0.0.1:7/v2/ep1/job-done/w-1/$ID?gpu=0"
    assert frozen[f"{modules}.rp_http.JOB_STREAM_URL"] == "http://127.0.0.1:7/v2/ep1/job-stream/w-1/$ID?gpu=0"
    assert frozen["ping"] == ["http://127.0.0.1:7/v2/ep1/ping/w-1?gpu=0", 4, "worker-key"]
    assert frozen["log level"] == "WARN"
    assert (frozen["runpod.api_key"], frozen["runpod.endpoint_url_base"]) == ("api-key", "http://127.0.0.1:7/v2")
    assert {name: frozen[f"runpod_flash.core.urls.RUNPOD_{name}_URL"] for name in ("ENDPOINT", "HAPI", "REST_API")} == {
        "ENDPOINT": "http://127.0.0.1:7/v2",
        "HAPI": "http://127.0.0.1:7/h",
        "REST_API": "http://127.0.0.1:7/v1",
    }
    assert frozen["stale"] == []


async def test_a_zygote_warmed_with_the_shared_variables_is_as_fresh(
    sources: dict[str, WorkerSource], layer_pair: LayerPair, app_dir: Path, tmp_path: Path
) -> None:
    env = worker_env(tmp_path)
    warm = await open_worker_source(layer_pair, tmp_path / "scratch", "fork", URLS)
    try:
        fork = await probe(warm, "queue", app_dir, env)
    finally:
        await warm.aclose()
    assert differences(fork, await probe(sources["spawn"], "queue", app_dir, env)) == {}
    assert fork["frozen"]["stale"] == []


async def test_an_ordinary_worker_is_a_fork_and_no_fresh_interpreter(
    sources: dict[str, WorkerSource], app_dir: Path, tmp_path: Path
) -> None:
    (app_dir / "handler_x.py").write_text("raise SystemExit(0)\n")
    env = worker_env(tmp_path, PYTHONUNBUFFERED="1", LEVEL="1", NO_COLOR="1", FLASH_RESOURCE_NAME="x")
    child = await sources["fork"].start(WorkerSpec("queue", app_dir, "handler_x.py", env))
    assert [line async for line in child.lines()] == []


@pytest.mark.soak
@pytest.mark.parametrize("generation", pins.GENERATIONS)
async def test_every_generation_of_the_sdk_is_as_fresh(
    generation: str, layer_store_folder: Path, app_dir: Path, tmp_path: Path
) -> None:
    interpreter = own_interpreter()
    base = await LayerStore(layer_store_folder).base(generation, interpreter)
    pair = LayerPair(interpreter.path, base.folder)
    reports: list[dict[str, Any]] = []
    for kind in ("fork", "spawn"):
        source = await open_worker_source(pair, tmp_path / "scratch", kind)
        try:
            reports.append(await probe(source, "queue", app_dir, worker_env(tmp_path)))
        finally:
            await source.aclose()
    assert differences(*reports) == {}
