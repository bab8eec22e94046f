"""The sheet of a promotion or a rollback: look, then enter; a protected environment's name is typed.

It stays while the act runs, refuses a second enter, keeps a failure readable and goes away on success.
Keys: enter confirms, tab goes to the changes and back, esc leaves.
"""

from __future__ import annotations

from typing import ClassVar

from textual import events, on

from flash_tui.models.errors import ErrorDocument
from flash_tui.models.release import PromotionPlan, StageReport
from flash_tui.models.states import Cause
from flash_tui.tui.intents import (
    Advanced,
    Answered,
    CancelAct,
    PlanPromotion,
    PlanRollback,
    Promote,
    Refused,
    RollBack,
)
from flash_tui.tui.messages import Planned
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line, Row, blank
from flash_tui.tui.present.release_sheet import ReleaseSheetView, release_lines
from flash_tui.tui.present.text_field import TextField
from flash_tui.tui.screens.sheet import Sheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Title


class ReleaseSheet(Sheet):
    OWNS_LETTERS: ClassVar[bool] = True

    def __init__(self, question: PlanPromotion | PlanRollback, *, is_protected: bool) -> None:
        super().__init__()
        self._question = question
        self.verb = Cause.PROMOTE if isinstance(question, PlanPromotion) else Cause.ROLLBACK
        self.environment = question.target if isinstance(question, PlanPromotion) else question.environment
        self._is_protected = is_protected
        self._plan: PromotionPlan | None = None
        self._typed = TextField()
        self._stop = "name" if is_protected else "confirm"
        self._first_change = 0
        self._is_running = False
        self._error: ErrorDocument | None = None
        self._report: StageReport | None = None
        self.bar_ink = "gate" if is_protected else "rail"

    @property
    def plan(self) -> PromotionPlan | None:
        return self._plan

    def on_mount(self) -> None:
        self.ask(self._question)

    # -- what is shown ------------------------------------------------------------------------------------------------

    def title(self) -> Title:
        plan = self._plan
        build = plan.build.label if plan else "…"
        ink = "gate b" if self._is_protected else "white b"
        right = (("protected", "gate"),) if self._is_protected else ()
        ground = "gate-tint" if self._is_protected else "lift"
        if self.verb is Cause.PROMOTE:
            source = plan.source if plan else self._source()
            return Title("", f"Promote {build} from {source} to", ((self.environment, ink),), right, ground, gap=1)
        return Title("", "Roll back", ((self.environment, ink), (f" to {build}", "white b")), right, ground, gap=1)

    def body(self, view: View, width: int) -> list[Line]:
        if self._plan is None:
            return self._waiting(width)
        return release_lines(
            self._view(view, self._plan), view, width, self.size.height, self.host.now(), self.host.frame
        )

    def hints(self) -> tuple[Hint, ...]:
        if self._error is not None:
            return (Hint("esc", "close"),)
        if self._is_running:
            return (Hint("esc", "leave it running"), Hint("x", "cancel"))
        verb = "promote" if self.verb is Cause.PROMOTE else "roll back"
        once = ", once typed" if self._is_protected else ""
        there = "to the name" if self._stop == "changes" else "to the changes"
        return (Hint("esc", "cancel"), Hint("tab", there), Hint("enter", verb + once), Hint("ctrl+p", "palette"))

    # -- keys ---------------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """The name field owns the letters while it has focus."""
        if self._stop != "name" or not self._can_type:
            return
        field = self._typed.typed(event.key, event.character)
        if field is not None:
            event.stop()
            event.prevent_default()
            self._typed = field
            self.redraw()

    def on_paste(self, event: events.Paste) -> None:
        if self._stop == "name" and self._can_type:
            event.stop()
            self._typed = self._typed.with_text(event.text)
            self.redraw()

    def do(self, verb_id: str) -> bool:
        if verb_id == "act.cancel" and self._is_running and self._plan is not None:
            self.post_message(CancelAct(self._plan.app, self.environment))
            return True
        return False

    def action_stop(self, step: int) -> None:
        del step
        self._stop = "changes" if self._stop != "changes" else ("name" if self._is_protected else "confirm")
        self.redraw()

    def action_move(self, rows: int) -> None:
        if self._stop == "changes" and self._plan is not None:
            self._first_change = max(min(self._first_change + rows, len(self._plan.changes) - 1), 0)
            self.redraw()
        else:
            super().action_move(rows)

    def action_confirm(self) -> None:
        plan = self._plan
        if plan is None or self.view is None or self._is_running or self._error is not None:
            return
        sheet = self._view(self.view, plan)
        if sheet.outdated or not sheet.is_named:
            return
        self._is_running = True
        self.ask(Promote(plan) if self.verb is Cause.PROMOTE else RollBack(plan))
        self.redraw()

    # -- answers ------------------------------------------------------------------------------------------------------

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        event.stop()
        if isinstance(event.result, PromotionPlan):
            self._plan = event.result
            self.redraw()
            self.post_message(Planned(event.result))
        elif isinstance(event.intent, Promote | RollBack):
            self.close()

    @on(Advanced)
    def _advanced(self, event: Advanced) -> None:
        event.stop()
        self._report = event.report
        self.redraw()

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        self._is_running = False
        self._error = event.error.document()
        self.redraw()

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _can_type(self) -> bool:
        return not self._is_running and self._error is None

    def _source(self) -> str:
        return self._question.source if isinstance(self._question, PlanPromotion) else ""

    def _view(self, view: View, plan: PromotionPlan) -> ReleaseSheetView:
        return ReleaseSheetView(
            self.verb,
            plan,
            self._is_protected,
            self._typed,
            self._stop,
            self._first_change,
            "" if self._is_running else self._outdated(view, plan),
            self._is_running,
            self._error,
            self._report,
        )

    def _waiting(self, width: int) -> list[Line]:
        row = Row(width)
        if self._error is None:
            row.put(4, "reading what would change…", "faint")
            return [blank(), row.line()]
        row.put(2, "✗", "bad")
        row.put(4, self._error.what.splitlines()[0], "bad b")
        hint = Row(width)
        hint.put(4, self._error.hint, "soft")
        return [blank(), row.line(), hint.line()]

    def _outdated(self, view: View, plan: PromotionPlan) -> str:
        """Never promote a build that was not looked at: say what changed since."""
        target = view.snapshot.environments.get((plan.app, plan.target))
        serves = target.build.id if target and target.build else None
        if serves != (plan.replaces.id if plan.replaces else None):
            return f"{plan.target} serves another build now"
        source = view.snapshot.environments.get((plan.app, plan.source))
        is_chosen = isinstance(self._question, PlanRollback) or self._question.build is not None
        if not is_chosen and source is not None and source.build is not None and source.build.id != plan.build.id:
            return f"{plan.source} serves {source.build.label} now"
        return ""
