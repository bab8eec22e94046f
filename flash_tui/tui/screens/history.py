"""Deployments of an environment or of the whole app, newest first.

Keys: enter shows the error in full, u rolls back to that build, d compares it with the one before, / filters, c copies.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from flash_tui.models.deployment import Deployment
from flash_tui.tui.messages import Compared, Picked
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.history import Entry, act_line, day_line, entries, heads, more_lines
from flash_tui.tui.present.line import Line, Row, blank
from flash_tui.tui.screens.sheet import ListSheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Title

MORE_ROWS = 5
MORE_FROM_HEIGHT = 20


class HistorySheet(ListSheet):
    IS_FULL: ClassVar[bool] = True
    GROUND: ClassVar[str] = "bg"
    HEADINGS: ClassVar[int] = 2

    def __init__(self, environment: str | None) -> None:
        """Of one environment, or of all."""
        super().__init__()
        self._environment = environment
        self._entries: list[Entry] = []
        self._total = 0
        self._filter = ""

    def show(self, view: View) -> None:
        at = self._act()
        acts = view.snapshot.deployments.get(view.app, ())
        acts = tuple(act for act in acts if self._environment in (None, act.environment))
        self._total = len(acts)
        wanted = [act for act in acts if self._filter.lower() in _words(act)]
        self._entries = entries(wanted, self._today())
        if at is not None:
            same = (index for index, one in enumerate(self._entries) if isinstance(one, Deployment) and one.id == at.id)
            self.cursor = next((index + self.HEADINGS for index in same), self.cursor)
        elif self._entries:
            first = 1 if isinstance(self._entries[0], date) else 0
            self.cursor = self.HEADINGS + first
        super().show(view)

    @property
    def filter_text(self) -> str:
        return self._filter

    def filter_by(self, text: str) -> None:
        self._filter = text
        if self.view is not None:
            self.show(self.view)

    def title(self) -> Title:
        app = self.view.app if self.view else ""
        what = f"{app}, {self._environment or 'all environments'}"
        rest = [(what, "soft")]
        if self._filter:
            rest.append((f"  /{self._filter}", "move"))
        shown = sum(isinstance(one, Deployment) for one in self._entries)
        count = f"{shown} of {self._total}" if self._filter else str(self._total)
        return Title("3", "deployments", tuple(rest), ((count, "soft"), ("   /", "white b"), (" filter", "faint")))

    def hints(self) -> tuple[Hint, ...]:
        return (
            Hint("enter", "more", rank=1),
            Hint("d", "diff", rank=3),
            Hint("u", "roll back to this", rank=2),
            Hint("/", "filter", rank=4),
            Hint("c", "copy", rank=5),
            Hint("esc", "back", rank=0),
        )

    def draw(self, width: int, height: int) -> list[Line]:
        more = self._more(width) if height >= MORE_FROM_HEIGHT else []
        lines = super().draw(width, height - len(more))
        return [*lines[: height - len(more)], *more]

    @property
    def page(self) -> int:
        more = MORE_ROWS if self.size.height >= MORE_FROM_HEIGHT else 0
        return max(self.size.height - 1 - more, 1)

    def count(self) -> int:
        return self.HEADINGS + max(len(self._entries), 1)

    def body_line(self, index: int, width: int) -> Line:
        if index < self.HEADINGS:
            return heads(width) if index else blank()
        if not self._entries or self.view is None:
            row = Row(width)
            row.put(4, f"0 of {self._total} hold {self._filter}, esc clears" if self._filter else "none yet", "faint")
            return row.line()
        entry = self._entries[index - self.HEADINGS]
        if isinstance(entry, date):
            return day_line(entry, self._today(), width)
        ground = self.ground_of(index)
        is_protected = self.view.is_protected(entry.environment)
        return act_line(entry, width, ground, self.host.now(), self.host.frame, is_protected=is_protected)

    def move_to(self, index: int) -> None:
        """Days and headings are stepped over."""
        step = 1 if index >= self.cursor else -1
        index = max(min(index, self.count() - 1), self.HEADINGS)
        while self.HEADINGS <= index < self.count() and not self._is_act(index):
            index += step
        if self._is_act(index):
            super().move_to(index)
        if self.cursor <= self.HEADINGS + 1:
            self.top = 0
            self.redraw()

    def back(self) -> bool:
        if not self._filter:
            return False
        self.filter_by("")
        return True

    def do(self, verb_id: str) -> bool:
        act = self._act()
        if verb_id == "pane.filter":
            self.start_filter()
        elif act is not None and verb_id == "environment.rollback" and act.to_build is not None:
            self.post_message(Picked("rollback", act.environment, act.to_build))
        elif act is not None and verb_id == "build.diff" and act.to_build is not None and act.from_build is not None:
            self.post_message(Compared(act.from_build, act.to_build))
        else:
            return False
        return True

    def _today(self) -> date:
        return self.host.now().astimezone().date()

    def _is_act(self, index: int) -> bool:
        at = index - self.HEADINGS
        return 0 <= at < len(self._entries) and isinstance(self._entries[at], Deployment)

    def _act(self) -> Deployment | None:
        """The deployment under the cursor."""
        at = self.cursor - self.HEADINGS
        entry = self._entries[at] if 0 <= at < len(self._entries) else None
        return entry if isinstance(entry, Deployment) else None

    def _more(self, width: int) -> list[Line]:
        act = self._act()
        lines = [blank(), *more_lines(act, width)] if act is not None else []
        return (lines + [blank()] * MORE_ROWS)[:MORE_ROWS]


def _words(act: Deployment) -> str:
    build = act.to_build.label if act.to_build else ""
    error = act.error.what if act.error else ""
    return f"{act.environment} {act.cause} {act.outcome or 'running'} {build} {act.note} {error}".lower()
