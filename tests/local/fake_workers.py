"""Workers without processes: they take jobs and answer pings as real ones do, in this event loop."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup

from flash_tui.local.artifacts.artifacts import Prepared
from flash_tui.local.engine import Engine
from flash_tui.models.identifiers import BuildId, JobId
from flash_tui.runtime.processes import ExitStatus, Stream
from flash_tui.runtime.zygote import LayerPair, WorkerSource, WorkerSpec

PAIR = LayerPair(Path("/python"), Path("/layers/base"))


@dataclass
class Behaviour:
    """How the workers of one build behave."""

    answer: Callable[[Any], dict[str, Any]] = lambda value: {"output": value}
    prints: tuple[tuple[Stream, str], ...] = ()
    dies_at_boot: bool = False
    hangs_at_boot: bool = False
    hold: anyio.Event | None = None
    """A job is finished only when this is set."""


@dataclass(eq=False)
class FakeChild:
    """One worker."""

    spec: WorkerSpec
    behaviour: Behaviour
    pid: int
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    status: ExitStatus = field(default_factory=ExitStatus)
    stopped: bool = False

    async def lines(self) -> AsyncIterator[tuple[Stream, str]]:
        for line in self.behaviour.prints:
            yield line
        await self.ended.wait()

    async def wait(self) -> ExitStatus:
        await self.ended.wait()
        return self.status

    async def stop(self, grace_s: float) -> ExitStatus:
        del grace_s
        self.stopped = True
        self.end(ExitStatus(signal=signal.SIGTERM))
        await anyio.lowlevel.checkpoint()
        return self.status

    def end(self, status: ExitStatus) -> None:
        if not self.ended.is_set():
            self.status = status
            self.ended.set()
            self.scope.cancel()

    def kill(self) -> None:
        self.end(ExitStatus(signal=signal.SIGKILL))


class FakeArtifacts:
    """`prepare` for builds that behave as told."""

    def __init__(self) -> None:
        self.behaviours: dict[BuildId, Behaviour] = {}
        self.errors: dict[BuildId, Exception] = {}

    async def prepare(self, build_id: BuildId) -> Prepared:
        if build_id in self.errors:
            raise self.errors[build_id]
        return Prepared(Path("/code") / build_id, PAIR)


class FakeSource:
    """Implements `WorkerSource`; its workers live in the test's task group."""

    def __init__(self, group: TaskGroup, artifacts: FakeArtifacts) -> None:
        self._group = group
        self._artifacts = artifacts
        self.engine: Engine | None = None
        self.children: list[FakeChild] = []

    async def open(self, pair: LayerPair, scratch: Path) -> WorkerSource:
        del pair, scratch
        return self

    async def start(self, spec: WorkerSpec) -> FakeChild:
        behaviour = self._artifacts.behaviours.get(BuildId(spec.app_dir.name), Behaviour())
        child = FakeChild(spec, behaviour, pid=1000 + len(self.children))
        self.children.append(child)
        if behaviour.dies_at_boot:
            self._group.start_soon(self._die, child)
        elif not behaviour.hangs_at_boot:
            listen = spec.listen.dup() if spec.listen is not None else None
            self._group.start_soon(self._serve, child, listen)
        return child

    async def aclose(self) -> None:
        for child in self.children:
            child.kill()

    async def _die(self, child: FakeChild) -> None:
        await anyio.lowlevel.checkpoint()
        child.end(ExitStatus(code=1))

    async def _serve(self, child: FakeChild, listen: socket.socket | None) -> None:
        with child.scope:
            if listen is None:
                await self._take_jobs(child)
            else:
                await self._answer_pings(listen)

    async def _take_jobs(self, child: FakeChild) -> None:
        assert self.engine is not None
        worker = self.engine.fleet.worker(child.spec.env["RUNPOD_POD_ID"])
        while worker is not None:
            for job in await self.engine.dispatcher.take(worker, 1, has_work=False):
                if child.behaviour.hold is not None:
                    await child.behaviour.hold.wait()
                answer = child.behaviour.answer(json.loads(job.row.input_json))
                await self.engine.dispatcher.finish(worker, JobId(job.row.id), answer)

    async def _answer_pings(self, listen: socket.socket) -> None:
        listen.setblocking(False)  # noqa: FBT003 - the standard library's way
        with listen:
            while True:
                await anyio.wait_readable(listen)
                connection, _ = listen.accept()
                with connection:
                    connection.setblocking(False)  # noqa: FBT003
                    await anyio.wait_readable(connection)
                    connection.recv(65536)
                    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
