"""All keys that work here. Type to search, enter runs the one that is lit, grey ones say why."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events

from flash_tui.tui.messages import Run
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.keys_sheet import COLUMN, KeyEntry, columns, keys_lines
from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.present.text_field import TextField, field_spans
from flash_tui.tui.screens.sheet import Sheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Title

LEGEND_CELLS = 24


class KeysSheet(Sheet):
    OWNS_LETTERS: ClassVar[bool] = True
    IS_FULL: ClassVar[bool] = True

    def __init__(self, entries: Callable[..., list[KeyEntry]], where: str) -> None:
        super().__init__()
        self._entries = entries
        self._where = where
        self._typed = TextField()
        self._chosen = 0
        self._found: list[KeyEntry] = []

    def title(self) -> Title:
        rest = field_spans(self._typed, "/") if self._typed.text else ((self._where, "soft"),)
        right = (("type to search   ", "faint"), ("enter", "white b"), (" runs it", "faint"))
        return Title("", "Keys", tuple(rest), right, "lift")

    def hints(self) -> tuple[Hint, ...]:
        return (Hint("type", "search"), Hint("enter", "run"), Hint("esc", "close"))

    def body(self, view: View, width: int) -> list[Line]:
        del view
        text = self._typed.text.lower()
        self._found = [
            entry
            for entry in self._entries(with_pairs=not text)
            if not text or text in f"{entry.keys} {entry.label} {entry.verb_id}".lower()
        ]
        self._chosen = max(min(self._chosen, len(self._found) - 1), 0)
        has_room = width >= 3 * COLUMN + LEGEND_CELLS
        grid = columns(self._found, width - (LEGEND_CELLS if has_room else 4), self.size.height - 3)
        chosen = self._found[self._chosen] if self._found and text else None
        lines = keys_lines(grid, chosen, width, has_room=has_room)
        if not self._found:
            row = Row(width)
            row.put(4, f"no key for {self._typed.text}", "faint")
            lines.append(row.line())
        return lines

    def on_key(self, event: events.Key) -> None:
        if event.key in {"down", "up"} and self._typed.text:
            self._chosen += 1 if event.key == "down" else -1
        else:
            field = self._typed.typed(event.key, event.character)
            if field is None or event.key in {"ctrl+u", "home", "end"}:
                return
            self._typed, self._chosen = field, 0
        event.stop()
        event.prevent_default()
        self.redraw()

    def back(self) -> bool:
        if not self._typed.text:
            return False
        self._typed = TextField()
        self.redraw()
        return True

    def action_confirm(self) -> None:
        if self._found and self._typed.text:
            entry = self._found[self._chosen]
            self.post_message(Run(entry.verb_id, closes=True))
