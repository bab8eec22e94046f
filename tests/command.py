"""Drives `flash-tui` as a person or a script does: as a command, in a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

COMMAND_TIMEOUT_S = 100.0
PATIENCE_S = 30.0
PAUSE_S = 0.01

T = TypeVar("T")


def until(ask: Callable[[], T], *, what: str, patience_s: float = PATIENCE_S) -> T:
    """Ask until the answer is true; fails with `what` was waited for. The clock bounds it, it never decides it."""
    deadline = time.monotonic() + patience_s
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience_s:.0f} s in vain for {what}; last answer: {answer!r}")
        time.sleep(PAUSE_S)


@dataclass
class Outcome:
    code: int
    stdout: str
    stderr: str

    def json(self) -> Any:
        return json.loads(self.stdout)


@dataclass
class FlashTui:
    """The command, in one home."""

    home: Path
    layers: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environ(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("FLASH_", "RUNPOD_"))}
        user_home = self.home.parent / "user"
        user_home.mkdir(exist_ok=True)
        return inherited | {
            "HOME": str(user_home),
            "FLASH_TUI_HOME": str(self.home),
            "FLASH_TUI_LAYERS": str(self.layers),
            "NO_COLOR": "1",
            **self.extra,
        }

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "flash_tui", *words]

    def run(self, *words: str, cwd: Path | None = None, code: int | None = 0, stdin: str = "") -> Outcome:
        """Run to the end; `code` None takes any exit code."""
        done = subprocess.run(
            self.argv(*words),
            cwd=cwd,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, f"{words} exited {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Outcome(done.returncode, done.stdout, done.stderr)

    def json(self, *words: str, cwd: Path | None = None, code: int | None = 0) -> Any:
        return self.run(*words, "--json", cwd=cwd, code=code).json()

    def json_lines(self, *words: str, cwd: Path | None = None) -> list[Any]:
        """For the commands that print one object a line."""
        return [json.loads(line) for line in self.run(*words, "--json", cwd=cwd).stdout.splitlines()]

    @contextmanager
    def started(self, *words: str, cwd: Path | None = None) -> Iterator[subprocess.Popen[str]]:
        """Run in the background with pipes; ended and reaped on the way out."""
        process = subprocess.Popen(
            self.argv(*words),
            cwd=cwd,
            env=self.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with process:  # closes the pipes and reaps
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()

    def platform_pid(self) -> int:
        return int(self.json("platform", "status")["pid"])

    def processes(self) -> list[int]:
        """Every process that carries this home in its environment."""
        marker = f"={self.home}".encode()
        found: list[int] = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                variables = (entry / "environ").read_bytes().split(b"\0")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except (OSError, IndexError):
                continue  # it ended meanwhile, or is not ours to read
            if state != "Z" and any(variable.endswith(marker) for variable in variables):
                found.append(int(entry.name))
        return found
