"""What is imported before user code is known, and how a process notices that an import spoils it for forking."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Sequence

from flash_tui.worker import confinement

ESSENTIAL = ("runpod", "runpod_flash", "runpod_flash.endpoint")
"""Without these nothing runs: failing to import them fails the build."""

HELPFUL = (
    "runpod_flash.core.resources",
    "runpod_flash.runtime.lb_handler",
    "runpod_flash.cli.commands.build",
    "fastapi",
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
    "aiohttp",
    "httpx",
    "multiprocessing.popen_fork",
    "concurrent.futures.thread",
    "asyncio",
)
"""Left out one by one where they raise, start a thread or open a descriptor."""

AFFIRMED = {"RUNPOD_ENDPOINT_ID": "warm"}
"""Set during import, whatever the job: this is a deployed worker, so the SDK opens no log file."""


class Spoiled(Exception):
    """An import made this process unfit for forking: it must start again without it."""

    def __init__(self, module: str, why: str) -> None:
        super().__init__(f"{module}: {why}")
        self.module = module
        self.why = why


def warm(leave_out: Sequence[str], announce: Callable[[str], None], *, is_to_fork: bool) -> None:
    """Import all but `leave_out`. `announce` hears of each module before its import.

    Raises:
        ImportError (or whatever the module raises): an essential module cannot be imported.
        Spoiled: a helpful module cannot, or the process is to fork and a module started a thread or left a descriptor
            open.
    """
    for name in (*ESSENTIAL, *HELPFUL):
        if name in leave_out:
            continue
        announce(name)
        before = _traces()
        try:
            importlib.import_module(name)
        except Exception as error:
            if name in ESSENTIAL:
                raise
            if is_to_fork:
                raise Spoiled(name, f"{type(error).__name__}: {error}") from error
        after = _traces()
        if is_to_fork and after != before:
            raise Spoiled(name, f"threads and descriptors were {before}, are {after}")
    gc.collect()
    gc.freeze()


def _traces() -> tuple[int, int]:
    return confinement.thread_count(), len(confinement.open_descriptors())
