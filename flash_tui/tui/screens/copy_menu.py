"""What can be copied of the thing under the cursor. Keys: up and down, enter."""

from __future__ import annotations

import shlex

from flash_tui.tui.messages import Copied
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.screens.sheet import ListSheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Title

Copy = tuple[str, str]
"""What it is, and the text."""


def copies(view: View) -> tuple[Copy, ...]:
    """Everything worth copying of the selection; no secret among it."""
    found: list[Copy] = []
    endpoint, build, environment = view.endpoint, view.build, view.environment
    if endpoint is not None:
        call = ["flash-tui", "call", endpoint.name, "{}", "-e", view.environment_name]
        found += [("URL", endpoint.url), ("command", shlex.join(call)), ("id", endpoint.id)]
        found += [("route", route) for route in endpoint.routes]
    elif build is not None:
        found += [("version", build.label), ("digest", build.digest or ""), ("id", build.id)]
    elif environment is not None:
        if environment.build is not None:
            found.append(("digest", environment.build.digest or environment.build.id))
        found += [("name", environment.name), ("id", environment.id)]
        found.append(("JSON", environment.model_dump_json(indent=2)))
    error = view.snapshot.watch.error or (environment.error if environment is not None else None)
    if error is not None:
        found.append(("error", "\n".join(part for part in (error.what, error.where, error.traceback) if part)))
    found.append(("app", view.app))
    return tuple((what, text) for what, text in found if text)


class CopySheet(ListSheet):
    def __init__(self, found: tuple[Copy, ...]) -> None:
        super().__init__()
        self._found = found

    def title(self) -> Title:
        return Title("", "Copy", (), (), "lift")

    def hints(self) -> tuple[Hint, ...]:
        return (Hint("enter", "copy"), Hint("j k", "move"), Hint("esc", "back"))

    def count(self) -> int:
        return len(self._found)

    def body_line(self, index: int, width: int) -> Line:
        row = Row(width, self.ground_of(index))
        what, text = self._found[index]
        row.put(4, what, "faint")
        row.put(18, " ".join(text.split()), "text")
        return row.line()

    def action_choose(self) -> None:
        what, text = self._found[self.cursor]
        self.close()
        self.screen.post_message(Copied(f"the {what}", text))
