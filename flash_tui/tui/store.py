"""The one place where state changes: events in, the next snapshot out, handed to the app at most once per turn."""

from __future__ import annotations

from collections.abc import Callable

from flash_tui.models.snapshot import Snapshot

Change = Callable[[Snapshot], Snapshot]


class Store:
    """`schedule` runs a callable soon, once; `publish` takes the newest snapshot."""

    def __init__(self, publish: Callable[[Snapshot], None], schedule: Callable[[Callable[[], None]], object]) -> None:
        self.snapshot = Snapshot()
        self._publish = publish
        self._schedule = schedule
        self._is_due = False

    def apply(self, change: Change) -> None:
        """Fold a change in. However many arrive in one turn of the loop, one snapshot is shown."""
        before = self.snapshot
        self.snapshot = change(before)
        if self.snapshot is not before and not self._is_due:
            self._is_due = True
            self._schedule(self._deliver)

    def _deliver(self) -> None:
        self._is_due = False
        self._publish(self.snapshot)
