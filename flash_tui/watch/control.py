"""How others speak to a watch: a lock that says it is there, and lines that begin with one of four words.

`pause` (and why, in words), `resume`, `deploy`, `cancel` arrive on one unix socket, from whoever can open it (only this
user), and for a child on its standard input, whose end is the child's end.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import anyio
from anyio.abc import SocketStream

from flash_tui.models.errors import Conflict
from flash_tui.settings import Settings

COMMANDS = ("pause", "resume", "deploy", "cancel")
MAX_LINE_BYTES = 200
ANSWER_S = 2.0
LOCK_S = 0.2

Handle = Callable[[str, str], None]
"""Gets a command and the words behind it."""


def socket_path(settings: Settings, environment: str) -> Path:
    """Where the watch of this project and environment listens."""
    name = settings.home.watch_name(settings.project, environment)
    return settings.home.socket(f"watch-{name}.sock")


@contextmanager
def held_lock(settings: Settings, environment: str) -> Generator[None]:
    """Be the one watch of (project, environment).

    Raises:
        Conflict: another process is.
    """
    path = settings.home.watch_lock(settings.project, environment)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("a+", encoding="ascii") as file:
        if not _lock_within(file, LOCK_S):
            file.seek(0)
            holder = file.read().strip() or "?"
            raise Conflict(
                f"{environment} is being watched already, by process {holder}",
                where=str(settings.project),
                hint=f"end that one, or say --env for another environment than {environment}",
            )
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _lock_within(file: IO[str], seconds: float) -> bool:
    """Whoever only asks whether there is a watch holds the lock for an instant; that is waited out."""
    deadline = time.monotonic() + seconds
    while not _try_lock(file):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_watched(settings: Settings, environment: str) -> bool:
    """Whether a watch of this project and environment runs, in any process."""
    path = settings.home.watch_lock(settings.project, environment)
    try:
        with path.open("r+", encoding="ascii") as file:
            return not _try_lock(file)
    except FileNotFoundError:
        return False


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


async def serve_commands(
    path: Path, handle: Handle, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Take commands on the socket at `path` until cancelled. The caller holds the lock: what is there is left over."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _remove(path)
    async with await anyio.create_unix_listener(path, mode=0o600) as listener:
        task_status.started()

        async def serve(stream: SocketStream) -> None:
            with suppress(anyio.BrokenResourceError, anyio.EndOfStream, TimeoutError):
                async with stream:
                    await _answer(stream, handle)

        try:
            await listener.serve(serve)
        finally:
            _remove(path)


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _answer(stream: SocketStream, handle: Handle) -> None:
    """One connection, one line: answered by `ok` or by what is wrong, then closed."""
    line = b""
    with anyio.fail_after(ANSWER_S):
        while not line.endswith(b"\n") and len(line) <= MAX_LINE_BYTES:
            line += await stream.receive(MAX_LINE_BYTES)
        known = _hand_on(line, handle)
        await stream.send(b"ok\n" if known else f"unknown; say one of {', '.join(COMMANDS)}\n".encode())


async def read_commands(descriptor: int, handle: Handle) -> None:
    """Take commands from a pipe; returns when it closes."""
    os.set_blocking(descriptor, False)
    buffer = b""
    while True:
        try:
            await anyio.wait_readable(descriptor)
            data = os.read(descriptor, 4096)
        except BlockingIOError:
            continue
        except OSError:
            return  # no pipe at all, as when standard input is closed or a plain file: as good as its end
        if not data:
            return
        buffer += data
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            _hand_on(line, handle)


def _hand_on(line: bytes, handle: Handle) -> bool:
    """Give a known command to `handle`; whether it is one."""
    word, _, reason = line.decode(errors="replace").strip().partition(" ")
    if word in COMMANDS:
        handle(word, "".join(letter for letter in reason if letter.isprintable()))
    return word in COMMANDS


async def send_command(settings: Settings, environment: str, command: str) -> bool:
    """Tell the watch of this project and environment; False if none runs."""
    try:
        with anyio.fail_after(ANSWER_S):
            async with await anyio.connect_unix(socket_path(settings, environment)) as stream:
                await stream.send(command.encode()[: MAX_LINE_BYTES - 1] + b"\n")
                return await stream.receive(100) == b"ok\n"
    except (OSError, TimeoutError, anyio.EndOfStream, anyio.BrokenResourceError):
        return False
