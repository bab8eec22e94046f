"""The zygote's life and death: start, forks, ends reported, retirement, and nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from flash_tui.models.errors import BootFailed, BuildFailed
from flash_tui.runtime.processes import ExitStatus
from flash_tui.runtime.zygote import LayerPair, WorkerSpec, Zygote

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def own_zygote(pair: LayerPair, scratch: Path) -> AsyncIterator[Zygote]:
    zygote = await Zygote.start(pair, scratch)
    try:
        with anyio.fail_after(30):
            yield zygote
    finally:
        await zygote.aclose()


def spec(app_dir: Path, source: str) -> WorkerSpec:
    (app_dir / "handler_x.py").write_text(textwrap.dedent(source))
    return WorkerSpec("queue", app_dir, "handler_x.py", {"RUNPOD_ENDPOINT_ID": "e", "HOME": str(app_dir)})


def layer(folder: Path, packages: dict[str, str]) -> Path:
    """A layer of packages `name==version`, each one module whose text is given."""
    folder.mkdir()
    for pin, source in packages.items():
        name, _, version = pin.partition("==")
        (folder / f"{name}.py").write_text(source)
        (folder / f"{name}-{version}.dist-info").mkdir()
    return folder


def exists(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def gone(*pids: int) -> None:
    while any(exists(pid) for pid in pids):
        await anyio.lowlevel.checkpoint()


SLEEP = "import time\nprint('up')\ntime.sleep(60)\n"


async def test_exit_codes_and_signals_are_reported(zygote: Zygote, app_dir: Path) -> None:
    ends = [
        ("raise SystemExit(3)", ExitStatus(code=3)),
        ("import sys; sys.exit()", ExitStatus(code=0)),
        ("1 / 0", ExitStatus(code=1)),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", ExitStatus(signal=signal.SIGSEGV)),
    ]
    for source, status in ends:
        child = await zygote.start_worker(spec(app_dir, source))
        assert await child.wait() == status


async def test_output_keeps_its_order_and_bad_bytes_do_no_harm(zygote: Zygote, app_dir: Path) -> None:
    source = r"import os; os.write(1, b'caf\xc3\xa9\n\xff\n'); print('no end', end=''); raise SystemExit"
    child = await zygote.start_worker(spec(app_dir, source))
    lines = [line async for line in child.lines()]
    assert lines == [("stdout", "café"), ("stdout", "\ufffd"), ("stdout", "no end")]


async def test_stop_kills_what_does_not_heed_sigterm(zygote: Zygote, app_dir: Path) -> None:
    child = await zygote.start_worker(spec(app_dir, "import signal\nsignal.signal(15, signal.SIG_IGN)\n" + SLEEP))
    async for _, text in child.lines():
        if text == "up":
            break
    assert await child.stop(0.1) == ExitStatus(signal=signal.SIGKILL)
    assert await child.stop(0.1) == ExitStatus(signal=signal.SIGKILL)


async def test_what_a_worker_started_ends_with_it(zygote: Zygote, app_dir: Path) -> None:
    source = "import subprocess\nprint(subprocess.Popen(['sleep', '60']).pid)\nraise SystemExit(0)\n"
    child = await zygote.start_worker(spec(app_dir, source))
    pids = [int(text) async for _, text in child.lines()]
    await child.wait()
    await gone(*pids)


async def test_a_retired_zygote_forks_no_more_and_ends_with_its_last_child(
    layer_pair: LayerPair, app_dir: Path, tmp_path: Path
) -> None:
    async with own_zygote(layer_pair, tmp_path / "scratch") as zygote:
        child = await zygote.start_worker(spec(app_dir, SLEEP))
        await zygote.retire()
        assert not zygote.is_usable
        with pytest.raises(BootFailed, match="cannot fork"):
            await zygote.start_worker(spec(app_dir, SLEEP))
        assert exists(zygote.pid)
        await child.stop(1)
        await gone(zygote.pid)


async def test_closing_kills_and_reaps_all_and_tidies_up(layer_pair: LayerPair, app_dir: Path, tmp_path: Path) -> None:
    async with own_zygote(layer_pair, tmp_path / "scratch") as zygote:
        children = [await zygote.start_worker(spec(app_dir, SLEEP)) for _ in range(2)]
    assert not exists(zygote.pid)
    assert not any(exists(child.pid) for child in children)
    assert [await child.wait() for child in children] == [ExitStatus(), ExitStatus()]
    assert os.listdir(tmp_path / "scratch") == []  # noqa: PTH208 - blocking is fine here


async def test_a_killed_zygote_takes_its_children_along(layer_pair: LayerPair, app_dir: Path, tmp_path: Path) -> None:
    async with own_zygote(layer_pair, tmp_path / "scratch") as zygote:
        child = await zygote.start_worker(spec(app_dir, SLEEP))
        os.kill(zygote.pid, signal.SIGKILL)
        assert await child.wait() == ExitStatus()
        await gone(child.pid)
        with pytest.raises(BootFailed):
            await zygote.start_worker(spec(app_dir, SLEEP))


HOST = """
import anyio, sys
from pathlib import Path
from flash_tui.runtime.zygote import LayerPair, WorkerSpec, Zygote

async def main():
    interpreter, base, scratch, app_dir = map(Path, sys.argv[1:])
    zygote = await Zygote.start(LayerPair(interpreter, base), scratch)
    child = await zygote.start_worker(WorkerSpec("queue", app_dir, "handler_x.py", {"RUNPOD_ENDPOINT_ID": "e"}))
    print(zygote.pid, child.pid, flush=True)
    await anyio.sleep_forever()

anyio.run(main)
"""


async def test_nothing_survives_a_killed_host(layer_pair: LayerPair, app_dir: Path, tmp_path: Path) -> None:
    spec(app_dir, SLEEP)
    paths = (layer_pair.interpreter, layer_pair.base, tmp_path / "scratch", app_dir)
    command = [sys.executable, "-c", HOST, *map(str, paths)]
    with anyio.fail_after(30):
        async with await anyio.open_process(command, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]) as host:
            assert host.stdout is not None
            pids = [int(pid) for pid in (await host.stdout.receive()).split()]
            host.kill()
            await host.wait()
        await gone(*pids)


async def test_layers_that_clash_fail_and_name_both_versions(layer_pair: LayerPair, tmp_path: Path) -> None:
    old = "class Old: pass\ndef __getattr__(name):\n    raise ImportError('too old')\n"
    dependencies = layer(tmp_path / "dependencies", {"requests==0.1": old, "unrelated==1.0": ""})
    with pytest.raises(BuildFailed) as caught:
        await Zygote.start(LayerPair(layer_pair.interpreter, layer_pair.base, dependencies), tmp_path / "scratch")
    assert "requests 0.1 (the SDK's set has 2." in caught.value.where
    assert "unrelated" not in caught.value.where


async def test_an_interpreter_that_is_not_there_is_named(layer_pair: LayerPair, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed) as caught:
        await Zygote.start(LayerPair(tmp_path / "python", layer_pair.base), tmp_path / "scratch")
    assert caught.value.where == str(tmp_path / "python")


@pytest.mark.parametrize(
    "spoiler",
    [
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n",
        "import os\nos._exit(1)\n",
    ],
    ids=["a thread", "an end"],
)
async def test_a_helpful_module_that_spoils_the_process_is_left_out(
    layer_pair: LayerPair, app_dir: Path, tmp_path: Path, spoiler: str
) -> None:
    dependencies = layer(tmp_path / "dependencies", {"websockets==99": spoiler})
    pair = LayerPair(layer_pair.interpreter, layer_pair.base, dependencies)
    async with own_zygote(pair, tmp_path / "scratch") as zygote:
        assert zygote.left_out == ("uvicorn.protocols.websockets.auto",)
        child = await zygote.start_worker(spec(app_dir, "print('runs')\nraise SystemExit\n"))
        assert [line async for line in child.lines()] == [("stdout", "runs")]


async def test_dependencies_lie_above_the_base_and_below_the_user(
    layer_pair: LayerPair, app_dir: Path, tmp_path: Path
) -> None:
    dependencies = layer(tmp_path / "dependencies", {"itsdangerous==9": "WHO = 'dependency'", "mine==1": "WHO = 'd'"})
    (app_dir / "mine.py").write_text("WHO = 'user'")
    pair = LayerPair(layer_pair.interpreter, layer_pair.base, dependencies)
    async with own_zygote(pair, tmp_path / "scratch") as zygote:
        source = "import itsdangerous, mine\nprint(itsdangerous.WHO, mine.WHO)\nraise SystemExit\n"
        child = await zygote.start_worker(spec(app_dir, source))
        assert [line async for line in child.lines()] == [("stdout", "dependency user")]
