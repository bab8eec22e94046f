"""The palette's entries: every verb by name, then places to go, then themes; and which of them a text means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flash_tui.tui.keymap import VERBS, Keymap
from flash_tui.tui.present.outline import Key
from flash_tui.tui.present.reasons import reason
from flash_tui.tui.themes import SHORT_NAMES
from flash_tui.tui.view import View

COMMANDS = {"q": "program.quit", "quit": "program.quit", "help": "program.keys"}
"""What vim and k9s users type."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Exactly one of `verb_id`, `key` (a row of the tree) and `theme` is set."""

    text: str
    hint: str = ""
    reason: str = ""
    verb_id: str = ""
    key: Key = ()
    theme: str = ""


def entries(view: View, keymap: Keymap) -> list[Entry]:
    """All there is, what applies here first."""
    verbs = [
        Entry(verb.label, " ".join(keymap.keys(verb.id)), reason(verb.id, view), verb_id=verb.id) for verb in VERBS
    ]
    verbs.sort(key=lambda entry: bool(entry.reason))
    themes = [Entry(f"theme {name}", theme=name) for name in SHORT_NAMES]
    return [*verbs, *_places(view), *themes]


def _places(view: View) -> Iterable[Entry]:
    snapshot = view.snapshot
    for app in snapshot.apps:
        yield Entry(f"app {app}", "go", key=("app", app))
    for app, name in snapshot.environments:
        environment = snapshot.environments[app, name]
        yield Entry(f"env {name}", f"{app}, go", key=("environment", app, name))
        for endpoint in environment.endpoints:
            yield Entry(f"endpoint {name} {endpoint.name}", f"{app}, go", key=("endpoint", app, name, endpoint.name))
    for app, builds in snapshot.builds.items():
        for build in builds:
            yield Entry(f"build {build.label}", f"{app}, go", key=("build", app, build.id))


def search(found: Sequence[Entry], text: str) -> list[Entry]:
    """Entries that `text` means, best first: a command word, then words that begin so, then letters in order."""
    text = text.strip().lower().removeprefix(":")
    if not text:
        return list(found)
    named = COMMANDS.get(text)
    ranked = [
        (rank, index, entry) for index, entry in enumerate(found) if (rank := _rank(entry, text, named)) is not None
    ]
    return [entry for _, _, entry in sorted(ranked, key=lambda item: item[:2])]


def _rank(entry: Entry, text: str, named: str | None) -> int | None:
    if named is not None and entry.verb_id == named:
        return 0
    words = entry.text.lower()
    if words.startswith(text):
        return 1
    if all(any(word.startswith(part) for word in words.split()) for part in text.split()):
        return 2
    if text in words:
        return 3
    return 4 if _in_order(text, words) else None


def _in_order(text: str, words: str) -> bool:
    letters = iter(words)
    return all(letter in letters for letter in text if letter != " ")
