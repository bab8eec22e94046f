"""Nothing here yet: what to press. Keys: up and down, enter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from flash_tui.tui.intents import MakeSample
from flash_tui.tui.messages import Run
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.header import short_path
from flash_tui.tui.present.line import Line, Row, blank
from flash_tui.tui.screens.sheet import ListSheet
from flash_tui.tui.widgets.pane import Title

FIRST_CHOICE = 6


@dataclass(frozen=True, slots=True)
class Choice:
    text: str
    detail: str
    key: str
    verb_id: str = ""


class FirstRunSheet(ListSheet):
    """Covers the panes until there is an app."""

    IS_FULL: ClassVar[bool] = True
    IS_GREETING: ClassVar[bool] = True
    GROUND: ClassVar[str] = "bg"
    ALLOWS: ClassVar[frozenset[str]] = frozenset({"project.deploy", "program.quit"})

    def __init__(self) -> None:
        super().__init__()
        self.cursor = FIRST_CHOICE

    @property
    def choices(self) -> tuple[Choice, ...]:
        folder = short_path(self.view.settings.project) if self.view else ""
        first = self.view.settings.pipeline.first if self.view else ""
        opens = Choice("open another folder", "flash-tui DIR, from the shell", "q quits", "program.quit")
        if self.view is not None and self.view.snapshot.has_project:
            ships = Choice(
                f"deploy this project to {first}", f"builds {folder}; a save does the same", "r", "project.deploy"
            )
            return (ships, opens)
        makes = Choice("make a sample project here", "2 endpoints, plain Python, runs on a CPU", "enter", "sample")
        return (makes, opens)

    def title(self) -> Title:
        return Title("", "")

    def hints(self) -> tuple[Hint, ...]:
        return (Hint("enter", "choose"), Hint("j k", "move"), Hint(":", "palette"), Hint("q", "quit"))

    @property
    def shows_bar(self) -> bool:
        return False

    def count(self) -> int:
        return FIRST_CHOICE + len(self.choices)

    def draw(self, width: int, height: int) -> list[Line]:
        lines = super().draw(width, height)
        return [blank(), *lines[1:]]

    def body_line(self, index: int, width: int) -> Line:
        if index >= FIRST_CHOICE:
            return self._choice(index, width)
        column = 44 if width >= 100 else 34  # noqa: PLR2004 - where the right column begins
        row = Row(width)
        match index:
            case 1:
                row.put(4, "Save a file, see it live.", "white b")
                row.put(column, "A build starts in dev and moves right, one key at a time.", "soft")
            case 2:
                row.put(column, "The local platform needs no account and runs here.", "soft")
            case 5:
                row.put(4, "start", "faint")
            case _:
                pass
        return row.line()

    def move_to(self, index: int) -> None:
        super().move_to(max(index, FIRST_CHOICE))

    def back(self) -> bool:
        return True

    def action_choose(self) -> None:
        choice = self.choices[self.cursor - FIRST_CHOICE]
        self.post_message(MakeSample() if choice.verb_id == "sample" else Run(choice.verb_id))

    def _choice(self, index: int, width: int) -> Line:
        choice = self.choices[index - FIRST_CHOICE]
        row = Row(width, self.ground_of(index))
        row.put(4, choice.text, "text b" if index == self.cursor else "text")
        row.put(44 if width >= 100 else 34, choice.detail, "faint")  # noqa: PLR2004 - as above
        row.right(width - 2, (choice.key, "soft"))
        return row.line()
