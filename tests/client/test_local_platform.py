"""Finding, starting and stopping the platform, as every command does."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from flash_tui.client import local_platform
from flash_tui.client.local_platform import PlatformAddress
from flash_tui.models.errors import TargetUnreachable
from flash_tui.models.platform import PlatformDocument
from flash_tui.paths import Home
from flash_tui.runtime.file_lock import FileLock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def home(tmp_path: Path) -> AsyncGenerator[Home]:
    home = Home(root=tmp_path / "home", layers=tmp_path / "layers")
    yield home
    await local_platform.stop(home)


def write_address(home: Home, url: str) -> None:
    home.platform.mkdir(parents=True, exist_ok=True)
    home.token_file.write_text("token\n")
    document = PlatformDocument(
        pid=os.getpid(), url=url, home=str(home.root), version="0", started_at=datetime.now(UTC)
    )
    home.address_file.write_text(document.model_dump_json())


async def test_without_one_nothing_is_found_and_nothing_is_stopped(home: Home) -> None:
    assert await local_platform.find(home) is None
    assert await local_platform.stop(home) is False
    assert not home.root.exists()


@pytest.mark.parametrize("text", ["", "{}", "no json", '{"pid": "x"}'])
async def test_a_damaged_address_counts_as_none(home: Home, text: str) -> None:
    write_address(home, "http://127.0.0.1:1")
    home.address_file.write_text(text)
    assert await local_platform.find(home) is None


async def test_an_address_where_nobody_or_somebody_else_listens_counts_as_none(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    write_address(home, f"http://127.0.0.1:{port}")
    assert await local_platform.find(home) is None

    async def something_else(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as other, anyio.create_task_group() as group:
        group.start_soon(other.serve, something_else)
        write_address(home, f"http://127.0.0.1:{other.extra(anyio.abc.SocketAttribute.local_port)}")
        assert await local_platform.find(home) is None
        group.cancel_scope.cancel()


async def test_twenty_callers_at_once_start_exactly_one(home: Home) -> None:
    found: list[PlatformAddress] = []
    said: list[str] = []

    async def call() -> None:
        found.append(await local_platform.ensure_running(home, said.append))

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(call)
    assert {(address.pid, address.url) for address in found} == {(found[0].pid, found[0].url)}
    assert (len(found), len(said)) == (20, 1)
    assert home.platform_log.read_text().count("the platform listens") == 1


async def test_commands_in_processes_of_their_own_start_exactly_one(home: Home) -> None:
    environment = {**os.environ, "FLASH_TUI_HOME": str(home.root)}
    command = [sys.executable, "-m", "flash_tui", "platform", "start", "--json"]
    answers: list[bytes] = []

    async def start() -> None:
        answers.append((await anyio.run_process(command, env=environment)).stdout)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(start)
    assert len({answer.partition(b'"pid"')[2].partition(b",")[0] for answer in answers}) == 1
    assert home.platform_log.read_text().count("the platform listens") == 1


async def test_it_is_stopped_and_started_again_with_its_key_and_url(home: Home) -> None:
    first = await local_platform.ensure_running(home)
    assert await local_platform.stop(home) is True
    assert await local_platform.find(home) is None
    second = await local_platform.ensure_running(home)
    assert (second.url, second.token) == (first.url, first.token)


async def test_a_stop_in_the_middle_of_a_start_leaves_none_or_one_that_answers(home: Home) -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(local_platform.ensure_running, home)
        group.start_soon(local_platform.stop, home)
    await local_platform.ensure_running(home)
    assert await local_platform.find(home) is not None


async def test_one_that_is_stuck_is_told_with_its_log(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_platform, "_START_TIMEOUT_S", 0.2)
    lock = FileLock(home.platform_lock)
    assert lock.acquire()
    home.platform_log.write_text("the last words\n")
    with pytest.raises(TargetUnreachable, match="did not start within") as failed:
        await local_platform.ensure_running(home)
    assert failed.value.traceback == "the last words"
    lock.release()


async def test_a_caller_that_is_cancelled_lets_others_start(home: Home) -> None:
    with anyio.move_on_after(0.05):
        await local_platform.ensure_running(home)
    assert (await local_platform.ensure_running(home)).pid > 0


async def test_its_environment_is_not_that_of_who_started_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNPOD_API_KEY", "rpa_secret")
    monkeypatch.setenv("FLASH_APP", "other")
    monkeypatch.setenv("FLASH_TUI_PLATFORM_HOME", "/elsewhere")
    monkeypatch.setenv("FLASH_TUI_WORKER_SOURCE", "spawn")
    address = await local_platform.ensure_running(home)
    if sys.platform == "linux":
        environment = await anyio.Path(f"/proc/{address.pid}/environ").read_bytes()
        assert b"FLASH_TUI_WORKER_SOURCE=spawn" in environment
        for absent in (b"RUNPOD_API_KEY", b"FLASH_APP=", b"/elsewhere"):
            assert absent not in environment


async def test_reset_stops_it_and_deletes_all_it_holds(home: Home) -> None:
    before = await local_platform.ensure_running(home)
    (home.platform / "code").mkdir()
    (home.platform / "code" / "app.py").write_text("")
    (home.platform / "code").chmod(0o500)
    await local_platform.reset(home)
    assert list(home.root.glob("platform*")) == []
    after = await local_platform.ensure_running(home)
    assert after.token != before.token


async def test_the_official_tools_are_pointed_at_it(home: Home) -> None:
    address = await local_platform.ensure_running(home)
    variables = local_platform.official_environment(address)
    assert variables["RUNPOD_ENDPOINT_BASE_URL"] == f"{address.url}/v2"
    assert variables["RUNPOD_REST_API_URL"] == f"{address.url}/v1"
    assert variables["RUNPOD_API_KEY"] == address.token
    assert len([name for name in variables if name.endswith("_URL")]) == 5


async def test_the_log_is_followed_across_a_new_beginning(home: Home) -> None:
    home.platform.mkdir(parents=True)
    home.platform_log.write_text("old\n")
    lines: list[str] = []
    async with anyio.create_task_group() as group:

        async def follow() -> None:
            async for line in local_platform.follow_log(home, 0.01):
                lines.append(line)
                home.platform_log.write_text("1\n")
                if len(lines) == 2:
                    group.cancel_scope.cancel()

        group.start_soon(follow)
        with anyio.fail_after(10):
            while not lines:
                with home.platform_log.open("a") as log:
                    log.write("more\n")
                await anyio.sleep(0.02)
            await anyio.sleep_forever()
    assert lines == ["more", "1"]
