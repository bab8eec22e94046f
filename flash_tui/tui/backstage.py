"""What works behind the screen, and how it is opened: after the first frame, since it brings the client's libraries."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import anyio

from flash_tui.settings import Settings
from flash_tui.tui.intents import Intent
from flash_tui.tui.store import Store

if TYPE_CHECKING:
    from flash_tui.tui.watch_feed import WatchFeed


class Backstage(Protocol):
    """Carries out wishes and keeps the store fresh."""

    async def run(self) -> None: ...

    def take(self, intent: Intent) -> None: ...

    async def stop(self) -> None: ...


async def end_on_signals(end: Callable[[], object]) -> None:
    """Told to go (by a closed terminal, by `kill`), the program gives the terminal back first."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            end()


def open_backstage(
    settings: Settings, environment: str | None, store: Store, now: Callable[[], datetime], *, is_watching: bool
) -> Backstage:
    """The conductor with its feed. The watch is opened once there is something to watch."""
    # httpx imports its own command line (click, pygments, rich.progress) where it can: 30 ms of the first paint.
    sys.modules.setdefault("httpx._main", None)  # pyright: ignore[reportArgumentType] - None: cannot be imported
    from flash_tui.tui.conductor import Conductor  # noqa: PLC0415 - see above
    from flash_tui.tui.feed import Feed  # noqa: PLC0415

    def open_watch() -> WatchFeed:
        from flash_tui.tui.watch_feed import WatchFeed  # noqa: PLC0415

        return WatchFeed(settings, environment, store)

    return Conductor(settings, store, Feed(settings, store, now), open_watch if is_watching else None, now)
