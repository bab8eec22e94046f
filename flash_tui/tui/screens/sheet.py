"""A sheet takes a pane area on the grid, never floats; what lies beside it is dimmed, `esc` uncovers exactly that."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from flash_tui.tui.intents import Intent
from flash_tui.tui.keymap import bindings
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import ListPane, Pane


class Sheet(Pane):
    """Content in lines under a title; subclasses give `title` and `body`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("sheet")
    IS_FULL: ClassVar[bool] = False
    """It takes all columns, the tree's too."""
    GROUND: ClassVar[str] = "band"
    IS_GREETING: ClassVar[bool] = False
    """It goes as soon as there is an app."""
    OWNS_LETTERS: ClassVar[bool] = False
    """It has a text field, so `?` is a letter here and f1 shows the keys."""
    ALLOWS: ClassVar[frozenset[str]] = frozenset()
    """Verbs of the workbench that work while it is open, beside those that always do."""

    class Closed(Message):
        """The sheet is done."""

    def __init__(self) -> None:
        super().__init__()
        self.view: View | None = None
        self._body: list[Line] = []

    def show(self, view: View) -> None:
        self.view = view
        self.redraw()

    def body(self, view: View, width: int) -> list[Line]:
        raise NotImplementedError

    def hints(self) -> tuple[Hint, ...]:
        """The footer while the sheet has focus."""
        return (Hint("esc", "back"),)

    def do(self, verb_id: str) -> bool:
        """Take a key that means something on this sheet; False if it means nothing here."""
        del verb_id
        return False

    def back(self) -> bool:
        """Peel one layer inside the sheet; False if there is none and the sheet goes."""
        return False

    def ask(self, intent: Intent) -> None:
        """Post a wish whose answer comes to this sheet."""
        intent.asker = self
        # Not through the ancestors: a message does not bubble past the one in whose handler it was made.
        self.screen.post_message(intent)

    @property
    def moves(self) -> bool:
        """Something on it is under way."""
        return False

    def close(self) -> None:
        self.post_message(self.Closed())

    def action_stop(self, step: int) -> None:
        """Go to the next field."""

    def action_confirm(self) -> None:
        """Enter."""

    @property
    def shows_bar(self) -> bool:
        return True

    def draw(self, width: int, height: int) -> list[Line]:
        self._body = self.body(self.view, width) if self.view else []
        lines = super().draw(width, height)
        lines += [Line()] * (height - len(lines))
        return [replace(line, ground=self.GROUND) if line.ground == "bg" else line for line in lines]

    def count(self) -> int:
        return len(self._body)

    def body_line(self, index: int, width: int) -> Line:
        del width
        return self._body[index]


class ListSheet(Sheet, ListPane):
    """A sheet of rows with a cursor; subclasses give `count` and `body_line`."""

    def body(self, view: View, width: int) -> list[Line]:
        del view, width
        return []

    def draw(self, width: int, height: int) -> list[Line]:
        self.cursor = max(min(self.cursor, self.count() - 1), 0)
        return super().draw(width, height)

    def action_confirm(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        """Enter on a row."""
