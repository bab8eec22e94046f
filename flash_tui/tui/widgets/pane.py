"""Panes: a title band, then rows that scroll. No box: focus is the lifted title and a bar down the left side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message

from flash_tui.tui.keymap import bindings
from flash_tui.tui.present.line import Line, Row, Span, with_bar
from flash_tui.tui.present.text_field import TextField, field_spans
from flash_tui.tui.widgets.canvas import Canvas

WHEEL_ROWS = 3


@dataclass(frozen=True, slots=True)
class Title:
    """What stands in a title band: jump digit, name, what follows it, and the state at the right."""

    digit: str = ""
    name: str = ""
    rest: tuple[Span, ...] = ()
    right: tuple[Span, ...] = ()
    ground: str = ""
    """Instead of `band` or `lift`."""
    gap: int = 2
    """Columns between the name and what follows it."""


class Pane(Canvas, can_focus=True):
    """A scrolling pane. Below: `count` rows exist, `body_line` draws one."""

    DEFAULT_CSS: ClassVar[str] = "Pane { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings("pane")

    top: int = 0
    """The first row shown."""
    bar_ink: str = "rail"

    class Touched(Message):
        """The pane was clicked or got focus."""

    field: TextField | None = None
    """The filter, while it is typed."""

    def title(self) -> Title:
        raise NotImplementedError

    @property
    def filter_text(self) -> str:
        return ""

    @property
    def can_filter(self) -> bool:
        return type(self).filter_by is not Pane.filter_by

    def filter_by(self, text: str) -> None:
        """Show only what holds `text`."""
        raise NotImplementedError

    def start_filter(self) -> None:
        self.field = TextField(self.filter_text, len(self.filter_text))
        self.redraw()

    def on_key(self, event: events.Key) -> None:
        """While a filter is typed, its field owns the keys."""
        if self.field is None:
            return
        if event.key in {"enter", "escape"}:
            if event.key == "escape":
                self.filter_by("")
            self.field = None
        else:
            field = self.field.typed(event.key, event.character)
            if field is None:
                return
            self.field = field
            self.filter_by(field.text)
        event.stop()
        event.prevent_default()
        self.redraw()

    def on_paste(self, event: events.Paste) -> None:
        if self.field is not None:
            event.stop()
            self.field = self.field.with_text(event.text)
            self.filter_by(self.field.text)

    def count(self) -> int:
        raise NotImplementedError

    def body_line(self, index: int, width: int) -> Line:
        raise NotImplementedError

    @property
    def page(self) -> int:
        """Rows that fit under the title."""
        return max(self.size.height - 1, 1)

    def draw(self, width: int, height: int) -> list[Line]:
        self.top = self.clamped(self.top)
        last = min(self.top + height - 1, self.count())
        lines = [self._title_line(width), *(self.body_line(index, width) for index in range(self.top, last))]
        if not self.shows_bar:
            return lines
        lines += [Line()] * (height - len(lines))
        return [with_bar(line, self._bar_at(y, line)) for y, line in enumerate(lines)]

    def _bar_at(self, y: int, line: Line) -> str:
        """White at title and cursor; a bar with a meaning of its own keeps its hue."""
        return "white" if self.bar_ink == "rail" and (y == 0 or line.ground == "lift") else self.bar_ink

    @property
    def shows_bar(self) -> bool:
        return self.has_focus

    def clamped(self, top: int) -> int:
        return max(min(top, self.count() - self.page), 0)

    def scroll_rows(self, rows: int) -> None:
        self.top = self.clamped(self.top + rows)
        self.redraw()

    def watch_has_focus(self, has_focus: bool) -> None:
        """Not `on_focus`: that comes before `has_focus` changes."""
        super().watch_has_focus(has_focus)
        self.redraw()
        if has_focus:
            self.post_message(self.Touched())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_rows(WHEEL_ROWS)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_rows(-WHEEL_ROWS)

    def action_move(self, rows: int) -> None:
        self.scroll_rows(rows)

    def action_half(self, direction: int) -> None:
        self.action_move(direction * max(self.page // 2, 1))

    def action_leaf(self, direction: int) -> None:
        self.action_move(direction * self.page)

    def action_top(self) -> None:
        self.action_move(-self.count())

    def action_bottom(self) -> None:
        self.action_move(self.count())

    def _title_line(self, width: int) -> Line:
        title = self.title()
        has_focus = self.has_focus
        row = Row(width, title.ground or ("lift" if has_focus else "band"))
        row.put(2, title.digit, "faint")
        at = row.put(4, title.name, "white b" if has_focus else "text b")
        if self.field is not None:
            row.spans(at + 2, *field_spans(self.field, "/"))
        else:
            row.spans(at + title.gap, *title.rest)
        row.right(width - 2, *title.right)
        return row.line()


class ListPane(Pane):
    """A pane with a cursor row. The cursor is an index here; who holds the rows keeps it on its key."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("list")

    cursor: int = 0

    class Moved(Message):
        """The cursor stands on another row."""

    class Chosen(Message):
        """Enter, or a second click, on the row under the cursor."""

    def ground_of(self, index: int) -> str:
        if index != self.cursor:
            return "bg"
        return "lift" if self.has_focus else "raise"

    def move_to(self, index: int) -> None:
        """Put the cursor on a row and make it visible."""
        index = max(min(index, self.count() - 1), 0)
        moved = index != self.cursor
        self.cursor = index
        self.show_cursor()
        self.redraw()
        if moved:
            self.post_message(self.Moved())

    def show_cursor(self) -> None:
        if self.cursor < self.top:
            self.top = self.cursor
        elif self.cursor >= self.top + self.page:
            self.top = self.cursor - self.page + 1

    def action_move(self, rows: int) -> None:
        self.move_to(self.cursor + rows)

    def action_choose(self) -> None:
        self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        row = event.y - 1 + self.top
        if event.y < 1 or row >= self.count():
            return
        event.stop()
        if event.chain > 1 and row == self.cursor:
            self.action_choose()
        else:
            self.move_to(row)
