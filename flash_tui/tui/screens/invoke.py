"""Call an endpoint: its input as JSON, a route where it has several, and the answer with its timing below.

Keys: ctrl+j sends, ctrl+g takes the next route, tab goes between input, answer and route; on the answer x cancels,
. sends again, i goes back to the input, c copies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import TextArea

from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.human import duration
from flash_tui.models.job import HttpAnswer, QueueAnswer
from flash_tui.tui.intents import Answered, Invoke, Refused
from flash_tui.tui.keymap import bindings
from flash_tui.tui.messages import Copied, Stirred
from flash_tui.tui.present.answer import answer_lines, as_text, verdict
from flash_tui.tui.present.footer import Hint
from flash_tui.tui.present.line import Line, Row, blank, with_bar
from flash_tui.tui.present.signs import MOVING, spin
from flash_tui.tui.present.text_field import TextField, field_spans
from flash_tui.tui.screens.sheet import Sheet
from flash_tui.tui.widgets.pane import Title

INPUT_TOP = 4
COMPACT_HEIGHT = 20
BODILESS = ("GET", "HEAD", "DELETE")


@dataclass(frozen=True, slots=True)
class Call:
    """What was sent last to an endpoint; kept while the program runs."""

    body: str
    route: str = ""


class InvokeSheet(Sheet):
    OWNS_LETTERS: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = bindings("invoke")

    def __init__(self, app: str, environment: str, endpoint: Endpoint, first: Call, calls: dict[str, Call]) -> None:
        """`calls` is where what is sent is remembered, by endpoint id."""
        super().__init__()
        self._app, self._environment, self._endpoint = app, environment, endpoint
        self._calls = calls
        self._route = TextField(first.route, len(first.route))
        self._input = TextArea(first.body, id="input", soft_wrap=False, show_line_numbers=True, compact=True)
        self._is_on_route = False
        self._sent_at: float | None = None
        self._sent_number = 0
        self._answer: QueueAnswer | HttpAnswer | None = None
        self._error: FlashTuiError | None = None
        self._answer_top = 0

    def compose(self) -> ComposeResult:
        yield self._input

    def on_mount(self) -> None:
        self._input.focus()

    @property
    def is_running(self) -> bool:
        return self._sent_at is not None

    @property
    def moves(self) -> bool:
        return self.is_running

    # -- what is shown ------------------------------------------------------------------------------------------------

    def title(self) -> Title:
        is_protected = self.view is not None and self.view.is_protected(self._environment)
        right = ((self._environment, "gate b" if is_protected else "soft"),)
        return Title("2", self._endpoint.name, (("invoke", "white b u"),), right, "lift")

    def hints(self) -> tuple[Hint, ...]:
        if self._input.has_focus or self._is_on_route:
            route = (Hint("ctrl+g", "next route"),) if self._endpoint.routes else ()
            return (Hint("ctrl+j", "send"), *route, Hint("tab", "to the answer"), Hint("esc", "back"))
        return (
            Hint("x", "cancel", is_off=not self.is_running),
            Hint("i", "edit input"),
            Hint(".", "send again"),
            Hint("c", "copy answer", is_off=self._answer is None),
            Hint("esc", "back"),
        )

    def draw(self, width: int, height: int) -> list[Line]:
        rows = 5 if height < COMPACT_HEIGHT else 8
        self._input.styles.height = rows
        head = [self._title_line(width), blank(), self._what(width), self._label(width), *[blank()] * rows]
        head += [self._fits(width), blank(), self._verdict(width), blank()]
        body = self._answer_body(width)
        room = max(height - len(head), 0)
        self._answer_top = max(min(self._answer_top, len(body) - room), 0)
        lines = [*head, *body[self._answer_top : self._answer_top + room]]
        lines += [blank()] * (height - len(lines))
        bar = "white" if self.has_focus else "rail"
        lines = [replace(line, ground=self.GROUND) if line.ground == "bg" else line for line in lines]
        return [with_bar(line, bar) for line in lines]

    def _what(self, width: int) -> Line:
        row = Row(width)
        if not self._endpoint.routes:
            row.put(4, "queue", "faint")
            row.put(15, self._endpoint.url, "soft")
            return row.line()
        row.put(4, "route", "faint")
        if self._is_on_route:
            row.spans(15, *field_spans(self._route))
        else:
            row.put(15, self._route.text, "text b")
        row.right(width - 2, (f"{len(self._endpoint.routes)} routes", "faint"))
        return row.line()

    def _label(self, width: int) -> Line:
        row = Row(width)
        row.put(4, "query" if self._is_bodiless else "input", "faint")
        return row.line()

    def _fits(self, width: int) -> Line:
        row = Row(width)
        problem = json_problem(self._input.text)
        row.put(4, "✗" if problem else "✓", "bad" if problem else "ok")
        row.put(6, problem or "JSON", "bad" if problem else "faint")
        row.right(width - 2, ("ctrl+j", "white b"), (" sends", "faint"))
        return row.line()

    def _verdict(self, width: int) -> Line:
        row = Row(width, "lift" if self.has_focus and not self._is_on_route else "raise")
        at = row.put(4, "answer", "text b") + 2
        if self.is_running and self._sent_at is not None:
            row.put(2, spin(MOVING, self.host.frame), "move")
            elapsed = duration((self.host.now().timestamp() - self._sent_at) * 1000)
            row.spans(at, ("in progress  ", "move"), (elapsed, "text"))
            row.right(width - 2, ("x", "white b"), (" cancel", "faint"))
        elif self._error is not None:
            row.put(2, "✗", "bad")
            row.put(at, self._error.what.splitlines()[0], "bad b")
        elif self._answer is not None:
            sign, spans = verdict(self._answer)
            row.put(2, *sign)
            row.spans(at, *spans)
        return row.line()

    def _answer_body(self, width: int) -> list[Line]:
        if self._error is not None:
            texts = [text for text in (self._error.where, self._error.hint) if text]
            return [_text(width, text, "soft") for text in texts]
        return answer_lines(self._answer, width) if self._answer is not None else []

    @property
    def _is_bodiless(self) -> bool:
        return self._route.text.split(" ", 1)[0] in BODILESS

    # -- keys ---------------------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        if not self._is_on_route or not self.has_focus:
            return
        field = self._route.typed(event.key, event.character)
        if field is not None:
            event.stop()
            event.prevent_default()
            self._route = field
            self.redraw()

    def on_descendant_focus(self) -> None:
        self._is_on_route = False
        self.redraw()
        self.post_message(self.Touched())

    def on_text_area_changed(self) -> None:
        self.redraw()

    def action_stop(self, step: int) -> None:
        """Input, answer, route."""
        stops = ["input", "answer", *(["route"] if self._endpoint.routes else [])]
        here = "input" if self._input.has_focus else "route" if self._is_on_route else "answer"
        there = stops[(stops.index(here) + step) % len(stops)]
        self._is_on_route = there == "route"
        (self._input if there == "input" else self).focus()
        self.redraw()
        self.post_message(self.Touched())

    def action_move(self, rows: int) -> None:
        self._answer_top = max(self._answer_top + rows, 0)
        self.redraw()

    def action_confirm(self) -> None:
        if self._is_on_route:
            self.action_send()

    def action_route(self, step: int) -> None:
        routes = self._endpoint.routes
        if routes:
            here = routes.index(self._route.text) if self._route.text in routes else -1
            text = routes[(here + step) % len(routes)]
            self._route = TextField(text, len(text))
            self.redraw()

    def action_send(self) -> None:
        if self.is_running or json_problem(self._input.text):
            return
        text = self._input.text
        self._calls[self._endpoint.id] = Call(text, self._route.text)
        body = json.loads(text) if text.strip() else None
        intent = Invoke(self._app, self._environment, self._endpoint.name, body, self._route.text or None)
        self._sent_number += 1
        intent.number = self._sent_number
        self._sent_at, self._answer, self._error, self._answer_top = self.host.now().timestamp(), None, None, 0
        self._is_on_route = False
        self.focus()
        self.ask(intent)
        self.screen.post_message(Stirred())
        self.redraw()

    def do(self, verb_id: str) -> bool:
        match verb_id:
            case "endpoint.invoke":
                self._input.focus()
            case "endpoint.invoke_again":
                self.action_send()
            case "act.cancel" if self.is_running:
                self._sent_number += 1
                self._sent_at = None
                self._error = FlashTuiError("cancelled, its answer is not waited for")
                self.redraw()
            case "thing.copy" if self._answer is not None:
                self.post_message(Copied("the answer", as_text(self._answer.output)))
            case _:
                return False
        return True

    @on(Answered)
    def _answered(self, event: Answered) -> None:
        event.stop()
        if event.intent.number == self._sent_number and isinstance(event.result, QueueAnswer | HttpAnswer):
            self._sent_at, self._answer = None, event.result
            self.redraw()
            self.post_message(self.Touched())

    @on(Refused)
    def _refused(self, event: Refused) -> None:
        event.stop()
        if event.intent.number == self._sent_number:
            self._sent_at, self._error = None, event.error
            self.redraw()


def json_problem(text: str) -> str:
    """Why `text` is no JSON; nothing if it is, or is empty."""
    if not text.strip():
        return ""
    try:
        json.loads(text)
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        return f"line {line}: {getattr(error, 'msg', error)}"
    return ""


def _text(width: int, text: str, ink: str) -> Line:
    row = Row(width)
    row.put(4, text, ink)
    return row.line()
