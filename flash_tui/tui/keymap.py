"""Every key in one table. Footer, `?`, palette and Textual's bindings are all made from it, so none can disagree.

A verb's id is `noun.verb`; `[keymap]` in the person's settings.toml maps ids to other keys. A context is where a key
works: `main` everywhere but in text fields, `list` and `logs` in such panes, `sheet` on a sheet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.binding import Binding

if TYPE_CHECKING:
    from textual.binding import BindingType

GROUPS = ("ship", "look", "use", "find", "move", "program")


@dataclass(frozen=True, slots=True)
class Verb:
    """Something a key does."""

    id: str
    keys: str
    """Textual's key names, comma separated; the first is shown."""
    label: str
    group: str
    context: str = "main"
    action: str = ""
    """Default: `act('<id>')`."""
    changes: bool = False
    """It changes what runs: off when read-only or offline."""
    rank: int = 0
    """Place in the footer of the home screen; 0: not there."""


def _main(id_: str, keys: str, label: str, group: str, *, changes: bool = False, rank: int = 0) -> Verb:
    return Verb(id_, keys, label, group, "main", f"act('{id_}')", changes=changes, rank=rank)


VERBS: tuple[Verb, ...] = (
    _main("environment.promote", "p", "promote", "ship", changes=True, rank=1),
    _main("environment.promote_choose", "P", "promote, choose", "ship", changes=True),
    _main("environment.rollback", "u", "roll back", "ship", changes=True, rank=2),
    _main("environment.rollback_choose", "U", "roll back, choose", "ship", changes=True),
    _main("project.deploy", "r", "deploy now", "ship", changes=True, rank=6),
    _main("watch.toggle", "a", "pause watch", "ship", rank=9),
    _main("act.cancel", "x", "cancel", "ship", changes=True, rank=12),
    _main("environment.undeploy", "X", "undeploy", "ship", changes=True),
    _main("build.diff", "d", "diff", "look", rank=4),
    _main("environment.history", "h", "history", "look", rank=7),
    _main("app.history", "H", "history of the app", "look"),
    _main("app.builds", "b", "builds", "look"),
    _main("logs.show", "l", "logs", "look", rank=5),
    _main("logs.zoom", "L", "logs, full screen", "look"),
    _main("endpoint.invoke", "i", "invoke", "use", rank=3),
    _main("endpoint.invoke_again", "full_stop", "invoke again", "use"),
    _main("thing.copy", "c", "copy", "use", rank=11),
    _main("thing.copy_menu", "y", "copy menu", "use"),
    _main("thing.edit", "e", "edit", "use", rank=10),
    _main("pane.filter", "slash", "filter", "find", rank=8),
    _main("problem.next", "n", "next problem", "find"),
    _main("problem.previous", "N", "previous problem", "find"),
    _main("program.palette", "colon,ctrl+p", "palette", "find", rank=8),
    _main("pane.tree", "1", "apps", "move"),
    _main("pane.detail", "2", "detail", "move"),
    _main("pane.logs", "5", "logs", "move"),
    _main("pane.next", "tab", "next pane", "move"),
    _main("pane.previous", "shift+tab", "previous pane", "move"),
    _main("pane.zoom", "f", "zoom pane", "move", rank=13),
    _main("pane.back", "escape", "back one step", "move"),
    _main("program.refresh", "ctrl+r,f5,R", "refresh", "program"),
    _main("program.theme", "T", "next theme", "program"),
    _main("program.suspend", "ctrl+z", "to the shell", "program"),
    _main("program.keys", "question_mark,f1", "keys", "program"),
    _main("program.quit", "q,ctrl+q", "quit", "program"),
    Verb("row.down", "j,down", "down", "move", "pane", "move(1)"),
    Verb("row.up", "k,up", "up", "move", "pane", "move(-1)"),
    Verb("row.half_down", "ctrl+d", "half a page down", "move", "pane", "half(1)"),
    Verb("row.half_up", "ctrl+u", "half a page up", "move", "pane", "half(-1)"),
    Verb("row.page_down", "pagedown", "page down", "move", "pane", "leaf(1)"),
    Verb("row.page_up", "pageup", "page up", "move", "pane", "leaf(-1)"),
    Verb("row.top", "g,home", "top", "move", "pane", "top"),
    Verb("row.bottom", "G,end", "bottom", "move", "pane", "bottom"),
    Verb("row.open", "enter", "open", "move", "list", "choose"),
    Verb("row.fold", "left", "fold", "move", "tree", "fold"),
    Verb("row.unfold", "right", "unfold", "move", "tree", "unfold"),
    Verb("row.toggle", "space", "fold or unfold", "move", "tree", "toggle_fold"),
    Verb("row.parent", "backspace", "parent", "move", "tree", "parent"),
    Verb("row.unfold_all", "equals_sign", "unfold all below", "move", "tree", "unfold_all"),
    Verb("sheet.next", "tab", "next field", "use", "sheet", "stop(1)"),
    Verb("sheet.previous", "shift+tab", "field before", "use", "sheet", "stop(-1)"),
    Verb("sheet.confirm", "enter", "confirm", "use", "sheet", "confirm"),
    Verb("invoke.send", "ctrl+j,ctrl+enter,alt+enter", "send the input", "use", "invoke", "send", changes=True),
    Verb("invoke.route", "ctrl+g", "another route", "use", "invoke", "route(1)"),
    Verb("logs.follow", "s", "follow the log", "look", "logs", "follow"),
    Verb("logs.time", "t", "times in the log", "look", "logs", "time"),
    Verb("logs.left", "left", "log to the left", "move", "logs", "shift(-8)"),
    Verb("logs.right", "right", "log to the right", "move", "logs", "shift(8)"),
)
BY_ID: dict[str, Verb] = {verb.id: verb for verb in VERBS}

SHARED_LINES: dict[str, tuple[str, str]] = {
    "row.down": ("row.up", "down, up"),
    "row.half_down": ("row.half_up", "half a page"),
    "row.page_down": ("row.page_up", "a page"),
    "row.top": ("row.bottom", "top, bottom"),
    "row.fold": ("row.unfold", "fold, unfold"),
    "pane.next": ("pane.previous", "next pane"),
    "problem.next": ("problem.previous", "problems"),
    "sheet.next": ("sheet.previous", "next field"),
    "logs.left": ("logs.right", "log left, right"),
    "environment.history": ("app.history", "history, of the app"),
    "logs.show": ("logs.zoom", "logs, full screen"),
}
"""Verbs that the sheet of keys tells in one line, and its words."""

NAMES = {
    "question_mark": "?",
    "full_stop": ".",
    "slash": "/",
    "colon": ":",
    "equals_sign": "=",
    "escape": "esc",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "pagedown": "pgdn",
    "pageup": "pgup",
}


def bindings(context: str) -> list[BindingType]:
    """Textual's bindings of one context."""
    return [
        Binding(verb.keys, verb.action, verb.label, show=False, id=verb.id) for verb in VERBS if verb.context == context
    ]


def key_name(key: str) -> str:
    """As a person would write it: `?`, `esc`, `ctrl+p`."""
    return NAMES.get(key, key)


class Keymap:
    """The table with a person's own keys in it."""

    def __init__(self, overrides: Mapping[str, str]) -> None:
        self._overrides = {id_: keys for id_, keys in overrides.items() if id_ in BY_ID}
        self.unknown = tuple(sorted(set(overrides) - set(BY_ID)))

    @property
    def overrides(self) -> dict[str, str]:
        return dict(self._overrides)

    def keys(self, verb_id: str) -> tuple[str, ...]:
        """All keys of a verb, as written."""
        keys = self._overrides.get(verb_id, BY_ID[verb_id].keys)
        return tuple(key_name(key.strip()) for key in keys.split(","))

    def key(self, verb_id: str) -> str:
        """The one key to show."""
        return self.keys(verb_id)[0]
