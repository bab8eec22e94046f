"""The footer: the keys that apply here, greyed where they do not; `?` is always last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flash_tui.tui.present.line import Line, Row

GAP = 3


@dataclass(frozen=True, slots=True)
class Hint:
    """One key and what it does. `is_off`: not now."""

    key: str
    label: str
    is_off: bool = False
    rank: int = 50
    """When room is short, the highest leave first."""
    verb_id: str = ""
    """What a click on it does; nothing where it is empty."""


def fitting(hints: Sequence[Hint], last: Hint, width: int) -> list[Hint]:
    """Those that there is room for."""
    end = width - 2 - _cells(last) - GAP
    shown = list(hints)
    while shown and sum(_cells(hint) + GAP for hint in shown) - GAP > end - 2:
        worst = max(hint.rank for hint in shown)
        shown.pop(max(index for index, hint in enumerate(shown) if hint.rank == worst))
    return shown


def hint_at(hints: Sequence[Hint], last: Hint, width: int, column: int) -> Hint | None:
    """The key that stands at a column."""
    at = 2
    for hint in fitting(hints, last, width):
        if at <= column < at + _cells(hint):
            return hint
        at += _cells(hint) + GAP
    return last if width - 2 - _cells(last) <= column < width - 2 else None


def footer_line(hints: Sequence[Hint], last: Hint, width: int) -> Line:
    row = Row(width)
    row.right(width - 2, (last.key, "white b"), (f" {last.label}", "faint"))
    at = 2
    for hint in fitting(hints, last, width):
        at = row.put(at, hint.key, "off" if hint.is_off else "white b")
        at = row.put(at + 1, hint.label, "off" if hint.is_off else "faint") + GAP
    return row.line()


def _cells(hint: Hint) -> int:
    return len(hint.key) + 1 + len(hint.label)
