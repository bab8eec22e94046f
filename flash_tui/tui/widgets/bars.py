"""The rows that are always there: header, board, notice, dev loop, footer."""

from __future__ import annotations

from flash_tui.tui.present.board import BoardView, board_lines
from flash_tui.tui.present.dev_loop import dev_loop_lines
from flash_tui.tui.present.footer import Hint, footer_line
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
