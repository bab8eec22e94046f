"""Where workers come from: a fork of a zygote, a warm spare, or a fresh interpreter. One interface, one result."""

from __future__ import annotations

from pathlib import Path

from flash_tui.runtime.zygote import LayerPair, WorkerSource


async def open_worker_source(pair: LayerPair, scratch: Path, kind: str | None = None) -> WorkerSource:
    """The source that `kind`, else FLASH_TUI_WORKER_SOURCE, else the operating system calls for: fork, spare or spawn."""
    raise NotImplementedError
