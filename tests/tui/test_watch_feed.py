"""What the watch says, on the screen."""

from __future__ import annotations

from flash_tui.models.snapshot import Snapshot
from flash_tui.models.watch_events import WatchEvent
from flash_tui.tui.watch_feed import with_watch_event
from tests.builders import NOW


def after(snapshot: Snapshot, *notes: str) -> Snapshot:
    return with_watch_event(snapshot, WatchEvent(event="build", at=NOW, notes=notes or None))


def test_what_is_to_be_noted_about_a_build_passes_by_once() -> None:
    first = after(Snapshot(), "torch is not packed", "b", "c")
    assert [(notice.text, notice.detail) for notice in first.notices] == [
        ("torch is not packed", "and 2 more: flash-tui build")
    ]
    assert after(first, "torch is not packed", "b").notices == first.notices
    assert after(first, "torch is not packed", "d").notices[-1].text == "d"
