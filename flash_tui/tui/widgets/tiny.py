"""What a terminal too small for anything shows: what it needs. Keys still work."""

from __future__ import annotations

from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.widgets.canvas import Canvas


class TinyNotice(Canvas):
    def draw(self, width: int, height: int) -> list[Line]:
        del height
        row = Row(width)
        row.put(0, "flash-tui needs 60 x 16", "text")
        return [row.line()]
