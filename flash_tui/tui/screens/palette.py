"""Everything by name: type, enter runs or goes there. Grey entries say why they do nothing here."""

from __future__ import annotations

from typing import ClassVar

from textual import events

from flash_tui.tui.keymap import Keymap
from flash_tui.tui.messages import Run, ThemeWanted, Went
from flash_tui.tui.palette import Entry, entries, search
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.present.text_field import TextField, field_spans
from flash_tui.tui.screens.sheet import ListSheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Title


class PaletteSheet(ListSheet):
    OWNS_LETTERS: ClassVar[bool] = True
    IS_FULL: ClassVar[bool] = False

    def __init__(self, keymap: Keymap) -> None:
        super().__init__()
        self._keymap = keymap
        self._typed = TextField()
        self._all: list[Entry] = []
        self._found: list[Entry] = []

    def show(self, view: View) -> None:
        self._all = entries(view, self._keymap)
        self._found = search(self._all, self._typed.text)
        super().show(view)

    def title(self) -> Title:
        return Title("", ":", field_spans(self._typed), ((f"{len(self._found)}", "soft"),), "lift", gap=1)

    def hints(self) -> tuple[Hint, ...]:
        return (Hint("type", "search"), Hint("↑ ↓", "move"), Hint("enter", "run"), Hint("esc", "close"))

    def count(self) -> int:
        return max(len(self._found), 1)

    def body_line(self, index: int, width: int) -> Line:
        row = Row(width, self.ground_of(index))
        if not self._found:
            row.put(4, f"nothing is called {self._typed.text}", "faint")
            return row.line()
        entry = self._found[index]
        row.right(
            width - 2,
            (entry.reason or entry.hint, "faint i" if entry.reason else "white b" if entry.verb_id else "faint"),
        )
        row.put(4, entry.text, "faint" if entry.reason else "text")
        return row.line()

    def on_key(self, event: events.Key) -> None:
        if event.key in {"down", "up", "ctrl+n", "ctrl+p"}:
            self.move_to(self.cursor + (1 if event.key in {"down", "ctrl+n"} else -1))
        else:
            field = self._typed.typed(event.key, event.character)
            if field is None:
                return
            self._typed = field
            self.cursor = self.top = 0
            if self.view is not None:
                self.show(self.view)
        event.stop()
        event.prevent_default()

    def action_choose(self) -> None:
        if not self._found:
            return
        entry = self._found[self.cursor]
        if entry.verb_id:
            self.post_message(Run(entry.verb_id, closes=True))
        elif entry.key:
            self.post_message(Went(entry.key))
        else:
            self.screen.post_message(ThemeWanted(entry.theme))
            self.close()
