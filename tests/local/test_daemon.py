"""The daemon's life, from outside: one per home, orderly at a signal, taken over after `kill -9`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from flash_tui.client import local_platform
from flash_tui.client.local_platform import PlatformAddress
from flash_tui.local import limits
from flash_tui.local.address import listen
from flash_tui.local.workers.orphans import end_leftovers
from flash_tui.models.errors import Conflict, TargetUnreachable
from flash_tui.paths import Home
from flash_tui.runtime.file_lock import is_locked

pytestmark = pytest.mark.anyio

DEADLINE_S = 30.0


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(root=tmp_path / "home", layers=tmp_path / "layers")


@pytest.fixture
async def daemon(home: Home) -> AsyncGenerator[PlatformAddress]:
    address = await local_platform.ensure_running(home)
    yield address
    await local_platform.stop(home)


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that a test starts; always ended and reaped."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def sleeper(of: Home) -> subprocess.Popen[bytes]:
    """A process that carries the mark of a home's platform, as its workers do."""
    return subprocess.Popen(["/bin/sleep", "600"], env={"FLASH_TUI_PLATFORM_HOME": str(of.root)})


async def until_unlocked(home: Home) -> None:
    with anyio.fail_after(DEADLINE_S):
        while is_locked(home.platform_lock):  # noqa: ASYNC110 - the lock of another process
            await anyio.sleep(0.01)


async def test_what_it_writes_is_the_users_alone(daemon: PlatformAddress, home: Home) -> None:
    assert json.loads(home.address_file.read_text())["url"] == daemon.url
    assert stat.S_IMODE(home.platform.stat().st_mode) == 0o700
    for file in (home.token_file, home.platform_log, home.address_file, home.database):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


async def test_it_listens_on_loopback_alone(daemon: PlatformAddress) -> None:
    port = int(daemon.url.rpartition(":")[2])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), port)} - {"127.0.0.1", "127.0.1.1"}
    assert daemon.url == f"http://127.0.0.1:{port}"
    for address in others:
        with pytest.raises(OSError):
            socket.create_connection((address, port), timeout=1)


async def test_a_second_one_of_the_same_home_refuses(daemon: PlatformAddress, home: Home) -> None:
    environment = {**os.environ, "FLASH_TUI_HOME": str(home.root)}
    second = await anyio.run_process([sys.executable, "-m", "flash_tui.local"], env=environment, check=False)
    assert second.returncode == 1
    assert b"another process is the platform" in second.stderr
    assert await local_platform.find(home) == daemon


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_in_order(daemon: PlatformAddress, home: Home, number: signal.Signals) -> None:
    os.kill(daemon.pid, number)
    await until_unlocked(home)
    assert not home.address_file.exists()
    assert "the platform stops" in home.platform_log.read_text()
    assert "Traceback" not in home.platform_log.read_text()


async def test_a_request_that_it_stop_is_answered(daemon: PlatformAddress, home: Home) -> None:
    async with httpx.AsyncClient(headers={"Authorization": daemon.token}, trust_env=False) as client:
        answer = await client.post(f"{daemon.url}/flash-tui/v1/platform/stop")
    assert answer.status_code == 202
    await until_unlocked(home)


async def test_after_kill_9_the_next_start_takes_over_url_and_leftovers(
    daemon: PlatformAddress, home: Home, tmp_path: Path, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    other_home = Home(root=tmp_path / "home2", layers=tmp_path)
    sleepers += [sleeper(home), sleeper(other_home)]
    os.kill(daemon.pid, signal.SIGKILL)
    await until_unlocked(home)
    assert home.address_file.exists()
    assert await local_platform.find(home) is None
    after = await local_platform.ensure_running(home)
    assert (after.url, after.token, after.pid == daemon.pid) == (daemon.url, daemon.token, False)
    assert (sleepers[0].wait(DEADLINE_S), sleepers[1].poll()) == (-signal.SIGKILL, None)


def test_leftovers_are_gone_when_the_search_returns(home: Home, sleepers: list[subprocess.Popen[bytes]]) -> None:
    sleepers += [sleeper(home) for _ in range(3)]
    assert end_leftovers(home) == 3
    assert [process.poll() for process in sleepers] == [-signal.SIGKILL] * 3
    assert end_leftovers(home) == 0


def test_a_port_is_kept_and_given_up_when_it_is_taken(home: Home) -> None:
    with listen(home) as first:
        port = first.getsockname()[1]
        with listen(home) as second:
            assert second.getsockname()[1] != port
            moved = second.getsockname()[1]
    with listen(home) as third:
        assert third.getsockname()[1] == moved


def test_two_homes_prefer_different_ports(tmp_path: Path) -> None:
    homes = [Home(root=tmp_path / name, layers=tmp_path) for name in ("a", "b")]
    ports = set[int]()
    for home in homes:
        with listen(home) as listener:
            ports.add(listener.getsockname()[1])
    assert len(ports) == 2


def test_a_port_file_of_nonsense_does_no_harm(home: Home) -> None:
    home.platform.mkdir(parents=True)
    for text in ("", "ninety", "-1", "99999999"):
        (home.platform / "port").write_text(text)
        with listen(home) as listener:
            assert listener.getsockname()[1] > 0


async def test_a_start_that_cannot_be_says_why(home: Home) -> None:
    home.platform.mkdir(parents=True)
    with sqlite3.connect(home.database) as connection:
        connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(Conflict, match="schema 9999"):
        await local_platform.ensure_running(home)
    assert not is_locked(home.platform_lock)


async def test_a_start_that_breaks_shows_the_last_lines_of_the_log(home: Home) -> None:
    home.platform.mkdir(parents=True)
    (home.platform / "artifacts").write_text("in the way")
    with pytest.raises(TargetUnreachable, match="did not start") as failed:
        await local_platform.ensure_running(home)
    assert failed.value.traceback is not None
    assert "artifacts" in failed.value.traceback


ORPHANS = """
import anyio, os, subprocess, sys
from flash_tui.local.workers import orphans

def children():
    return set(open(f"/proc/self/task/{os.getpid()}/children").read().split())

async def main():
    orphans.adopt_orphans()
    async with anyio.create_task_group() as group:
        group.start_soon(orphans.reap_orphans)
        await anyio.lowlevel.checkpoint()
        own = await anyio.open_process(["/bin/sleep", "600"])
        code = "import subprocess; print(subprocess.Popen(['/bin/sleep', '0.1'], stdout=subprocess.DEVNULL).pid)"
        left = (await anyio.run_process([sys.executable, "-c", code])).stdout.decode().strip()
        with anyio.fail_after(20):
            while left in children():
                await anyio.sleep(0.02)
        own.kill()
        print(await own.wait(), own.returncode)
        group.cancel_scope.cancel()

orphans._PATIENCE_S = 0.1
anyio.run(main)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere init collects orphans")
async def test_orphans_are_collected_and_own_children_keep_their_exit_codes() -> None:
    finished = await anyio.run_process([sys.executable, "-c", ORPHANS])
    assert finished.stdout.decode().split() == ["-9", "-9"]


async def test_the_limit_of_open_files_is_raised(daemon: PlatformAddress) -> None:
    if sys.platform != "linux":
        pytest.skip("limits of another process are shown on Linux only")
    lines = (await anyio.Path(f"/proc/{daemon.pid}/limits").read_text()).splitlines()
    soft, hard = next(line for line in lines if line.startswith("Max open files")).split()[3:5]
    assert int(soft) >= min(limits.OPEN_FILES, int(hard))
