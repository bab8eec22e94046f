"""Lock, socket and standard input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from flash_tui.models.errors import Conflict
from flash_tui.settings import Settings, read_settings
from flash_tui.watch.control import held_lock, is_watched, read_commands, send_command, serve_commands, socket_path

pytestmark = pytest.mark.anyio


@pytest.fixture
def project_settings(tmp_path: Path) -> Settings:
    (tmp_path / "app").mkdir()
    return read_settings(tmp_path / "app", {"FLASH_TUI_HOME": str(tmp_path / "home")})


def test_a_second_watch_of_the_same_environment_is_refused_with_the_first_ones_pid(project_settings: Settings) -> None:
    with held_lock(project_settings, "dev"):
        with pytest.raises(Conflict) as refusal, held_lock(project_settings, "dev"):
            pass
        assert str(os.getpid()) in refusal.value.what
        with held_lock(project_settings, "staging"):
            assert is_watched(project_settings, "dev")
    assert not is_watched(project_settings, "dev")


def test_a_lock_ends_with_its_process(project_settings: Settings) -> None:
    path = project_settings.home.watch_lock(project_settings.project, "dev")
    path.parent.mkdir(parents=True)
    script = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert is_watched(project_settings, "dev")
        holder.kill()
        holder.wait()
    assert not is_watched(project_settings, "dev")


async def test_commands_arrive_by_socket_and_only_ours(project_settings: Settings) -> None:
    heard: list[str] = []
    async with anyio.create_task_group() as group:
        await group.start(
            serve_commands,
            socket_path(project_settings, "dev"),
            lambda word, reason: heard.append(f"{word} {reason}".strip()),
        )
        assert await send_command(project_settings, "dev", "pause rolled back to v3")
        assert not await send_command(project_settings, "dev", "format")
        assert await send_command(project_settings, "dev", "resume")
        group.cancel_scope.cancel()
    assert heard == ["pause rolled back to v3", "resume"]
    assert not await send_command(project_settings, "dev", "pause")


async def test_only_the_user_can_open_the_socket(project_settings: Settings) -> None:
    async with anyio.create_task_group() as group:
        await group.start(serve_commands, socket_path(project_settings, "dev"), lambda _word, _reason: None)
        assert socket_path(project_settings, "dev").stat().st_mode & 0o077 == 0
        group.cancel_scope.cancel()


async def test_standard_input_gives_commands_until_it_closes() -> None:
    heard: list[str] = []
    reading, writing = os.pipe()
    os.write(writing, b"pause\nnonsense\nres")
    os.write(writing, b"ume\n")
    os.close(writing)
    with anyio.fail_after(10):
        await read_commands(reading, lambda word, reason: heard.append(f"{word} {reason}".strip()))
    os.close(reading)
    assert heard == ["pause", "resume"]


async def test_no_pipe_is_as_good_as_its_end() -> None:
    descriptor = os.open(os.devnull, os.O_RDONLY)
    with anyio.fail_after(10):
        await read_commands(descriptor, lambda _word, _reason: None)
    os.close(descriptor)
