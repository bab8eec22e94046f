"""What differs between two builds, by kind. Keys: up and down, c copies it as text."""

from __future__ import annotations

from itertools import groupby
from typing import cast

from textual import on

from flash_tui.models.build import BuildReference
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.release import Change
from flash_tui.tui.intents import Answered, CompareBuilds, Refused
from flash_tui.tui.messages import Copied
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line, Row, blank
from flash_tui.tui.present.release_sheet import SIGNS
from flash_tui.tui.screens.sheet import Sheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Title

KINDS = {
    "resource": "resources",
    "route": "routes",
    "setting": "settings",
    "environment": "variables",
    "dependency": "packages",
    "source": "source",
}


class DiffSheet(Sheet):
    def __init__(self, app: str, old: BuildReference, new: BuildReference) -> None:
        super().__init__()
        self._question = CompareBuilds(app, old, new)
        self._changes: tuple[Change, ...] | None = None
        self._error: FlashTuiError | None = None

    def on_mount(self) -> None:
        self.ask(self._question)

    def title(self) -> Title:
        old, new = self._question.old.label, self._question.new.label
        count = len(self._changes) if self._changes is not None else None
        right = ((f"{count} change{'s' if count != 1 else ''}", "soft"),) if count is not None else ()
        return Title("4", f"{old} ▸ {new}", (), right)

    def hints(self) -> tuple[Hint, ...]:
        return (Hint("j k", "move"), Hint("c", "copy"), Hint("esc", "back"))

    def body(self, view: View, width: int) -> list[Line]:
        if self._error is not None:
            return [blank(), _text(width, self._error.what, "bad b"), _text(width, self._error.hint, "soft")]
        if self._changes is None:
            return [blank(), _text(width, "comparing…", "faint")]
        lines = diff_lines(self._changes, width)
        old, new = self._question.old, self._question.new
        places = [
            f"{one.label} runs in {', '.join(found.runs_in)}"
            for one in (old, new)
            if (found := view.snapshot.build(view.app, one.id)) is not None and found.runs_in
        ]
        return [*lines, blank(), _text(width, ", ".join(places), "faint")]

    def do(self, verb_id: str) -> bool:
        if verb_id != "thing.copy" or self._changes is None:
            return False
        text = "\n".join(f"{change.kind} {change.name}: {change.change}" for change in self._changes)
        self.post_message(Copied("the changes", text))
        return True

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        event.stop()
        self._changes = cast("tuple[Change, ...]", event.result)
        self.redraw()

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        self._error = event.error
        self.redraw()


def diff_lines(changes: tuple[Change, ...], width: int) -> list[Line]:
    """Changes in groups, each under its heading."""
    if not changes:
        return [blank(), _text(width, "nothing differs that the manifest and the files tell", "soft")]
    order = list(KINDS)
    ordered = sorted(changes, key=lambda change: order.index(change.kind) if change.kind in order else len(order))
    lines: list[Line] = []
    for kind, group in groupby(ordered, key=lambda change: change.kind):
        lines += [blank(), _text(width, KINDS.get(kind, kind), "faint")]
        for change in group:
            row = Row(width)
            sign, ink = SIGNS.get(change.change, ("~", "text b"))
            row.put(2, sign, ink)
            row.put(4, change.name, "text")
            row.put(36, "" if change.change in SIGNS else change.change, "soft")
            lines.append(row.line())
    return lines


def _text(width: int, text: str, ink: str) -> Line:
    row = Row(width)
    row.put(4, text, ink)
    return row.line()
