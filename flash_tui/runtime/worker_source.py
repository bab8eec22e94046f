"""Where workers come from: a fork of a zygote, a warm spare, or a fresh interpreter. One interface, one result."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flash_tui.models.errors import UsageError
from flash_tui.runtime.processes import Child
from flash_tui.runtime.zygote import LayerPair, WorkerSource, WorkerSpec, Zygote

VARIABLE = "FLASH_TUI_WORKER_SOURCE"


class ForkSource:
    """Workers as forks of one zygote, which it owns."""

    def __init__(self, zygote: Zygote) -> None:
        self.zygote = zygote

    async def start(self, spec: WorkerSpec) -> Child:
        return await self.zygote.start_worker(spec)

    async def aclose(self) -> None:
        await self.zygote.aclose()


async def open_worker_source(
    pair: LayerPair, scratch: Path, kind: str | None = None, env: Mapping[str, str] | None = None
) -> WorkerSource:
    """The source that `kind`, else FLASH_TUI_WORKER_SOURCE, else the operating system calls for.

    Raises:
        BuildFailed: the SDK cannot be imported with this pair.
        UsageError: no such kind.
    """
    kind = kind or os.environ.get(VARIABLE) or "fork"
    if kind == "fork":
        return ForkSource(await Zygote.start(pair, scratch, env))
    raise UsageError(f"there is no worker source {kind!r}", where=VARIABLE, hint="choose fork, spare or spawn")
