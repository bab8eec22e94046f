"""Logs of what is selected: follows the newest line until you scroll up, and really stops there.

Keys: s follows or holds, t times, left and right move along the line, G goes to the end and follows.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import ClassVar

from textual.binding import BindingType

from flash_tui.models.human import count
from flash_tui.models.log import LogLine
from flash_tui.models.snapshot import Logs
from flash_tui.tui.keymap import bindings
from flash_tui.tui.present.line import Line, Row, Span
from flash_tui.tui.present.log_lines import MOST_SOURCE, log_line, source
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Pane, Title

Scope = tuple[str, str, str, str]
"""App, environment, endpoint, worker; empty means all of them."""


class LogPane(Pane):
    BINDINGS: ClassVar[list[BindingType]] = bindings("logs")

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._view: View | None = None
        self._scope: Scope = ("", "", "", "")
        self._kept: list[tuple[int, LogLine]] = []
        """Lines of the scope with their numbers, oldest first."""
        self._upto: int = 0
        self._held_at: int | None = None
        """The number of the next line when following stopped."""
        self._source_width = 0
        self._shift = 0
        self._shows_time = True
        self._filter = ""

    @property
    def is_following(self) -> bool:
        return self._held_at is None

    @property
    def filter_text(self) -> str:
        return self._filter

    def show(self, view: View) -> None:
        scope = _scope(view)
        if scope != self._scope:
            self._scope, self._held_at, self._shift = scope, None, 0
            self._start_over()
        self._view = view
        self._take(view.snapshot.logs)
        self.redraw()

    def filter_by(self, text: str) -> None:
        self._filter = text
        self._start_over()
        if self._view is not None:
            self._take(self._view.snapshot.logs)
        self.redraw()

    def title(self) -> Title:
        _, environment, endpoint, worker = self._scope
        what = f"{worker or endpoint} in {environment}" if endpoint else f"{environment}, all endpoints"
        rest: list[Span] = [(what, "soft")]
        if self._filter:
            rest.append((f"  /{self._filter}", "move"))
        return Title("5", "logs", tuple(rest), self._state())

    def count(self) -> int:
        return max(len(self._kept), 1)

    def body_line(self, index: int, width: int) -> Line:
        if not self._kept:
            row = Row(width)
            row.put(4, f"no line holds {self._filter}, esc clears" if self._filter else "nothing logged yet", "faint")
            return row.line()
        _, line = self._kept[index]
        by_worker = bool(self._scope[2])
        return log_line(
            line, width, self._source_width, by_worker=by_worker, shift=self._shift, show_time=self._shows_time
        )

    def draw(self, width: int, height: int) -> list[Line]:
        if self.is_following:
            self.top = max(self.count() - max(height - 1, 1), 0)
        return super().draw(width, height)

    def scroll_rows(self, rows: int) -> None:
        """Up leaves following; reaching the end by hand takes it up again."""
        top = self.clamped(self.top + rows)
        at_end = top >= self.count() - self.page
        self.top = top
        self._hold(is_held=not at_end)
        self.redraw()

    def action_follow(self) -> None:
        self._hold(is_held=self.is_following)
        self.redraw()

    def action_time(self) -> None:
        self._shows_time = not self._shows_time
        self.redraw()

    def action_shift(self, columns: int) -> None:
        self._shift = max(self._shift + columns, 0)
        self.redraw()

    def _hold(self, *, is_held: bool) -> None:
        if is_held and self._held_at is None:
            self._held_at = self._upto
        elif not is_held:
            self._held_at = None

    def _state(self) -> tuple[Span, ...]:
        link = self._view.snapshot.link if self._view else None
        if link is not None and link.is_stale:
            since = f" since {link.since.astimezone():%H:%M:%S}" if link.since else ""
            return ((f"held, no new lines{since}", "move"),)
        if self._held_at is None:
            return (("following", "faint"),)
        new = len(self._kept) - bisect_left(self._kept, self._held_at, key=lambda pair: pair[0])
        words = f"  {count(new)} new  " if new else "  "
        return (("held", "move"), (words, "soft"), ("G", "white b"), (" follows", "faint"))

    def _start_over(self) -> None:
        self._kept = []
        self._upto = self._source_width = 0

    def _take(self, logs: Logs) -> None:
        """Append what is new; forget what left the ring, and keep the same lines before the reader's eyes."""
        if logs.end != self._upto:
            number = max(self._upto, logs.dropped)
            for line in logs.since(number):
                if self._is_wanted(line):
                    self._kept.append((number, line))
                    self._source_width = max(self._source_width, self._source_cells(line))
                number += 1
            self._upto = logs.end
        gone = 0
        while gone < len(self._kept) and self._kept[gone][0] < logs.dropped:
            gone += 1
        if gone:
            del self._kept[:gone]
            self.top = max(self.top - gone, 0)

    def _source_cells(self, line: LogLine) -> int:
        if line.stream == "system":
            return 0
        return min(len(source(line, by_worker=bool(self._scope[2]))), MOST_SOURCE)

    def _is_wanted(self, line: LogLine) -> bool:
        app, environment, endpoint, worker = self._scope
        return (
            line.app == app
            and line.environment == environment
            and (not endpoint or line.endpoint == endpoint or line.endpoint is None)
            and (not worker or line.worker == worker)
            and (not self._filter or self._filter.lower() in line.text.lower())
        )


def _scope(view: View) -> Scope:
    endpoint = view.endpoint
    worker = view.key[4] if view.kind == "worker" else ""
    return (view.app, view.environment_name, endpoint.name if endpoint else "", worker)
