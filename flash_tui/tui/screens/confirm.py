"""Asks before something is taken away: focus on Cancel, a protected name typed, the verb on the button."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on

from flash_tui.models.errors import FlashTuiError
from flash_tui.tui.intents import Answered, Refused, Undeploy
from flash_tui.tui.present.environment import fact
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line, Row, blank
from flash_tui.tui.present.text_field import TextField, field_spans
from flash_tui.tui.screens.sheet import Sheet
from flash_tui.tui.view import View
from flash_tui.tui.widgets.pane import Title

VALUE = 18


class UndeploySheet(Sheet):
    OWNS_LETTERS: ClassVar[bool] = True

    def __init__(self, app: str, environment: str, *, is_protected: bool) -> None:
        super().__init__()
        self._app, self._environment, self._is_protected = app, environment, is_protected
        self._typed = TextField()
        self._on_verb = False
        self._is_running = False
        self._error: FlashTuiError | None = None
        self.bar_ink = "gate" if is_protected else "rail"

    def title(self) -> Title:
        ground = "gate-tint" if self._is_protected else "lift"
        right = (("protected", "gate"),) if self._is_protected else ()
        ink = "gate b" if self._is_protected else "white b"
        return Title("", "Undeploy", ((self._environment, ink),), right, ground, gap=1)

    def hints(self) -> tuple[Hint, ...]:
        return (Hint("esc", "cancel"), Hint("tab", "to the button"), Hint("enter", "the lit one"))

    def body(self, view: View, width: int) -> list[Line]:
        environment = view.snapshot.environments.get((self._app, self._environment))
        names = ", ".join(endpoint.name for endpoint in environment.endpoints) if environment else ""
        serves = environment.build.label if environment and environment.build else "nothing"
        lines = [
            blank(),
            fact(width, "serves", (serves, "text b"), value=VALUE),
            fact(width, "takes away", (names or "no endpoint", "soft"), value=VALUE),
            fact(width, "keeps", ("builds, history and volumes", "soft"), value=VALUE),
            fact(
                width,
                "way back",
                ("p", "white b"),
                (" or ", "faint"),
                ("r", "white b"),
                (" deploys again", "soft"),
                value=VALUE,
            ),
            fact(width, "same as", (f"flash-tui undeploy {self._environment}", "soft"), value=VALUE),
            blank(),
        ]
        if self._error is not None:
            return [*lines, fact(width, "", (self._error.what, "bad b"), value=4, sign=("✗", "bad"))]
        if self._is_running:
            return [*lines, fact(width, "under way", ("its endpoints go", "move"), value=VALUE)]
        if self._is_protected:
            row = Row(width)
            row.spans(4, ("Type ", "text"), (self._environment, "gate b"))
            row.spans(24, *field_spans(self._typed))
            lines += [row.line(), blank()]
        row = Row(width)
        at = row.put(24, " Cancel ", "text b@chip" if self._on_verb else "text b@lit") + 3
        is_open = self._is_named
        row.put(
            at,
            f" Undeploy {self._environment} ",
            "text b@lit" if self._on_verb else ("text b@chip" if is_open else "soft@raise"),
        )
        return [*lines, row.line()]

    @property
    def _is_named(self) -> bool:
        return not self._is_protected or self._typed.text == self._environment

    def on_key(self, event: events.Key) -> None:
        field = self._typed.typed(event.key, event.character) if self._is_protected and not self._is_running else None
        if field is not None:
            event.stop()
            event.prevent_default()
            self._typed = field
            self.redraw()

    def action_stop(self, step: int) -> None:
        del step
        self._on_verb = not self._on_verb and self._is_named
        self.redraw()

    def action_confirm(self) -> None:
        if self._is_running or self._error is not None:
            return
        if not self._on_verb:
            self.close()
            return
        if self._is_named:
            self._is_running = True
            self.ask(Undeploy(self._app, self._environment))
            self.redraw()

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        event.stop()
        self.close()

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        self._is_running, self._error = False, event.error
        self.redraw()
