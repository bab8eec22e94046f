"""The one screen: board above, panes below, sheets over them. Knows where the person stands, does no work itself."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

from flash_tui.models.snapshot import NoticeKind, Snapshot
from flash_tui.settings import Settings
from flash_tui.tui.acts import Acts
from flash_tui.tui.intents import DismissNotice
from flash_tui.tui.keymap import VERBS, Keymap, bindings
from flash_tui.tui.messages import Compared, Picked, Planned, Run, Went
from flash_tui.tui.present.board import Plan
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.outline import Outline
from flash_tui.tui.present.reasons import reason
from flash_tui.tui.present.stations import board_view
from flash_tui.tui.screens.sheet import Sheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.app_tree import AppTree
from flash_tui.tui.widgets.bars import Board, DevLoopLine, FooterBar, HeaderBar, NoticeRow
from flash_tui.tui.widgets.detail import DetailPane
from flash_tui.tui.widgets.log_view import LogPane
from flash_tui.tui.widgets.pane import ListPane, Pane
from flash_tui.tui.widgets.tiny import TinyNotice


class Workbench(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = bindings("main")
    AUTO_FOCUS = "#tree"
    HORIZONTAL_BREAKPOINTS = [
        (0, "-too-thin"),
        (60, "-narrow"),
        (100, "-normal"),
        (180, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [
        (0, "-too-low"),
        (16, "-short"),
        (32, "-tall"),
        (54, "-high"),
    ]

    def __init__(self, settings: Settings, keymap: Keymap, snapshot: Snapshot, *, is_read_only: bool) -> None:
        super().__init__(id="workbench")
        protected = frozenset(name for name in settings.pipeline.stages if settings.rules(name).protected)
        self.keymap = keymap
        self.view = View(snapshot, settings, is_read_only=is_read_only)
        self.plan: Plan | None = None
        self.sheet: Sheet | None = None
        self._before_sheet: Widget | None = None
        self._zoomed: Pane | None = None
        self.apps = AppTree(Outline(settings.pipeline, protected), id="tree")
        self.detail = DetailPane(id="detail")
        self.logs = LogPane(id="logs")
        self.header, self.board, self.notices = HeaderBar(), Board(), NoticeRow()
        self.dev_loop, self.footer = DevLoopLine(), FooterBar()
        self.slot = Container(id="slot")
        self.acts = Acts(self)

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.board
        yield self.notices
        with Container(id="body"):
            yield self.apps
            with Container(id="right"):
                yield self.detail
                yield self.slot
                yield self.logs
        yield self.dev_loop
        yield self.footer
        yield TinyNotice(id="tiny")

    # -- what is shown ------------------------------------------------------------------------------------------------

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Everything on screen from a new instant."""
        self.show(replace(self.view, snapshot=snapshot))

    def show(self, view: View) -> None:
        self.view = view
        self.apps.show(view)
        self.view = view = replace(view, key=self.apps.key)
        for widget in (self.header, self.notices, self.dev_loop, self.detail, self.logs):
            widget.show(view)
        self.board.show(board_view(view, self.plan))
        self._greet(view)
        if self.sheet is not None:
            self.sheet.show(view)
        self.show_hints()

    def _greet(self, view: View) -> None:
        """Where there is no app yet, the panes say what to press."""
        is_empty = view.snapshot.is_known and not view.snapshot.apps and view.snapshot.has_project is not None
        if is_empty and self.sheet is None:
            from flash_tui.tui.screens.first_run import FirstRunSheet  # noqa: PLC0415 - seen once in a lifetime

            self.open_sheet(FirstRunSheet())
        elif self.sheet is not None and self.sheet.IS_GREETING and view.snapshot.apps:
            self.close_sheet()

    def tick(self) -> None:
        """Something that moves, or an age, may look different now."""
        for widget in (self.board, self.apps, self.detail, self.dev_loop, self.notices):
            widget.redraw()
        if self.sheet is not None:
            self.sheet.redraw()

    def show_hints(self) -> None:
        last = Hint(self.keymap.key("program.keys"), "keys", verb_id="program.keys")
        if self.sheet is not None:
            last = Hint("f1", "keys") if self.sheet.OWNS_LETTERS else last
            self.footer.show(self.sheet.hints(), last)
            return
        shown = sorted((verb for verb in VERBS if verb.rank), key=lambda verb: verb.rank)
        hints = [
            Hint(self.keymap.key(verb.id), self.acts.label(verb), bool(reason(verb.id, self.view)), verb.rank, verb.id)
            for verb in shown
        ]
        self.footer.show(tuple(hints), last)

    @on(ListPane.Moved)
    def _moved(self) -> None:
        if self.apps.key != self.view.key:
            self.show(replace(self.view, key=self.apps.key))

    @on(Pane.Touched)
    def _touched(self) -> None:
        self.show_hints()

    @on(ListPane.Chosen)
    def _chosen(self, event: ListPane.Chosen) -> None:
        event.stop()
        self.acts.open()

    @on(Run)
    def _run(self, event: Run) -> None:
        if event.closes:
            self.close_sheet()
        self.action_act(event.verb_id)

    @on(Went)
    def _went(self, event: Went) -> None:
        self.go(self.apps)
        self.apps.reveal(event.key)

    @on(Picked)
    def _picked(self, event: Picked) -> None:
        self.acts.shipping.chosen(event.verb, event.environment, event.build)

    @on(Compared)
    def _compared(self, event: Compared) -> None:
        self.acts.compare(event.old, event.new)

    @on(Planned)
    def _planned(self, event: Planned) -> None:
        plan = event.plan
        self.set_plan(Plan(plan.source, plan.target, plan.build))

    # -- panes and sheets ---------------------------------------------------------------------------------------------

    @property
    def pane(self) -> Pane:
        """The pane with focus."""
        return self.focused if isinstance(self.focused, Pane) else self.apps

    @property
    def zoomed(self) -> Pane | None:
        return self._zoomed

    def go(self, pane: Pane) -> None:
        """Focus a pane, making it visible if it is not."""
        if self.sheet is not None:
            self.close_sheet()
        if self._zoomed is not None and self._zoomed is not pane:
            self.zoom(None)
        if pane is self.detail and not pane.display:
            self.add_class("-looking")
        elif pane is not self.detail:
            self.remove_class("-looking")
        pane.focus()

    def zoom(self, pane: Pane | None) -> None:
        """One pane alone, or all again."""
        if self._zoomed is not None:
            self._zoomed.remove_class("-zoomed")
        self._zoomed = pane
        self.set_class(pane is not None, "-zoomed")
        self.set_class(pane is self.apps, "-zoom-tree")
        if pane is not None:
            pane.add_class("-zoomed")
            pane.focus()

    def open_sheet(self, sheet: Sheet) -> None:
        if self.sheet is not None:
            self.close_sheet()
        else:
            self._before_sheet = self.focused
        if self._zoomed is not None:
            self.zoom(None)
        self.sheet = sheet
        sheet.show(self.view)
        self.set_class(sheet.IS_FULL, "-full")
        self.add_class("-sheet")
        self.slot.mount(sheet)
        sheet.focus()
        for pane in (self.apps, self.logs):
            pane.dim(is_dimmed=True)
        self.show_hints()

    @on(Sheet.Closed)
    def close_sheet(self) -> None:
        """Uncover exactly what was there."""
        sheet, self.sheet = self.sheet, None
        if sheet is None:
            return
        self.remove_class("-sheet", "-full")
        for pane in (self.apps, self.logs):
            pane.dim(is_dimmed=False)
        if self._before_sheet is not None and self._before_sheet.is_attached:
            self._before_sheet.focus()
        else:
            self.apps.focus()
        sheet.remove()
        self.set_plan(None)
        self.show_hints()

    def set_plan(self, plan: Plan | None) -> None:
        """The promotion that is looked at stands dashed on the board."""
        if plan != self.plan:
            self.plan = plan
            self.board.show(board_view(self.view, plan))

    def back(self) -> None:
        """Peel exactly one layer; never quits."""
        pane = self.pane
        if self.sheet is not None:
            if not self.sheet.back():
                self.close_sheet()
        elif any(notice.kind is not NoticeKind.PASSING for notice in self.view.snapshot.notices):
            self.post_message(DismissNotice())
        elif pane.filter_text:
            pane.filter_by("")
        elif self._zoomed is not None:
            self.zoom(None)
        elif self.acts.has_unseen_failure():
            self.acts.see_failures()
        else:
            self.go(self.apps)

    def action_act(self, verb_id: str) -> None:
        self.acts.do(verb_id)
