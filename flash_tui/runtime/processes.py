"""Child processes as the host sees them: their output lines, their end, how they are stopped.

Nobody here calls `waitpid(-1)`: it would take exit codes away from asyncio. A child of ours is reaped by its own
`Process`; a fork is reaped by its zygote, which reports the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

Stream = Literal["stdout", "stderr"]


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a process ended: exactly one of `code` and `signal` is set, or neither when nobody saw the end."""

    code: int | None = None
    signal: int | None = None

    @property
    def text(self) -> str:
        """`exit code 1`, `killed by SIGKILL`."""
        raise NotImplementedError


class Child(Protocol):
    """A running worker."""

    @property
    def pid(self) -> int: ...

    def lines(self) -> AsyncIterator[tuple[Stream, str]]:
        """Output line by line in order of arrival; ends when both pipes are closed. A line is cut at 64 KiB."""
        ...

    async def wait(self) -> ExitStatus:
        """How it ended; may be awaited by any number of callers."""
        ...

    async def stop(self, grace_s: float) -> ExitStatus:
        """SIGTERM to its group, SIGKILL after `grace_s`; returns when it is reaped."""
        ...
