"""Verbs that change what runs: promote, roll back, undeploy, cancel. A sheet is looked at before enter counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flash_tui.models.build import BuildReference
from flash_tui.models.snapshot import Notice, NoticeKind
from flash_tui.tui import intents
from flash_tui.tui.messages import Noticed
from flash_tui.tui.present.reasons import undo_target

if TYPE_CHECKING:
    from flash_tui.tui.screens.workbench import Workbench


class Shipping:
    """Sheets are imported when they are first opened: most runs open few."""

    def __init__(self, workbench: Workbench) -> None:
        self._bench = workbench
        self.table: dict[str, Callable[[], object]] = {
            "environment.promote": self._promote,
            "environment.promote_choose": lambda: self._choose("promote"),
            "environment.rollback": self._roll_back,
            "environment.rollback_choose": lambda: self._choose("rollback"),
            "project.deploy": lambda: workbench.post_message(intents.DeployNow()),
            "watch.toggle": lambda: workbench.post_message(intents.ToggleWatch()),
            "act.cancel": self._cancel,
            "environment.undeploy": self._undeploy,
        }

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
            self._bench.post_message(
                Noticed(Notice(NoticeKind.PASSING, text, f"sha256 {(environment.build.digest or '')[:12]}"))
            )
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
        self._bench.post_message(intents.CancelAct(view.app, view.environment_name))


def _serves(bench: Workbench, stage: str, build: BuildReference) -> bool:
    environment = bench.view.snapshot.environments.get((bench.view.app, stage))
    return environment is not None and environment.build is not None and environment.build.id == build.id
