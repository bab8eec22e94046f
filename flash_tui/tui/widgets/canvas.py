"""The base of all that is drawn here: a widget is a list of lines, and only the rows that differ are painted again."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Protocol, cast

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from flash_tui.tui.paint import Painter
from flash_tui.tui.present.line import Line, blank


class Host(Protocol):
    """What a widget may know of the app."""

    painter: Painter
    frame: int
    """Of the one spinner."""

    def now(self) -> datetime: ...


class Canvas(Widget):
    """Draws `draw()`; call `redraw` whenever what it shows may have changed."""

    DEFAULT_CSS: ClassVar[str] = "Canvas { height: 1; }"

    is_dimmed: bool = False
    """A sheet lies beside it."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._lines: list[Line] = []

    @property
    def host(self) -> Host:
        return cast("Host", self.app)  # pyright: ignore[reportUnknownMemberType] - generic in Textual

    def draw(self, width: int, height: int) -> list[Line]:
        """The visible rows, at most `height`."""
        raise NotImplementedError

    def redraw(self, *, everything: bool = False) -> None:
        """Draw anew; rows that came out the same are not painted."""
        width, height = self.size
        if not (width and height and self.is_mounted):
            return
        lines = self.draw(width, height)
        lines += [blank()] * (height - len(lines))
        before, self._lines = self._lines, lines
        if everything or len(before) != len(lines):
            self.refresh()
            return
        changed = [Region(0, y, width, 1) for y, line in enumerate(lines) if line != before[y]]
        if changed:
            self.refresh(*changed)

    def dim(self, *, is_dimmed: bool) -> None:
        if self.is_dimmed != is_dimmed:
            self.is_dimmed = is_dimmed
            self.redraw(everything=True)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._lines):
            return self.host.painter.strip(blank(), width)
        return self.host.painter.strip(self._lines[y], width, dimmed=self.is_dimmed)

    def on_resize(self, _event: events.Resize) -> None:
        self.redraw(everything=True)

    def on_show(self, _event: events.Show) -> None:
        self.redraw(everything=True)
