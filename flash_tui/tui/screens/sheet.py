"""A sheet takes a pane area on the grid, never floats; what lies beside it is dimmed, `esc` uncovers exactly that."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType
from textual.message import Message

from flash_tui.tui.keymap import bindings
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Pane


class Sheet(Pane):
    """Content in lines under a title; subclasses give `body`."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("sheet")
    IS_FULL: ClassVar[bool] = False
    """It takes all columns, the tree's too."""

    class Closed(Message):
        """The sheet is done; `None` of what it covered has changed."""

    def __init__(self) -> None:
        super().__init__(id="sheet")
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

    def back(self) -> bool:
        """Peel one layer inside the sheet; False if there is none and the sheet goes."""
        return False

    def close(self) -> None:
        self.post_message(self.Closed())

    def draw(self, width: int, height: int) -> list[Line]:
        self._body = self.body(self.view, width) if self.view else []
        return super().draw(width, height)

    def count(self) -> int:
        return len(self._body)

    def body_line(self, index: int, width: int) -> Line:
        del width
        return self._body[index]
