"""Messages to the app that are no wish to the target."""

from __future__ import annotations

from textual.message import Message

from flash_tui.models.snapshot import Notice


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
