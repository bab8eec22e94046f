"""The header row: project, what the watch does, which target."""

from __future__ import annotations

from pathlib import Path

from flash_tui.models.human import count
from flash_tui.models.watch_view import WatchPhase, WatchView
from flash_tui.tui.present.line import Line, Row, Span, elide
from flash_tui.tui.view import View

PATH_FROM_WIDTH = 100


def short_path(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)


def header_line(view: View, width: int) -> Line:
    row = Row(width)
    target = view.settings.target
    right = row.right(width - 2, *_watch(view.snapshot.watch), ("   target ", "faint"), (target, "soft"))
    at = row.put(2, view.app or "flash-tui", "white b")
    if view.is_read_only:
        at = row.put(at + 2, "read only", "gate")
    if width >= PATH_FROM_WIDTH:
        room = right - at - 4
        row.put(at + 2, elide(short_path(view.settings.project), max(room, 0)), "faint")
    return row.line()


def _watch(watch: WatchView) -> tuple[Span, ...]:
    match watch.phase:
        case WatchPhase.OFF:
            return ((watch.reason or "not watching", "faint"),)
        case WatchPhase.STARTING:
            return (("starting the watch", "faint"),)
        case WatchPhase.PAUSED:
            return (("watch paused", "move"),)
        case _:
            if watch.files is None:
                return (("watching", "faint"),)
            return (("watching ", "faint"), (count(watch.files), "soft"), (" files", "faint"))
