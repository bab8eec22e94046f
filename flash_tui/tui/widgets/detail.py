"""The detail of what is selected. Keys: up and down scroll."""

from __future__ import annotations

from flash_tui.tui.intents import ReadJobs, ReadManifest
from flash_tui.tui.present.details import detail_lines, detail_name
from flash_tui.tui.present.line import Line
from flash_tui.tui.present.outline import Key
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Pane, Title


class DetailPane(Pane):
    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._view: View | None = None
        self._body: list[Line] = []
        self._asked: tuple[Key, object] | None = None

    def show(self, view: View) -> None:
        if self._view is None or self._view.key != view.key:
            self.top = 0
        self._view = view
        self._ask(view)
        self.redraw()

    def title(self) -> Title:
        if self._view is None:
            return Title("2", "")
        name, rest = detail_name(self._view)
        return Title("2", name, ((rest, "soft"),))

    def draw(self, width: int, height: int) -> list[Line]:
        self._body = (
            detail_lines(self._view, (width, height - 1), self.host.now(), self.host.frame) if self._view else []
        )
        return super().draw(width, height)

    def count(self) -> int:
        return len(self._body)

    def body_line(self, index: int, width: int) -> Line:
        del width
        return self._body[index]

    def _ask(self, view: View) -> None:
        """What the snapshot does not hold yet is asked for once, jobs again whenever their counts change."""
        build, endpoint = view.build, view.endpoint
        if build is not None and build.id not in view.snapshot.manifests:
            self._once((view.key, None), ReadManifest(build.id))
        elif endpoint is not None and endpoint.kind == "queue" and endpoint.jobs.completed + endpoint.jobs.failed:
            self._once((view.key, (endpoint.jobs.completed, endpoint.jobs.failed)), ReadJobs(endpoint.id))

    def _once(self, about: tuple[Key, object], intent: ReadManifest | ReadJobs) -> None:
        if self._asked != about:
            self._asked = about
            # Not through the ancestors: a message does not bubble past the one in whose handler it was made.
            self.screen.post_message(intent)
