"""What each key does: the verbs of the keymap. Decides and asks; the conductor does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from flash_tui.models.build import BuildReference
from flash_tui.models.snapshot import Notice, NoticeKind
from flash_tui.models.states import Outcome
from flash_tui.tui import intents
from flash_tui.tui.keymap import SHARED_LINES, VERBS, Verb
from flash_tui.tui.messages import Noticed, QuitWanted, SuspendWanted, ThemeWanted
from flash_tui.tui.present.reasons import problem_keys, reason
from flash_tui.tui.shipping import Shipping
from flash_tui.tui.using import Using
from flash_tui.tui.widgets.pane import Pane

if TYPE_CHECKING:
    from flash_tui.tui.present.keys_sheet import KeyEntry
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
        self.shipping, self._using = Shipping(workbench), Using(workbench)
        self._table: dict[str, Callable[[], object]] = {
            **self.shipping.table,
            **self._using.table,
            "build.diff": self._diff,
            "environment.history": lambda: self._history(workbench.view.environment_name),
            "app.history": lambda: self._history(None),
            "app.builds": self._builds,
            "logs.show": lambda: workbench.go(workbench.logs),
            "logs.zoom": lambda: workbench.zoom(None if workbench.zoomed is workbench.logs else workbench.logs),
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
