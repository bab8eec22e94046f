"""Warm interpreters, one a pair of layers: opened once, shared by all workers on them, closed when long unused."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from flash_tui.local import limits
from flash_tui.models.errors import BootFailed
from flash_tui.runtime.processes import Child
from flash_tui.runtime.zygote import LayerPair, WorkerSource, WorkerSpec

OpenSource = Callable[[LayerPair, Path], Awaitable[WorkerSource]]
"""A source of workers for a pair of layers; the folder is its scratch."""


@dataclass(eq=False, slots=True)
class _Slot:
    turn: anyio.Lock = field(default_factory=anyio.Lock)
    source: WorkerSource | None = None
    parked: list[tuple[WorkerSource, float]] = field(default_factory=list[tuple[WorkerSource, float]])
    """Those that start nothing any more, and since when (monotonic seconds); what they started may still serve."""
    used_at: float = field(default_factory=time.monotonic)


class Zygotes:
    """Opened sources by pair."""

    def __init__(self, open_source: OpenSource, scratch: Path) -> None:
        self._open_source = open_source
        self._scratch = scratch
        self._slots: dict[LayerPair, _Slot] = {}

    async def warm(self, pair: LayerPair) -> WorkerSource:
        """The source of a pair; the first caller waits until it is warm (1 to 2 s). Raises FlashTuiError."""
        slot = self._slots.setdefault(pair, _Slot())
        async with slot.turn:
            slot.used_at = time.monotonic()
            if slot.source is None:
                slot.source = await self._open_source(pair, self._scratch)
            return slot.source

    async def start(self, pair: LayerPair, spec: WorkerSpec) -> Child:
        """Start a worker; a source that fails is opened once more.

        Raises:
            BootFailed: no process could be made.
            BuildFailed: the SDK cannot be imported with these layers.
        """
        source = await self.warm(pair)
        try:
            return await source.start(spec)
        except BootFailed:
            self._park(pair, source)
        return await (await self.warm(pair)).start(spec)

    def _park(self, pair: LayerPair, source: WorkerSource) -> None:
        """Closing it would kill the workers it has started."""
        slot = self._slots.get(pair)
        if slot is not None and slot.source is source:
            slot.source = None
            slot.parked.append((source, time.monotonic()))

    async def close_unused(self, oldest_worker: Mapping[LayerPair, float]) -> None:
        """Close what nobody needs and nobody used for a while.

        `oldest_worker` has every pair that is in use, and when (monotonic seconds) its oldest worker was started.
        """
        now = time.monotonic()
        for pair, slot in tuple(self._slots.items()):
            since = oldest_worker.get(pair)
            if since is not None:
                slot.used_at = now
            for source, parked_at in tuple(slot.parked):
                if since is None or parked_at < since:
                    slot.parked.remove((source, parked_at))
                    await source.aclose()
            if now - slot.used_at > limits.ZYGOTE_IDLE_S and not slot.turn.locked():
                del self._slots[pair]
                if slot.source is not None:
                    await slot.source.aclose()

    async def aclose(self) -> None:
        slots, self._slots = tuple(self._slots.values()), {}
        async with anyio.create_task_group() as group:
            for slot in slots:
                for source in (slot.source, *(parked for parked, _ in slot.parked)):
                    if source is not None:
                        group.start_soon(source.aclose)
