"""Start `boot.py` and wait until it has imported the SDK; again without a module that spoils the process."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import anyio

from flash_tui.models.errors import BuildFailed
from flash_tui.runtime.control import Control
from flash_tui.runtime.processes import Output
from flash_tui.worker.preload import HELPFUL
from flash_tui.worker.protocol import Message

WARM_UP_LIMIT_S = 120.0
"""A cold disk and a busy machine; past it something hangs."""

_LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "FLASH_TUI_PLATFORM_HOME")
"""All that an interpreter may need of our environment to start at all, and the mark by which a platform knows what a
killed one left behind: forks show the environment that this interpreter was started with.
"""


@dataclass(frozen=True, slots=True)
class LayerPair:
    """What lies under a project: `interpreter` outside any virtual environment, folders as put on `sys.path`."""

    interpreter: Path
    base: Path
    dependencies: Path | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the process shall become."""

    mode: Literal["zygote", "spare", "spawn"]
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    """While warm; what is not in it is unset. A spawned worker has its own from the start."""
    job: Message | None = None
    """spawn only: known before the SDK is imported."""
    fds: Sequence[int] = ()


class _Warming:
    """What a process says while it warms up."""

    def __init__(self) -> None:
        self.importing = "the standard library"
        self.answer: Message = {}
        self.over = anyio.Event()

    def hear(self, message: Message) -> None:
        if "importing" in message:
            self.importing = message["importing"]
            return
        self.answer = message
        self.over.set()


async def warm_up(
    pair: LayerPair, scratch: Path, plan: Plan, chatter: Output, on_message: Callable[[Message], None]
) -> tuple[Control, tuple[str, ...]]:
    """A process that has imported the SDK, and the modules left out of it; its later messages go to `on_message`.
    `chatter` takes what it prints before a job has its own pipes.

    Raises:
        BuildFailed: the SDK cannot be imported with this pair; names the versions that clash.
    """
    leave_out: list[str] = []
    while True:
        warming = _Warming()

        def hear(message: Message, warming: _Warming = warming) -> None:
            (on_message if warming.over.is_set() else warming.hear)(message)

        control = await _boot(pair, scratch, plan, chatter, hear)
        is_warm = False
        try:
            await control.send(_hello(pair, scratch, plan, leave_out), plan.fds)
            await _until_over(control, warming)
            is_warm = "ready" in warming.answer
            if is_warm:
                return control, tuple(leave_out)
            leave_out.append(_spoiler(warming, leave_out, pair, chatter))
        finally:
            if not is_warm:
                await control.end(limit_s=0)


async def _until_over(control: Control, warming: _Warming) -> None:
    """Until it has spoken its verdict, or ended, or takes too long (which counts as ended)."""
    with anyio.move_on_after(WARM_UP_LIMIT_S):
        async with anyio.create_task_group() as group:
            for happening in (warming.over.wait, control.ending.wait):
                group.start_soon(_cancel_after, happening, group.cancel_scope)


async def _cancel_after(happening: Callable[[], Awaitable[object]], scope: anyio.CancelScope) -> None:
    await happening()
    scope.cancel()


def _spoiler(warming: _Warming, leave_out: Sequence[str], pair: LayerPair, chatter: Output) -> str:
    """The module to leave out next time.

    Raises:
        BuildFailed: it is one that nothing works without.
    """
    if "failed" in warming.answer:
        raise _clash(warming.answer["failed"], pair)
    module = warming.answer.get("spoiled", warming.importing)
    if module in HELPFUL and module not in leave_out:
        return module
    raise BuildFailed(
        f"the interpreter cannot be used after it has imported {module}: {warming.answer.get('why', 'it ends')}",
        where=str(pair.interpreter),
        hint="pin another version of what it needs in requirements.txt, or leave the choice to the SDK",
        traceback=chatter.text() or None,
    )


def _clash(failed: Message, pair: LayerPair) -> BuildFailed:
    clashes = failed["clashes"]
    versions = ", ".join(f"{c['name']} {c['required']} (the SDK's set has {c['needed']})" for c in clashes)
    return BuildFailed(
        f"the SDK cannot be imported over your requirements: {failed['error']}",
        where=versions or str(pair.dependencies or pair.base),
        hint="loosen the pins named above in requirements.txt" if clashes else "install the layers again",
        traceback=failed["traceback"],
    )


def make_scratch(folder: Path) -> Path:
    """A working directory for one process, below `folder`: the SDK looks for `.env` from here upwards and writes
    `.flash` here. Blocking.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    scratch = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder))
    (scratch / ".env").touch()
    return scratch


def _sweep(folder: Path) -> None:
    """Remove what processes that are gone have left."""
    for entry in folder.iterdir():
        owner = entry.name.partition("-")[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            shutil.rmtree(entry, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


async def _boot(
    pair: LayerPair, scratch: Path, plan: Plan, chatter: Output, hear: Callable[[Message], None]
) -> Control:
    env = plan.job["env"] if plan.job else {name: os.environ[name] for name in _LOADER if name in os.environ}
    try:
        return await Control.start(pair.interpreter, scratch, env, chatter, hear)
    except OSError as error:
        raise BuildFailed(
            f"the Python interpreter cannot be started: {error.strerror}",
            where=str(pair.interpreter),
            hint="install it, or ask for another Python version",
        ) from error


def _hello(pair: LayerPair, scratch: Path, plan: Plan, leave_out: list[str]) -> Message:
    return {
        "mode": plan.mode,
        "parent": os.getpid(),
        "scratch": str(scratch),
        "base": str(pair.base),
        "dependencies": str(pair.dependencies) if pair.dependencies else None,
        "leave_out": leave_out,
        "env": dict(plan.env),
        **({"job": plan.job} if plan.job else {}),
    }
