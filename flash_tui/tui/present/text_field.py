"""One line of text being typed: what the keys of any terminal's line editor do, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flash_tui.tui.present.line import Span

MAX_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class TextField:
    text: str = ""
    at: int = 0
    """Characters before the text cursor."""

    def typed(self, key: str, character: str | None) -> TextField | None:  # noqa: PLR0911 - a table of keys
        """The field after a key, or None if the key is none of its business."""
        match key:
            case "backspace":
                return self._without(max(self.at - 1, 0), self.at)
            case "delete":
                return self._without(self.at, self.at + 1)
            case "ctrl+w":
                return self._without(len(self.text[: self.at].rstrip().rpartition(" ")[0]), self.at)
            case "ctrl+u":
                return self._without(0, self.at)
            case "left":
                return replace(self, at=max(self.at - 1, 0))
            case "right":
                return replace(self, at=min(self.at + 1, len(self.text)))
            case "home" | "ctrl+a":
                return replace(self, at=0)
            case "end" | "ctrl+e":
                return replace(self, at=len(self.text))
            case _:
                return self.with_text(character) if character and character.isprintable() else None

    def with_text(self, text: str) -> TextField:
        """Typed or pasted; only the first line of it."""
        line = text.splitlines()[0] if text else ""
        whole = (self.text[: self.at] + line + self.text[self.at :])[:MAX_CHARACTERS]
        return TextField(whole, min(self.at + len(line), len(whole)))

    def _without(self, start: int, end: int) -> TextField:
        return TextField(self.text[:start] + self.text[end:], start)


def field_spans(field: TextField, lead: str = "") -> tuple[Span, ...]:
    """A field being typed: its text with the text cursor in it."""
    at = field.text[field.at : field.at + 1] or " "
    return (
        (lead, "faint"),
        (field.text[: field.at], "white b"),
        (at, "text@fill-white"),
        (field.text[field.at + 1 :], "white b"),
    )
