"""Stages of a build: timed, told as they begin and end, some of them side by side."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio

from flash_tui.models.errors import FlashTuiError
from flash_tui.models.release import StageReport
from flash_tui.models.states import Stage

T = TypeVar("T")
Report = Callable[[StageReport], None]


def silent(_report: StageReport) -> None:
    """A report that nobody reads."""


@dataclass(slots=True)
class Clock:
    """Times stages and reports their beginning and end."""

    report: Report
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])

    @asynccontextmanager
    async def stage(self, stage: Stage, *, only_if_said: bool = False) -> AsyncGenerator[Callable[[str], None]]:
        """One stage. With `only_if_said` it exists only from the first progress text on."""
        began = time.perf_counter()
        is_told = not only_if_said

        def say(text: str) -> None:
            nonlocal is_told
            is_told = True
            self.report(StageReport(stage, text))

        if is_told:
            self.report(StageReport(stage))
        yield say
        if is_told:
            elapsed_ms = (time.perf_counter() - began) * 1000
            self.timings_ms[stage.value] = round(elapsed_ms, 1)
            self.report(StageReport(stage, elapsed_ms=elapsed_ms))


class Later(Generic[T]):
    """Work beside other work, in a task group of the caller; its failure shows when its result is asked for."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._done = anyio.Event()
        self._result: list[T] = []
        self._error: FlashTuiError | OSError | None = None

    async def run(self) -> None:
        try:
            self._result.append(await self._work())
        except (FlashTuiError, OSError) as error:
            self._error = error
        finally:
            self._done.set()

    async def result(self) -> T:
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result[0]
