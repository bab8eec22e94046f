"""A terminal emulator around a real program: what a person would see, and keys as a person would press them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte

PATIENCE_S = 30.0
READ_BYTES = 65_536
KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "ctrl+j": "\n",
    "ctrl+c": "\x03",
    "ctrl+q": "\x11",
    "backspace": "\x7f",
}


class Terminal:
    """A program on a pseudo-terminal of a given size."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environ: Mapping[str, str],
        cwd: Path | None = None,
        columns: int = 120,
        rows: int = 40,
    ) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.started_at = time.perf_counter()
        self._child: pexpect.spawn[bytes] = pexpect.spawn(
            argv[0],
            list(argv[1:]),
            env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            cwd=str(cwd) if cwd else None,
            dimensions=(rows, columns),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close(force=True)

    @property
    def pid(self) -> int:
        return int(self._child.pid)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def press(self, *keys: str) -> None:
        """Named keys (`enter`, `ctrl+j`) or text to type."""
        for key in keys:
            self._child.send(KEYS.get(key, key))

    def read(self, timeout_s: float = 0.02) -> bool:
        """Take in what the program wrote; False once it has ended."""
        try:
            self._stream.feed(self._child.read_nonblocking(READ_BYTES, timeout_s))
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        return True

    def until(self, wanted: str | Callable[[str], bool], *, patience_s: float = PATIENCE_S) -> str:
        """Read until the screen shows `wanted`; fails with the screen as it was."""
        shows: Callable[[str], bool] = (lambda text: wanted in text) if isinstance(wanted, str) else wanted
        deadline = time.monotonic() + patience_s
        while not shows(self.text):
            alive = self.read()
            if time.monotonic() > deadline or not (alive or shows(self.text)):
                raise AssertionError(f"{wanted!r} never came on the screen:\n{self.text}")
        return self.text

    def wait_ended(self, patience_s: float = PATIENCE_S) -> int | None:
        """The exit code once the program has ended."""
        deadline = time.monotonic() + patience_s
        while self.read():
            if time.monotonic() > deadline:
                raise AssertionError(f"the program goes on:\n{self.text}")
        self._child.wait()
        return self._child.exitstatus
