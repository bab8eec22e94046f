"""The watch's events into the snapshot: our own child's, or those of a watch that runs already."""

from __future__ import annotations

import os
from dataclasses import replace

from flash_tui.models.watch_events import WatchEvent
from flash_tui.models.watch_view import WatchPhase
from flash_tui.settings import Settings, read_settings
from flash_tui.tui.store import Store
from flash_tui.watch.remote import Watch


class WatchFeed:
    """Keeps one watch running and says what it does."""

    def __init__(self, settings: Settings, environment: str | None, store: Store) -> None:
        self._settings = settings
        self._environment = environment or settings.pipeline.first
        self._store = store
        self._watch = Watch(settings, self._environment, target_was_named=_target_was_named(settings))
        self.is_on = False

    async def run(self) -> None:
        """Until cancelled. A protected environment is not watched."""
        if self._settings.rules(self._environment).protected:
            self._phase(WatchPhase.OFF, f"not watching: {self._environment} is protected")
            return
        self._phase(WatchPhase.STARTING)
        self.is_on = True
        try:
            await self._watch.run(self._take)
        finally:
            self.is_on = False

    async def send(self, command: str) -> bool:
        """`pause`, `resume`, `deploy` or `cancel`; False if nobody listens."""
        return self.is_on and await self._watch.send(command)

    def _take(self, event: WatchEvent) -> None:
        self._store.apply(lambda snapshot: replace(snapshot, watch=snapshot.watch.with_event(event)))

    def _phase(self, phase: WatchPhase, reason: str = "") -> None:
        environment = self._environment
        self._store.apply(
            lambda snapshot: replace(
                snapshot, watch=replace(snapshot.watch, phase=phase, environment=environment, reason=reason)
            )
        )


def _target_was_named(settings: Settings) -> bool:
    """On the command line, that is: no other source says what `settings` say."""
    return read_settings(settings.project, os.environ).target != settings.target
