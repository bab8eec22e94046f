"""Messages to the app that are no wish to the target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from flash_tui.models.build import BuildReference
    from flash_tui.models.release import PromotionPlan
    from flash_tui.models.snapshot import Notice
    from flash_tui.tui.present.outline import Key


class Noticed(Message):
    """Something to say in the notice row."""

    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self.notice = notice


class Copied(Message):
    """Text for the clipboard, and what it is."""

    def __init__(self, what: str, text: str) -> None:
        super().__init__()
        self.what, self.text = what, text


class ThemeWanted(Message):
    """A theme by name; empty: the next one."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name


class QuitWanted(Message):
    """End the program."""


class SuspendWanted(Message):
    """To the shell, until `fg`."""


class Planned(Message):
    """A plan was read; the board may show it."""

    def __init__(self, plan: PromotionPlan) -> None:
        super().__init__()
        self.plan = plan


class Run(Message):
    """Do what a verb's key does, as if it had been pressed; with `closes`, after the sheet that says so has gone."""

    def __init__(self, verb_id: str, *, closes: bool = False) -> None:
        super().__init__()
        self.verb_id, self.closes = verb_id, closes


class Went(Message):
    """Go to a row of the tree."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self.key = key


class Picked(Message):
    """A build was chosen to promote, or to roll back to."""

    def __init__(self, verb: str, environment: str, build: BuildReference) -> None:
        super().__init__()
        self.verb, self.environment, self.build = verb, environment, build


class Compared(Message):
    """Show what differs between two builds."""

    def __init__(self, old: BuildReference, new: BuildReference) -> None:
        super().__init__()
        self.old, self.new = old, new


class EditWanted(Message):
    """Open a file of the project in the editor, at a line."""

    def __init__(self, path: str, line: int) -> None:
        super().__init__()
        self.path, self.line = path, line


class Stirred(Message):
    """Something on a sheet began to move: the spinner turns."""
