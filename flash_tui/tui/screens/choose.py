"""Choose a build: to promote to an environment, or to roll one back to. Keys: up and down, enter, left and right."""

from __future__ import annotations

from textual import events

from flash_tui.models.build import Build, BuildReference
from flash_tui.models.human import age, short_digest, size
from flash_tui.models.states import Outcome
from flash_tui.tui.messages import Picked
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.screens.sheet import ListSheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Title


class ChooseSheet(ListSheet):
    """`targets` has more than one name where the target may be chosen too."""

    def __init__(self, verb: str, targets: tuple[str, ...], target: str) -> None:
        super().__init__()
        self._verb = verb
        self._targets = targets
        self._target = target
        self._builds: tuple[Build, ...] = ()

    def show(self, view: View) -> None:
        self._builds = _candidates(view, self._verb, self._target)
        super().show(view)

    def title(self) -> Title:
        if self._verb == "promote":
            right = (("← →", "white b"), (" another environment", "faint")) if len(self._targets) > 1 else ()
            return Title("", "Promote which build to", ((self._target, "white b"),), right, "lift", gap=1)
        return Title("", "Roll back", ((self._target, "white b"), (" to which build", "white b")), (), "lift", gap=1)

    def hints(self) -> tuple[Hint, ...]:
        return (Hint("enter", "look at it"), Hint("j k", "move"), Hint("esc", "back"))

    def count(self) -> int:
        return max(len(self._builds), 1)

    def body_line(self, index: int, width: int) -> Line:
        row = Row(width, self.ground_of(index))
        if not self._builds or self.view is None:
            row.put(4, "no build that could go there", "faint")
            return row.line()
        build = self._builds[index]
        row.put(4, build.label, "text b")
        row.put(12, f"sha256 {short_digest(build.digest)}" if build.digest else "", "soft")
        row.right(42, (size(build.size_bytes), "soft"))
        row.put(45, ", ".join(self.view.settings.pipeline.order(build.runs_in)), "faint")
        row.right(width - 2, (age(build.created_at, self.host.now()), "faint"))
        return row.line()

    def action_stop(self, step: int) -> None:
        """Another target."""
        index = (self._targets.index(self._target) + step) % len(self._targets)
        self._target = self._targets[index]
        if self.view is not None:
            self.show(self.view)

    def on_key(self, event: events.Key) -> None:
        if event.key in {"left", "right"}:
            event.stop()
            self.action_stop(1 if event.key == "right" else -1)

    def action_choose(self) -> None:
        if self._builds:
            self.post_message(Picked(self._verb, self._target, self._builds[self.cursor].reference()))


def _candidates(view: View, verb: str, target: str) -> tuple[Build, ...]:
    """Builds that exist and do not serve there; for a rollback only those that once did."""
    builds = tuple(
        build for build in view.snapshot.builds.get(view.app, ()) if not build.gone and target not in build.runs_in
    )
    if verb == "promote":
        return builds
    served = {
        act.to_build.id
        for act in view.snapshot.history(view.app, target)
        if act.to_build is not None and act.outcome is Outcome.SUCCEEDED
    }
    environment = view.snapshot.environments.get((view.app, target))
    previous: BuildReference | None = environment.previous_build if environment else None
    return tuple(build for build in builds if build.id in served or (previous and build.id == previous.id))
