"""Child processes as the host sees them: their output lines, their end, how they are stopped.

Nobody here calls `waitpid(-1)`: it would take exit codes away from asyncio. A process of ours is reaped by asyncio; a
fork is reaped by its zygote, which reports the end. Descriptors are watched by the event loop itself, so that nothing
here needs a task that somebody would have to own.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import anyio

Stream = Literal["stdout", "stderr"]
Line = tuple[Stream, str]

MAX_LINE_BYTES = 64 * 1024
MAX_WAITING_CHARS = 8 * 1024 * 1024
"""Of output that nobody has read yet; beyond it the oldest lines are dropped, and a line says how many."""
LEFT_BEHIND_S = 1.0
_READ_BYTES = 64 * 1024
_SIGNAL_NAMES = {one.value: one.name for one in signal.Signals}


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: one of `code` and `signal` is set, or neither when nobody saw the end."""

    code: int | None = None
    signal: int | None = None

    @classmethod
    def of(cls, returncode: int) -> ExitStatus:
        """From the convention of `subprocess`: a negative code is a signal."""
        return cls(signal=-returncode) if returncode < 0 else cls(code=returncode)

    @property
    def text(self) -> str:
        """`exit code 1`, `killed by SIGKILL`."""
        if self.signal is not None:
            return f"killed by {_SIGNAL_NAMES.get(self.signal, f'signal {self.signal}')}"
        return "ended unseen" if self.code is None else f"exit code {self.code}"


class Child(Protocol):
    """A running worker."""

    @property
    def pid(self) -> int: ...

    def lines(self) -> AsyncIterator[Line]:
        """Output line by line in order of arrival; ends when both pipes are closed. For one reader."""
        ...

    async def wait(self) -> ExitStatus:
        """How it ended; may be awaited by any number of callers."""
        ...

    async def stop(self, grace_s: float) -> ExitStatus:
        """SIGTERM to its group, SIGKILL after `grace_s`; returns when it is reaped."""
        ...


class Ending:
    """The end of a process, set once by whoever reaps it."""

    def __init__(self) -> None:
        self._event = anyio.Event()
        self._callbacks: list[Callable[[ExitStatus], None]] = []
        self.status: ExitStatus | None = None

    def set(self, status: ExitStatus) -> None:
        if self.status is None:
            self.status = status
            self._event.set()
            for callback in self._callbacks:
                callback(status)

    def when_set(self, callback: Callable[[ExitStatus], None]) -> None:
        """Call it at the end; at once if that is past."""
        if self.status is None:
            self._callbacks.append(callback)
        else:
            callback(self.status)

    async def wait(self) -> ExitStatus:
        await self._event.wait()
        return self.status or ExitStatus()


class RunningChild:
    """A worker whose end and signals go through `ending` and `send_signal`, whoever its parent is."""

    def __init__(self, pid: int, output: Output, ending: Ending, send_signal: Callable[[int], Awaitable[None]]) -> None:
        self.pid = pid
        self._output = output
        self._ending = ending
        self._send_signal = send_signal
        ending.when_set(lambda _: output.close_soon())

    def lines(self) -> AsyncIterator[Line]:
        return self._output.lines()

    async def wait(self) -> ExitStatus:
        return await self._ending.wait()

    async def stop(self, grace_s: float) -> ExitStatus:
        if self._ending.status is not None:
            return self._ending.status
        try:
            await self._send_signal(signal.SIGTERM)
            with anyio.move_on_after(grace_s):
                await self._ending.wait()
        finally:
            if self._ending.status is None:
                with anyio.CancelScope(shield=True):
                    await self._send_signal(signal.SIGKILL)
                    await self._ending.wait()
        return await self._ending.wait()


class Output:
    """The two pipes of a process, read as they fill and cut into lines. Never makes the writer wait."""

    def __init__(self) -> None:
        self._waiting: deque[Line] = deque()
        self._chars = 0
        self._dropped = 0
        self._open: dict[int, Stream] = {}
        self._partial: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}
        self._news = anyio.Event()

    def attach(self, stream: Stream) -> int:
        """Make a pipe, read it from now on, return its writing end (the caller closes it once it was handed over)."""
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        self._open[reading] = stream
        asyncio.get_running_loop().add_reader(reading, self._read, reading)
        return writing

    def close_soon(self) -> None:
        """Stop reading a moment after the process has ended, though somebody it left behind may hold a pipe open."""
        if self._open:
            asyncio.get_running_loop().call_later(LEFT_BEHIND_S, self.close)

    def close(self) -> None:
        """Stop reading; `lines` ends after what has arrived."""
        for fd in list(self._open):
            self._end(fd)

    def drain(self) -> None:
        """Take what lies in the pipes now."""
        for fd in list(self._open):
            while self._read(fd):
                pass

    def text(self) -> str:
        """All lines that wait, taken."""
        lines = "".join(f"{text}\n" for _, text in self._waiting)
        self._waiting.clear()
        self._chars = 0
        return lines

    async def lines(self) -> AsyncIterator[Line]:
        while True:
            while self._waiting:
                if self._dropped:
                    yield "stderr", f"… {self._dropped} lines were dropped here: they came faster than they were read"
                    self._dropped = 0
                line = self._waiting.popleft()
                self._chars -= len(line[1])
                yield line
            if not self._open:
                return
            self._news = anyio.Event()
            await self._news.wait()

    def _read(self, fd: int) -> bool:
        """Read once; False when there is nothing more for now."""
        try:
            data = os.read(fd, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            self._end(fd)
            return False
        stream = self._open[fd]
        *whole, rest = (self._partial[stream] + data).split(b"\n")
        for line in whole:
            for piece in _pieces(line):
                self._add(stream, piece)
        *pieces, self._partial[stream] = _pieces(rest)
        for piece in pieces:
            self._add(stream, piece)
        self._news.set()
        return True

    def _end(self, fd: int) -> None:
        asyncio.get_running_loop().remove_reader(fd)
        os.close(fd)
        stream = self._open.pop(fd)
        if self._partial[stream]:
            self._add(stream, self._partial[stream])
            self._partial[stream] = b""
        self._news.set()

    def _add(self, stream: Stream, line: bytes) -> None:
        text = line.decode("utf-8", errors="replace").removesuffix("\r")
        self._waiting.append((stream, text))
        self._chars += len(text)
        while self._chars > MAX_WAITING_CHARS:
            self._chars -= len(self._waiting.popleft()[1])
            self._dropped += 1


def _pieces(line: bytes) -> list[bytes]:
    """A line in pieces of at most MAX_LINE_BYTES, cut before a letter's first byte; at least one, perhaps empty."""
    pieces: list[bytes] = []
    while len(line) > MAX_LINE_BYTES:
        end = MAX_LINE_BYTES
        while end > MAX_LINE_BYTES - 4 and line[end] & 0xC0 == 0x80:  # noqa: PLR2004 - the bit patterns of UTF-8
            end -= 1
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]
