"""Where workers come from: a fork of a zygote, a warm spare, or a fresh interpreter. One interface, one result.

fork: fastest, Linux only (macOS frameworks do not survive a fork). spare: an interpreter started ahead, SDK imported,
waiting for one job; as fast as long as one is in stock. spawn: 1 to 2 s, depends on nothing.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio

from flash_tui.models.errors import BootFailed, FlashTuiError, UsageError
from flash_tui.runtime.control import Control
from flash_tui.runtime.processes import Child, Output, RunningChild
from flash_tui.runtime.warm import LayerPair, Plan, make_scratch, warm_up
from flash_tui.runtime.zygote import WorkerSource, WorkerSpec, Zygote, worker_job
from flash_tui.worker.protocol import Message

VARIABLE = "FLASH_TUI_WORKER_SOURCE"


class ForkSource:
    """Workers as forks of one zygote, which it owns."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote

    async def start(self, spec: WorkerSpec) -> Child:
        return await self.zygote.start_worker(spec)

    async def aclose(self) -> None:
        await self.zygote.aclose()


class SpawnSource:
    """Each worker an interpreter of its own, started for it."""

    def __init__(self, pair: LayerPair, scratch: Path) -> None:
        self.pair = pair
        self._scratch = scratch
        self._running: set[Control] = set()

    async def start(self, spec: WorkerSpec) -> Child:
        output = Output()
        with _handed_over(spec, output) as fds:
            return self._watch(await self._warm(Plan("spawn", job=worker_job(spec), fds=fds)), output)

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            for control in list(self._running):
                await control.end(limit_s=0)
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(self._scratch, ignore_errors=True))

    async def _warm(self, plan: Plan) -> Control:
        try:
            control, _ = await warm_up(self.pair, self._scratch, plan, Output(), _ignore)
        except FlashTuiError as error:
            raise BootFailed(error.what, where=error.where, hint=error.hint, traceback=error.traceback) from error
        self._running.add(control)
        control.ending.when_set(lambda _: self._running.discard(control))
        return control

    def _watch(self, control: Control, output: Output) -> RunningChild:
        async def send_signal(number: int) -> None:
            control.signal_group(number)

        return RunningChild(control.process.pid, output, control.ending, send_signal)


class SpareSource(SpawnSource):
    """One interpreter in stock, SDK imported, for one worker; the next is started as soon as it is used."""

    def __init__(self, pair: LayerPair, scratch: Path, env: Mapping[str, str]) -> None:
        super().__init__(pair, scratch)
        self._plan = Plan("spare", env)
        self._stock = asyncio.ensure_future(self._warm(self._plan))

    async def start(self, spec: WorkerSpec) -> Child:
        spare = await self._take()
        output = Output()
        with _handed_over(spec, output) as fds:
            await spare.send(worker_job(spec), fds)
        return self._watch(spare, output)

    async def aclose(self) -> None:
        self._stock.cancel()
        with anyio.CancelScope(shield=True), suppress(asyncio.CancelledError, FlashTuiError):
            await self._stock
        await super().aclose()

    async def _take(self) -> Control:
        """The spare in stock, which is alive; waits while it warms up. Another takes its place."""
        while True:
            stock = self._stock
            spare = await asyncio.shield(stock)
            if self._stock is stock:
                self._stock = asyncio.ensure_future(self._warm(self._plan))
                if spare.ending.status is None:
                    return spare


async def open_worker_source(
    pair: LayerPair, scratch: Path, kind: str | None = None, env: Mapping[str, str] | None = None
) -> WorkerSource:
    """The source that `kind`, else FLASH_TUI_WORKER_SOURCE, else the operating system calls for. `env`: variables that
    all workers share (see `Zygote.start`).

    Raises:
        BuildFailed: the SDK cannot be imported with this pair (fork alone finds out here).
        UsageError: no such kind.
    """
    kind = kind or os.environ.get(VARIABLE) or ("fork" if sys.platform == "linux" else "spare")
    if kind == "fork":
        return ForkSource(await Zygote.start(pair, scratch, env))
    if kind not in ("spare", "spawn"):
        raise UsageError(f"there is no worker source {kind!r}", where=VARIABLE, hint="choose fork, spare or spawn")
    folder = await anyio.to_thread.run_sync(make_scratch, scratch)
    return SpawnSource(pair, folder) if kind == "spawn" else SpareSource(pair, folder, env or {})


@contextmanager
def _handed_over(spec: WorkerSpec, output: Output) -> Generator[tuple[int, ...]]:
    """The descriptors of a worker; our copies of the pipes are closed afterwards, and after a failure the rest too."""
    stdout, stderr = output.attach("stdout"), output.attach("stderr")
    try:
        yield (stdout, stderr, *(() if spec.listen is None else (spec.listen.fileno(),)))
    except BaseException:
        output.close()
        raise
    finally:
        os.close(stdout)
        os.close(stderr)


def _ignore(message: Message) -> None:
    """A process with one job has nothing more to say."""
