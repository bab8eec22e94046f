"""The rows that are always there: header, board, notice, dev loop, footer."""

from __future__ import annotations

from textual import events

from flash_tui.tui.messages import Run, Went
from flash_tui.tui.present.board import BoardView, board_lines, station_at
from flash_tui.tui.present.dev_loop import dev_loop_lines
from flash_tui.tui.present.footer import Hint, footer_line, hint_at
from flash_tui.tui.present.header import header_line
from flash_tui.tui.present.line import Line
from flash_tui.tui.present.notice import notice_line
from flash_tui.tui.view import View
from flash_tui.tui.widgets.canvas import Canvas


class Bar(Canvas):
    """A bar that shows a view."""

    view: View | None = None

    def show(self, view: View) -> None:
        self.view = view
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        return self.draw_view(self.view, width, height) if self.view else []

    def draw_view(self, view: View, width: int, height: int) -> list[Line]:
        raise NotImplementedError


class HeaderBar(Bar):
    def draw_view(self, view: View, width: int, height: int) -> list[Line]:
        del height
        return [header_line(view, width)]


class Board(Canvas):
    """The pipeline as a line with stations."""

    board: BoardView | None = None

    def show(self, board: BoardView) -> None:
        self.board = board
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        if self.board is None:
            return []
        return board_lines(self.board, width, height, self.host.now(), self.host.frame)

    def on_click(self, event: events.Click) -> None:
        station = station_at(self.board, self.size.width, event.x) if self.board else None
        if station is not None and station.environment is not None:
            self.post_message(Went(("environment", station.environment.app, station.name)))


class NoticeRow(Bar):
    def draw_view(self, view: View, width: int, height: int) -> list[Line]:
        del height
        return [notice_line(view.snapshot, view.settings.target, width, self.host.now())]


class DevLoopLine(Bar):
    def draw_view(self, view: View, width: int, height: int) -> list[Line]:
        watch = view.snapshot.watch
        environment = view.snapshot.environments.get((view.settings.app, watch.environment))
        return dev_loop_lines(watch, environment, width, height, self.host.now(), self.host.frame)


class FooterBar(Canvas):
    """The keys that apply here."""

    hints: tuple[Hint, ...] = ()
    last: Hint = Hint("?", "keys")

    def show(self, hints: tuple[Hint, ...], last: Hint) -> None:
        self.hints, self.last = hints, last
        self.redraw()

    def draw(self, width: int, height: int) -> list[Line]:
        del height
        return [footer_line(self.hints, self.last, width)]

    def on_click(self, event: events.Click) -> None:
        hint = hint_at(self.hints, self.last, self.size.width, event.x)
        if hint is not None and hint.verb_id:
            self.post_message(Run(hint.verb_id))
