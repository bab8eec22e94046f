"""The keys of here, in columns by group; signs and words beside them where there is room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flash_tui.tui.keymap import GROUPS
from flash_tui.tui.present.line import Line, Row, blank

COLUMN = 32
KEY_CELLS = 10
SIGNS = (
    ("✓", "ok", "deployed"),
    ("⠹", "move", "deploying"),
    ("✗", "bad", "failed"),
    ("◌", "faint", "pending"),
    ("⊘", "faint", "cancelled"),
    ("▸", "ok", "running"),
    ("∙", "faint", "idle"),
    ("╫", "gate", "protected"),
    ("*", "faint", "not fresh"),
)
WORDS = (
    ("ahead", "not there yet"),
    ("kept", "old build serves"),
    ("live", "traffic switched"),
    ("4s 3h 6d", "since"),
)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """`reason`: why it does nothing here. `partner`: the verb that shares the line, if one does."""

    verb_id: str
    keys: str
    label: str
    group: str
    reason: str = ""
    partner: str = ""


Cell = tuple[str, KeyEntry | None]
"""A heading, or an entry."""


def columns(entries: Sequence[KeyEntry], width: int, height: int) -> list[list[Cell]]:
    """Groups laid into columns, a group kept together where a column can hold it."""
    blocks: list[list[Cell]] = []
    for group in GROUPS:
        members = [entry for entry in entries if entry.group == group]
        if members:
            blocks.append([(group, None), *(("", entry) for entry in members)])
    count = max(width // COLUMN, 1)
    room = max(height, -(-sum(len(block) + 1 for block in blocks) // count))
    found: list[list[Cell]] = [[]]
    column: list[Cell]
    for block in blocks:
        column = found[-1]
        if column and len(column) + 1 + len(block) > room and len(found) < count:
            column = []
            found.append(column)
        if column:
            column.append(("", None))
        column.extend(block)
    return found


def keys_lines(grid: Sequence[Sequence[Cell]], chosen: KeyEntry | None, width: int, *, has_room: bool) -> list[Line]:
    height = max((len(column) for column in grid), default=0)
    if has_room:
        height = max(height, len(SIGNS) + 2 + 2 * len(WORDS) + 1)
    rows = [Row(width, "band") for _ in range(height)]
    for number, column in enumerate(grid):
        for row, (heading, entry) in zip(rows, column, strict=False):
            _cell(row, 4 + number * COLUMN, heading, entry, is_chosen=entry is not None and entry is chosen)
    if has_room:
        _legend(rows, 4 + len(grid) * COLUMN)
    return [blank("band"), *(row.line() for row in rows)]


def _cell(row: Row, x: int, heading: str, entry: KeyEntry | None, *, is_chosen: bool) -> None:
    if entry is None:
        row.put(x, heading, "soft b")
        return
    ground = "@lift" if is_chosen else ""
    if is_chosen:
        row.put(x - 1, " ", f"text{ground}")
    row.put(x, entry.keys.ljust(KEY_CELLS), ("faint b" if entry.reason else "white b") + ground)
    label = f"{entry.label}, {entry.reason}" if entry.reason else entry.label
    room = COLUMN - KEY_CELLS - 2
    row.put(
        x + KEY_CELLS, label[:room].ljust(room if is_chosen else 0), ("faint i" if entry.reason else "text") + ground
    )


def _legend(rows: list[Row], x: int) -> None:
    rows[0].put(x, "signs", "soft b")
    for row, (glyph, ink, word) in zip(rows[1:], SIGNS, strict=False):
        row.put(x, glyph, ink)
        row.put(x + 3, word, ink)
    start = len(SIGNS) + 2
    rows[start].put(x, "words", "soft b")
    for index, (word, meaning) in enumerate(WORDS):
        rows[start + 1 + 2 * index].put(x, word, "text")
        rows[start + 2 + 2 * index].put(x + 2, meaning, "faint")
