"""A process of `flash_tui/worker/boot.py` and the socket to it. The host's half of `flash_tui.worker.protocol`."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio

import flash_tui.worker
from flash_tui.runtime.processes import Ending, ExitStatus, Output
from flash_tui.worker import protocol

BOOT = Path(flash_tui.worker.__path__[0]) / "boot.py"
END_LIMIT_S = 5.0
"""How long a process may take to kill its children and end before it is killed itself."""


class Control:
    """One booted process. Messages from it go to `on_message`, its end to `ending`."""

    def __init__(self, process: Process, mine: socket.socket, on_message: Callable[[protocol.Message], None]) -> None:
        self.process = process
        self.ending = Ending()
        self._socket = mine
        self._on_message = on_message
        self._reader = protocol.FrameReader()
        self._sending = anyio.Lock()
        self._watch = asyncio.ensure_future(process.wait())
        self._watch.add_done_callback(self._ended)
        asyncio.get_running_loop().add_reader(mine, self._receive)

    @classmethod
    async def start(
        cls,
        interpreter: Path,
        scratch: Path,
        env: Mapping[str, str],
        output: Output,
        on_message: Callable[[protocol.Message], None],
    ) -> Control:
        """Start the interpreter; it waits for its first message.

        Raises:
            OSError: the interpreter cannot be started.
        """
        mine, theirs = socket.socketpair()
        stdout, stderr = output.attach("stdout"), output.attach("stderr")
        try:
            # shielded: a process that was started and is not known here could not be reaped
            starting = asyncio.create_subprocess_exec(
                str(interpreter), "-I", "-S", "-X", "utf8", str(BOOT), str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL, stdout=stdout, stderr=stderr,
                pass_fds=(theirs.fileno(),), env=env, cwd=scratch, start_new_session=True,
            )  # fmt: skip
            process = await _unbroken(starting)
        except BaseException:
            mine.close()
            output.close()
            raise
        finally:
            theirs.close()
            os.close(stdout)
            os.close(stderr)
        mine.settimeout(0)
        return cls(process, mine, on_message)

    async def send(self, message: protocol.Message, fds: Sequence[int] = ()) -> None:
        """Send; a process that has ended is no error here, its ending tells."""
        data = memoryview(protocol.encode({**message, "fds": len(fds)}))
        async with self._sending:
            while data and self.ending.status is None:
                try:
                    sent = socket.send_fds(self._socket, [data], fds) if fds else self._socket.send(data)
                except BlockingIOError:
                    await anyio.wait_writable(self._socket)
                    continue
                except (BrokenPipeError, ConnectionResetError):
                    return
                data, fds = data[sent:], ()

    def signal_group(self, number: int) -> None:
        """Signal the process and what it started, unless it was reaped already."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    async def end(self, limit_s: float = END_LIMIT_S) -> None:
        """Wait for the process to end, kill it after the limit; reaped on return, also when cancelled."""
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(limit_s):
                await self.ending.wait()
            if self.ending.status is None:
                self.signal_group(signal.SIGKILL)
                await self.ending.wait()

    def _receive(self) -> bool:
        """Read once; False when there is nothing more for now."""
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._socket)
            return False
        for message, _ in self._reader.feed(data):
            self._on_message(message)
        return True

    def _ended(self, watch: asyncio.Future[int]) -> None:
        while self._receive():
            pass  # what it said last
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)  # what it left behind
        self.ending.set(ExitStatus() if watch.cancelled() else ExitStatus.of(watch.result()))


async def _unbroken(starting: Coroutine[Any, Any, Process]) -> Process:
    with anyio.CancelScope(shield=True):
        return await starting
    raise AssertionError  # the scope swallows nothing but its own cancellation
