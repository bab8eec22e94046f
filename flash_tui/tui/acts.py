"""What each key does: the verbs of the keymap as methods. Decides and asks; the conductor does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from flash_tui.models.build import BuildReference
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.snapshot import Notice, NoticeKind
from flash_tui.models.states import EndpointState, Outcome
from flash_tui.tui import intents
from flash_tui.tui.keymap import SHARED_LINES, VERBS, Verb
from flash_tui.tui.messages import Copied, EditWanted, Noticed, QuitWanted, SuspendWanted, ThemeWanted
from flash_tui.tui.present.reasons import problem_keys, reason, undo_target
from flash_tui.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from flash_tui.tui.present.keys_sheet import KeyEntry
    from flash_tui.tui.screens.invoke import Call
    from flash_tui.tui.screens.workbench import Workbench

ON_ANY_SHEET = frozenset(
    {
        "pane.back",
        "program.palette",
        "program.keys",
        "program.theme",
        "program.refresh",
        "program.suspend",
        "program.quit",
        "watch.toggle",
    }
)


class Acts:
    """The verbs of one workbench. Sheets are imported when they are first opened: most runs open few."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self._calls: dict[str, Call] = {}
        self._table: dict[str, Callable[[], object]] = {
            "environment.promote": self._promote,
            "environment.promote_choose": lambda: self._choose("promote"),
            "environment.rollback": self._roll_back,
            "environment.rollback_choose": lambda: self._choose("rollback"),
            "project.deploy": lambda: self._post(intents.DeployNow()),
            "watch.toggle": lambda: self._post(intents.ToggleWatch()),
            "act.cancel": self._cancel,
            "environment.undeploy": self._undeploy,
            "build.diff": self._diff,
            "environment.history": lambda: self._history(workbench.view.environment_name),
            "app.history": lambda: self._history(None),
            "app.builds": self._builds,
            "logs.show": lambda: workbench.go(workbench.logs),
            "logs.zoom": lambda: workbench.zoom(None if workbench.zoomed is workbench.logs else workbench.logs),
            "endpoint.invoke": self._invoke,
            "endpoint.invoke_again": self._invoke_again,
            "thing.copy": self._copy,
            "thing.copy_menu": self._copy_menu,
            "thing.edit": self._edit,
            "pane.filter": self._filter,
            "problem.next": lambda: self._problem(1),
            "problem.previous": lambda: self._problem(-1),
            "program.palette": self._palette,
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
            "program.keys": self._keys,
            "program.quit": self._quit,
        }

    @property
    def verbs(self) -> frozenset[str]:
        """Ids of all it can do."""
        return frozenset(self._table)

    def do(self, verb_id: str) -> None:
        """Run a verb, or say why it does nothing here."""
        sheet = self._bench.sheet
        if sheet is not None and verb_id not in ON_ANY_SHEET and verb_id not in sheet.ALLOWS:
            sheet.do(verb_id)
            return
        why = reason(verb_id, self._bench.view)
        if why:
            name = verb_id.rpartition(".")[2].replace("_", " ")
            self.notice(Notice(NoticeKind.PASSING, f"{name}: {why}"))
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

    def entries(self, *, with_pairs: bool = True) -> list[KeyEntry]:
        """All keys for the sheet of keys, greyed where they do nothing here; pairs share a line."""
        from flash_tui.tui.present.keys_sheet import KeyEntry  # noqa: PLC0415 - as the sheets

        view, keymap = self._bench.view, self._bench.keymap
        second = {partner for partner, _ in SHARED_LINES.values()}
        found: list[KeyEntry] = []
        for verb in VERBS:
            if with_pairs and verb.id in second:
                continue
            keys, label, partner = _few(keymap.keys(verb.id)), self.label(verb), ""
            if with_pairs and verb.id in SHARED_LINES:
                partner, label = SHARED_LINES[verb.id]
                keys = _pair(keymap.key(verb.id), keymap.key(partner))
            found.append(KeyEntry(verb.id, keys, label, verb.group, reason(verb.id, view), partner))
        return found

    # -- ship ---------------------------------------------------------------------------------------------------------

    def _promote(self) -> None:
        view = self._bench.view
        source = view.environment_name
        target = view.settings.pipeline.after(source)
        environment = view.environment
        if target is None or environment is None or environment.build is None:
            return
        there = view.snapshot.environments.get((view.app, target))
        if there is not None and there.build is not None and there.build.id == environment.build.id:
            text = f"{target} already runs {environment.build.label}"
            self.notice(Notice(NoticeKind.PASSING, text, f"sha256 {(environment.build.digest or '')[:12]}"))
            return
        self.release(intents.PlanPromotion(view.app, source, target), target)

    def _roll_back(self) -> None:
        """The environment under the cursor; while a notice offers to undo an act, that act's."""
        view = self._bench.view
        app, environment = undo_target(view) or (view.app, view.environment_name)
        self.release(intents.PlanRollback(app, environment), environment)

    def chosen(self, verb: str, environment: str, build: BuildReference) -> None:
        """A build was picked in a list: look at what it would change."""
        view = self._bench.view
        if verb == "rollback":
            self.release(intents.PlanRollback(view.app, environment, build), environment)
            return
        stages = view.stages
        source = next((stage for stage in stages if _serves(self._bench, stage, build)), stages[0])
        self.release(intents.PlanPromotion(view.app, source, environment, build), environment)

    def release(self, question: intents.PlanPromotion | intents.PlanRollback, target: str) -> None:
        """Open the sheet of a promotion or a rollback."""
        from flash_tui.tui.screens.release import ReleaseSheet  # noqa: PLC0415 - start-up: most runs open few sheets

        self._bench.open_sheet(ReleaseSheet(question, is_protected=self._bench.view.is_protected(target)))

    def _choose(self, verb: str) -> None:
        from flash_tui.tui.screens.choose import ChooseSheet  # noqa: PLC0415 - as above

        view = self._bench.view
        if verb == "rollback":
            self._bench.open_sheet(ChooseSheet(verb, (view.environment_name,), view.environment_name))
            return
        target = view.settings.pipeline.after(view.environment_name) or view.environment_name
        self._bench.open_sheet(ChooseSheet(verb, view.stages, target))

    def _undeploy(self) -> None:
        from flash_tui.tui.screens.confirm import UndeploySheet  # noqa: PLC0415 - as above

        view = self._bench.view
        name = view.environment_name
        self._bench.open_sheet(UndeploySheet(view.app, name, is_protected=view.is_protected(name)))

    def _cancel(self) -> None:
        view = self._bench.view
        self._post(intents.CancelAct(view.app, view.environment_name))

    # -- look ---------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Enter on a row: its detail, and focus follows."""
        self.see_failures()
        self._bench.go(self._bench.detail)

    def compare(self, old: BuildReference, new: BuildReference) -> None:
        from flash_tui.tui.screens.diff import DiffSheet  # noqa: PLC0415 - as above

        self._bench.open_sheet(DiffSheet(self._bench.view.app, old, new))

    def _diff(self) -> None:
        """A build against the one before it; an environment against what its promotion would replace."""
        view = self._bench.view
        if view.build is not None:
            builds = view.snapshot.builds[view.app]
            self.compare(builds[builds.index(view.build) + 1].reference(), view.build.reference())
            return
        environment = view.environment
        if environment is None or environment.build is None:
            return
        following = view.settings.pipeline.after(environment.name)
        target = view.snapshot.environments.get((view.app, following)) if following else None
        old = target.build if target is not None and target.build is not None else environment.previous_build
        if old is None:
            self.notice(Notice(NoticeKind.PASSING, "diff: nothing to compare with"))
        else:
            self.compare(old, environment.build)

    def _history(self, environment: str | None) -> None:
        from flash_tui.tui.screens.history import HistorySheet  # noqa: PLC0415 - as above

        self._bench.open_sheet(HistorySheet(environment))

    def _builds(self) -> None:
        self._bench.go(self._bench.apps)
        self._bench.apps.reveal(("builds", self._bench.view.app))

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

    def _problem(self, step: int) -> None:
        bench = self._bench
        keys = problem_keys(bench.apps.rows)
        if not keys:
            self.notice(Notice(NoticeKind.PASSING, "no problem in sight"))
            return
        here = keys.index(bench.view.key) if bench.view.key in keys else (-1 if step > 0 else 0)
        bench.apps.select(keys[(here + step) % len(keys)])

    # -- use ----------------------------------------------------------------------------------------------------------

    def _endpoint(self) -> Endpoint | None:
        """The selected endpoint, else the first of the environment that can be called."""
        view = self._bench.view
        if view.endpoint is not None or view.environment is None:
            return view.endpoint
        callable_ones = (one for one in view.environment.endpoints if one.state is not EndpointState.CLOUD_ONLY)
        return next(callable_ones, None)

    def _invoke(self) -> None:
        from flash_tui.tui.screens.invoke import Call, InvokeSheet  # noqa: PLC0415 - as above; the editor is not small

        endpoint, view = self._endpoint(), self._bench.view
        if endpoint is None:
            return
        jobs = view.snapshot.jobs.get(endpoint.id, ())
        body = json.dumps(jobs[0].input, indent=2, ensure_ascii=False) if jobs and jobs[0].input is not None else "{}"
        first = Call(body, endpoint.routes[0] if endpoint.routes else "")
        call = self._calls.get(endpoint.id, first)
        self._bench.open_sheet(InvokeSheet(view.app, view.environment_name, endpoint, call, self._calls))

    def _invoke_again(self) -> None:
        self._invoke()
        if self._bench.sheet is not None:
            self._bench.call_after_refresh(self._bench.sheet.do, "endpoint.invoke_again")

    def _copy(self) -> None:
        what, text = self._obvious()
        self._bench.post_message(Copied(what, text))

    def _obvious(self) -> tuple[str, str]:
        view = self._bench.view
        endpoint, build, environment = view.endpoint, view.build, view.environment
        if endpoint is not None:
            return "the URL", endpoint.url
        if build is not None:
            return "the digest", build.digest or build.id
        if environment is not None and environment.build is not None:
            return "the build's digest", environment.build.digest or environment.build.id
        return "the name", view.app

    def _copy_menu(self) -> None:
        from flash_tui.tui.screens.copy_menu import CopySheet, copies  # noqa: PLC0415 - as above

        self._bench.open_sheet(CopySheet(copies(self._bench.view)))

    def _edit(self) -> None:
        """The place of the last failure, else the project's folder."""
        view = self._bench.view
        environment = view.environment
        error = view.snapshot.watch.error or (environment.error if environment else None)
        if error is not None and error.file:
            self._bench.post_message(EditWanted(error.file, error.line or 1))
        else:
            self._bench.post_message(EditWanted(".", 1))

    # -- move and program ---------------------------------------------------------------------------------------------

    def _post(self, message: intents.Intent | ThemeWanted) -> None:
        self._bench.post_message(message)

    def _cycle(self, step: int) -> None:
        bench = self._bench
        panes: list[Pane] = [pane for pane in (bench.apps, bench.detail, bench.logs) if pane.display]
        here = panes.index(bench.pane) if bench.pane in panes else 0
        panes[(here + step) % len(panes)].focus()

    def _filter(self) -> None:
        pane = self._bench.pane if self._bench.pane.can_filter else self._bench.apps
        self._bench.go(pane)
        pane.start_filter()

    def _palette(self) -> None:
        from flash_tui.tui.screens.palette import PaletteSheet  # noqa: PLC0415 - as above

        self._bench.open_sheet(PaletteSheet(self._bench.keymap))

    def _keys(self) -> None:
        from flash_tui.tui.screens.keys import KeysSheet  # noqa: PLC0415 - as above

        view = self._bench.view
        self._bench.open_sheet(KeysSheet(self.entries, f"for {view.kind or 'app'} {view.key[-1] if view.key else ''}"))

    def _quit(self) -> None:
        bench = self._bench
        if bench.sheet is not None and "program.quit" not in bench.sheet.ALLOWS:
            bench.close_sheet()
        else:
            bench.post_message(QuitWanted())


def _serves(bench: Workbench, stage: str, build: BuildReference) -> bool:
    environment = bench.view.snapshot.environments.get((bench.view.app, stage))
    return environment is not None and environment.build is not None and environment.build.id == build.id


MOST_CELLS = 9


def _few(keys: tuple[str, ...]) -> str:
    """Two keys where they fit a narrow column, else the first."""
    both = " ".join(keys[:2])
    return both if len(both) <= MOST_CELLS else keys[0]


def _pair(one: str, other: str) -> str:
    """`j k`, `ctrl+d/u`; of `tab` and `shift+tab` the one that everybody knows."""
    if one.startswith("ctrl+") and other.startswith("ctrl+"):
        return f"{one}/{other.removeprefix('ctrl+')}"
    return _few((one, other))
