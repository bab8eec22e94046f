"""One warm interpreter per pair of layers: the SDK is imported once, every worker and discovery is a fork of it.

The host's side of `flash_tui.worker.zygote`.
"""

from __future__ import annotations

import itertools
import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import anyio

from flash_tui.models.errors import BootFailed
from flash_tui.runtime.control import Control
from flash_tui.runtime.discovery import (
    DiscoveryRequest,
    DiscoveryResult,
    RequirementsResult,
    collect_requirements,
    run_discovery,
)
from flash_tui.runtime.processes import Child, Ending, ExitStatus, Output, RunningChild
from flash_tui.runtime.warm import LayerPair, Plan, make_scratch, warm_up
from flash_tui.worker.protocol import Message

__all__ = [
    "Child",
    "DiscoveryRequest",
    "DiscoveryResult",
    "ExitStatus",
    "LayerPair",
    "RequirementsResult",
    "WorkerSource",
    "WorkerSpec",
    "Zygote",
]


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """One worker to start."""

    kind: Literal["queue", "http"]
    app_dir: Path
    """Unpacked code, flat as the cloud's /app: working directory and first entry of `sys.path`."""
    handler: str
    """A file name in `app_dir`, such as `handler_web-api.py`."""
    env: Mapping[str, str]
    """The complete environment of the worker; nothing is added to it."""
    listen: socket.socket | None = None
    """http only: bound and listening unix socket; handed over, the caller keeps (and closes) its own."""
    own_packages: Path | None = None
    """The project's own `site-packages`: what artifacts leave out for its size is found there (`own_packages`)."""


class WorkerSource(Protocol):
    """Starts workers; one of fork, spare, spawn."""

    async def start(self, spec: WorkerSpec) -> Child:
        """A started worker; it is ready when its health says so, not when this returns.

        Raises:
            BootFailed: no process could be made.
        """
        ...

    async def aclose(self) -> None:
        """Kill and reap all that it started."""
        ...


class _Reply:
    """The zygote's answer to one request to fork."""

    def __init__(self) -> None:
        self.arrived = anyio.Event()
        self.message: Message = {}


class Zygote:
    """A warm interpreter and its forks."""

    def __init__(self, pair: LayerPair, scratch: Path) -> None:
        self.pair = pair
        self.left_out: tuple[str, ...] = ()
        """Modules that are not warm because their import starts a thread, opens a descriptor or fails."""
        self._scratch = scratch
        self._chatter = Output()
        self._tickets = itertools.count()
        self._replies: dict[int, _Reply] = {}
        self._endings: dict[int, Ending] = {}
        self._is_retiring = False
        self._control: Control

    @classmethod
    async def start(cls, pair: LayerPair, scratch: Path, env: Mapping[str, str] | None = None) -> Zygote:
        """Start and warm up (1 to 2 s). `env`: variables that all later jobs share. The SDK freezes its URLs and keys
        at import; a fork that has others than the zygote had imports it anew, which costs 40 ms.

        Raises:
            BuildFailed: the SDK cannot be imported with this pair; names the versions that clash.
        """
        zygote = cls(pair, await anyio.to_thread.run_sync(make_scratch, scratch))
        try:
            zygote._control, zygote.left_out = await warm_up(
                pair, zygote._scratch, Plan("zygote", env or {}), zygote._chatter, zygote._hear
            )
        except BaseException:
            await zygote._forget()
            raise
        zygote._control.ending.when_set(zygote._on_end)
        return zygote

    @property
    def pid(self) -> int:
        return self._control.process.pid

    @property
    def is_usable(self) -> bool:
        """Whether it can fork."""
        return self._control.ending.status is None and not self._is_retiring

    async def discover(self, request: DiscoveryRequest) -> DiscoveryResult:
        """Run the official discovery in a fork; it is killed at `timeout_s` and when this call is cancelled.

        Raises:
            BootFailed: the zygote has ended, is retiring, or cannot fork.
        """
        return await run_discovery(self.fork, self._scratch, request)

    async def requirements(self, folder: Path) -> RequirementsResult:
        """What the project in `folder` asks to be installed; imports no user code.

        Raises:
            BuildFailed: the official functions fail on it.
            BootFailed: as `discover`.
        """
        return await collect_requirements(self.fork, folder)

    async def start_worker(self, spec: WorkerSpec) -> Child:
        """Fork a worker.

        Raises:
            BootFailed: the zygote has ended, is retiring, or cannot fork.
        """
        extra = () if spec.listen is None else (spec.listen.fileno(),)
        return await self.fork(worker_job(spec), Output(), extra)

    async def fork(self, job: Message, output: Output, extra: Sequence[int]) -> RunningChild:
        """Fork a process for `job`; its output goes to `output`, descriptors of `extra` are its 3, 4, …

        Raises:
            BootFailed: the zygote has ended, is retiring, or cannot fork.
        """
        ticket, reply = next(self._tickets), _Reply()
        self._replies[ticket] = reply
        stdout, stderr = output.attach("stdout"), output.attach("stderr")
        try:
            with anyio.CancelScope(shield=True):  # milliseconds; a child that nobody knows must not come about
                if self.is_usable:
                    await self._control.send({"do": "fork", "ticket": ticket, "job": job}, (stdout, stderr, *extra))
                    await reply.arrived.wait()
        finally:
            del self._replies[ticket]
            os.close(stdout)
            os.close(stderr)
        pid = reply.message.get("pid")
        if pid is None:
            output.close()
            why = reply.message.get("error", "it has ended" if not self._is_retiring else "it is retiring")
            raise BootFailed("the warm interpreter cannot fork", where=str(self.pair.interpreter), hint=why)

        async def send_signal(number: int) -> None:
            await self._control.send({"do": "signal", "pid": pid, "signal": number})

        return RunningChild(pid, output, self._endings[pid], send_signal)

    async def retire(self) -> None:
        """No more forks; the interpreter ends with its last child."""
        self._is_retiring = True
        await self._control.send({"do": "retire"})

    async def aclose(self) -> None:
        """Kill the interpreter and all its forks; reap."""
        with anyio.CancelScope(shield=True):
            await self._control.send({"do": "end"})
            await self._control.end()
            await self._forget()

    def _hear(self, message: Message) -> None:
        if "ticket" in message:
            reply = self._replies.get(message["ticket"])
            if "pid" in message:
                self._endings[message["pid"]] = Ending()
            if reply is not None:
                reply.message = message
                reply.arrived.set()
        elif "exit" in message:
            self._endings.pop(message["exit"]).set(ExitStatus.of(message["status"]))

    def _on_end(self, _: ExitStatus) -> None:
        """Its children died with it, by their death signal, unseen."""
        for ending in self._endings.values():
            ending.set(ExitStatus())
        for reply in self._replies.values():
            reply.arrived.set()

    async def _forget(self) -> None:
        self._chatter.close()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(lambda: shutil.rmtree(self._scratch, ignore_errors=True))


def worker_job(spec: WorkerSpec) -> Message:
    return {
        "kind": spec.kind,
        "app_dir": str(spec.app_dir),
        "handler": spec.handler,
        "env": dict(spec.env),
        "own_packages": str(spec.own_packages) if spec.own_packages else None,
    }
