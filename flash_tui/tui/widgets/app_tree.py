"""The hierarchy. The cursor follows the key of its row, folding is kept, and nothing jumps when state arrives.

Keys: up and down, left folds or goes to the parent, right unfolds or goes to the first child, enter opens.
"""

from __future__ import annotations

from typing import ClassVar

from textual.binding import BindingType

from flash_tui.tui.keymap import bindings
from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.present.outline import Key, Outline, OutlineRow, outline_line
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import ListPane, Title


class AppTree(ListPane):
    BINDINGS: ClassVar[list[BindingType]] = bindings("tree")

    def __init__(self, outline: Outline, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._outline = outline
        self._view: View | None = None
        self._all: list[OutlineRow] = []
        self._rows: list[OutlineRow] = []
        self._filter = ""
        self._is_placed = False
        """The cursor stands where it belongs: on the first environment that came, or where it was put."""

    @property
    def key(self) -> Key:
        return self._rows[self.cursor].key if self._rows else ()

    @property
    def rows(self) -> list[OutlineRow]:
        """What is visible, top down."""
        return self._rows

    @property
    def filter_text(self) -> str:
        return self._filter

    def show(self, view: View) -> None:
        """Take in a new snapshot; the cursor stays on its key and the rows around it where they are."""
        self._view = view
        key, offset = self.key, self.cursor - self.top
        at_rest = self._rows
        self._lay_out()
        if key and self._is_placed:
            self.cursor = self._find(key, at_rest)
            self.top = self.clamped(self.cursor - offset) if self.top else self.top
            self.show_cursor()
        elif self._rows:
            environments = (index for index, row in enumerate(self._rows) if row.key[0] == "environment")
            first = next(environments, None)
            home = self._view.settings.pipeline.first if self._view else ""
            self._is_placed = first is not None and self._rows[first].key[2] == home
            self.cursor = first or 0
            self.post_message(self.Moved())
        self.redraw()

    def select(self, key: Key) -> None:
        """Put the cursor on a key, if it is visible."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self.move_to(index)
                return

    def reveal(self, key: Key) -> None:
        """Unfold what hides a key, then put the cursor on it."""
        if self._filter:
            self.filter_by("")
        for above in _above(key):
            self._outline.fold(above, is_open=True)
        self._lay_out()
        self.select(key)

    def filter_by(self, text: str) -> None:
        key = self.key
        self._filter = text
        self._lay_out()
        if key and self._rows:
            self.cursor = self._find(key, [])
        self.show_cursor()
        self.redraw()
        self.post_message(self.Moved())

    def move_to(self, index: int) -> None:
        self._is_placed = True
        super().move_to(index)

    def title(self) -> Title:
        count = len(self._view.snapshot.apps) if self._view else 0
        if self._filter:
            found = f"{len(self._rows)} of {len(self._all)}"
            return Title("1", "apps", ((f"/{self._filter}", "move"),), ((found, "soft"),))
        return Title("1", "apps", (), ((str(count), "soft"),) if count else ())

    def count(self) -> int:
        return len(self._rows) or 1

    def body_line(self, index: int, width: int) -> Line:
        if not self._rows or self._view is None:
            return self._nothing(width)
        ground = self.ground_of(index)
        host, stale = self.host, self._view.snapshot.link.is_stale
        return outline_line(self._rows[index], width, ground, host.now(), host.frame, is_stale=stale)

    def action_fold(self) -> None:
        row = self._current()
        if row is not None and row.is_open:
            self._set_fold(row, is_open=False)
        else:
            self.action_parent()

    def action_unfold(self) -> None:
        row = self._current()
        if row is None or row.is_open is None:
            return
        if row.is_open:
            self.move_to(self.cursor + 1)
        else:
            self._set_fold(row, is_open=True)

    def action_toggle_fold(self) -> None:
        row = self._current()
        if row is not None and row.is_open is not None:
            self._set_fold(row, is_open=not row.is_open)

    def action_unfold_all(self) -> None:
        """Everything below the cursor."""
        row = self._current()
        if row is None:
            return
        index = self.cursor
        while index < len(self._rows) and (index == self.cursor or self._rows[index].depth > row.depth):
            below = self._rows[index]
            if below.is_open is False:
                self._outline.fold(below.key, is_open=True)
                self._lay_out()
            index += 1
        self.redraw()

    def action_parent(self) -> None:
        row = self._current()
        if row is None:
            return
        for index in range(self.cursor - 1, -1, -1):
            if self._rows[index].depth < row.depth:
                self.move_to(index)
                return

    def _current(self) -> OutlineRow | None:
        return self._rows[self.cursor] if self._rows else None

    def _set_fold(self, row: OutlineRow, *, is_open: bool) -> None:
        self._outline.fold(row.key, is_open=is_open)
        self._lay_out()
        self.redraw()

    def _lay_out(self) -> None:
        if self._view is None:
            return
        self._all = self._outline.rows(self._view.snapshot, self._view.settings.app)
        self._rows = _matching(self._all, self._filter) if self._filter else self._all
        self.cursor = max(min(self.cursor, len(self._rows) - 1), 0)

    def _find(self, key: Key, before: list[OutlineRow]) -> int:
        """Where `key` is now; if it went away: the next sibling still there, else a previous one, else the parent."""
        where = {row.key: index for index, row in enumerate(self._rows)}
        if key in where:
            return where[key]
        old = next((index for index, row in enumerate(before) if row.key == key), None)
        if old is None:
            return self.cursor
        depth = before[old].depth
        for candidates in (before[old + 1 :], before[old - 1 :: -1] if old else []):
            for row in candidates:
                if row.depth < depth:
                    break
                if row.depth == depth and row.key in where:
                    return where[row.key]
        return next((where[row.key] for row in before[old::-1] if row.depth < depth and row.key in where), self.cursor)

    def _nothing(self, width: int) -> Line:
        row = Row(width)
        known = self._view is not None and self._view.snapshot.is_known
        if self._filter:
            row.put(4, f"0 of {len(self._all)} match {self._filter}, esc clears", "faint")
        else:
            row.put(4, "no apps yet" if known else "…", "faint")
        return row.line()


def _matching(rows: list[OutlineRow], text: str) -> list[OutlineRow]:
    """Rows whose name, state or place holds `text`, and what they hang on."""
    wanted = text if any(character.isupper() for character in text) else None
    needle = wanted or text.lower()
    kept: list[OutlineRow] = []
    depth = 0
    for row in reversed(rows):
        words = f"{row.name} {row.sign.word} {row.middle}"
        if needle in (words if wanted else words.lower()) or row.depth < depth:
            kept.append(row)
            depth = row.depth
    return kept[::-1]


def _above(key: Key) -> list[Key]:
    """The rows that a key hangs on, outermost first."""
    kind, app, *path = key
    found: list[Key] = [("app", app)]
    if kind == "build":
        found.append(("builds", app))
    elif kind in {"endpoint", "worker", "volumes", "volume"}:
        found.append(("environment", app, path[0]))
        if kind == "worker":
            found.append(("endpoint", app, path[0], path[1]))
    return found
