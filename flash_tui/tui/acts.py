"""What each key does: the verbs of the keymap as methods. Decides and asks; the conductor does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from flash_tui.models.snapshot import Notice, NoticeKind
from flash_tui.models.states import Outcome
from flash_tui.tui import intents
from flash_tui.tui.keymap import Verb
from flash_tui.tui.messages import Copied, Noticed, QuitWanted, SuspendWanted, ThemeWanted
from flash_tui.tui.present.reasons import reason
from flash_tui.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from flash_tui.tui.screens.workbench import Workbench


class Acts:
    """The verbs of one workbench."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self._table: dict[str, Callable[[], object]] = {
            "project.deploy": lambda: self._post(intents.DeployNow()),
            "watch.toggle": lambda: self._post(intents.ToggleWatch()),
            "act.cancel": self._cancel,
            "logs.show": lambda: workbench.go(workbench.logs),
            "logs.zoom": lambda: workbench.zoom(None if workbench.zoomed is workbench.logs else workbench.logs),
            "thing.copy": self._copy,
            "pane.filter": self._filter,
            "pane.tree": lambda: workbench.go(workbench.apps),
            "pane.detail": lambda: workbench.go(workbench.detail),
            "pane.logs": lambda: workbench.go(workbench.logs),
            "pane.next": lambda: self._cycle(1),
            "pane.previous": lambda: self._cycle(-1),
            "pane.zoom": lambda: workbench.zoom(None if workbench.zoomed else workbench.pane),
            "pane.back": workbench.back,
            "program.refresh": lambda: self._post(intents.Refresh()),
            "program.theme": lambda: self._post(ThemeWanted("")),
            "program.suspend": lambda: workbench.post_message(SuspendWanted()),
            "program.quit": self._quit,
        }

    def do(self, verb_id: str) -> None:
        """Run a verb, or say why it does nothing here."""
        why = reason(verb_id, self._bench.view)
        if why:
            self.notice(Notice(NoticeKind.PASSING, f"{verb_id.partition('.')[2].replace('_', ' ')}: {why}"))
            return
        act = self._table.get(verb_id)
        if act is not None:
            act()

    def label(self, verb: Verb) -> str:
        """A verb's label as it reads here and now."""
        if verb.id == "watch.toggle" and self._bench.view.snapshot.watch.is_paused:
            return "resume watch"
        return verb.label

    def notice(self, notice: Notice) -> None:
        self._bench.post_message(Noticed(notice))

    def open(self) -> None:
        """Enter on a row: its detail, and focus follows."""
        self.see_failures()
        self._bench.go(self._bench.detail)

    def has_unseen_failure(self) -> bool:
        return bool(self._failures() - self._bench.view.seen)

    def see_failures(self) -> None:
        """The red train was looked at."""
        bench = self._bench
        if self.has_unseen_failure():
            bench.show(replace(bench.view, seen=bench.view.seen | self._failures()))

    def _failures(self) -> frozenset[str]:
        view = self._bench.view
        lasts = (view.snapshot.last(view.app, stage) for stage in view.stages)
        return frozenset(act.id for act in lasts if act is not None and act.outcome is Outcome.FAILED)

    def _post(self, message: intents.Intent | ThemeWanted) -> None:
        self._bench.post_message(message)

    def _cancel(self) -> None:
        view = self._bench.view
        self._post(intents.CancelAct(view.app, view.environment_name))

    def _cycle(self, step: int) -> None:
        bench = self._bench
        panes: list[Pane] = [pane for pane in (bench.apps, bench.detail, bench.logs) if pane.display]
        if bench.sheet is not None:
            return
        here = panes.index(bench.pane) if bench.pane in panes else 0
        panes[(here + step) % len(panes)].focus()

    def _filter(self) -> None:
        pane = self._bench.pane
        if pane.can_filter:
            pane.start_filter()
        else:
            self._bench.go(self._bench.apps)
            self._bench.apps.start_filter()

    def _copy(self) -> None:
        view = self._bench.view
        endpoint, build, environment = view.endpoint, view.build, view.environment
        if endpoint is not None:
            self._bench.post_message(Copied("the URL", endpoint.url))
        elif build is not None:
            self._bench.post_message(Copied("the digest", build.digest or build.id))
        elif environment is not None and environment.build is not None:
            self._bench.post_message(Copied("the build's digest", environment.build.digest or environment.build.id))
        else:
            self._bench.post_message(Copied("the name", view.app))

    def _quit(self) -> None:
        bench = self._bench
        if bench.sheet is not None:
            bench.close_sheet()
        else:
            bench.post_message(QuitWanted())
