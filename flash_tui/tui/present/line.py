"""One row of the screen as data: texts with inks on a ground. Everything on screen is made of these.

Whatever enters a row is text and nothing else: no markup is read, and no control character or escape sequence survives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

Span = tuple[str, str]
"""Text and ink."""

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b\[[0-9;:?<=>!]*[ -/]*[@-~]?|\x1b[ -/]*[0-~]?"
    r"|\x9b[0-9;:?<=>!]*[ -/]*[@-~]?"
)
FIELD_GAP = 2


@dataclass(frozen=True, slots=True)
class Line:
    """Spans from the left edge on; the rest of the row is ground."""

    spans: tuple[Span, ...] = ()
    ground: str = "bg"

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self.spans)


def plain(text: str) -> str:
    """`text` as it may reach a terminal: escape sequences gone, tabs as spaces, other control characters as `^X`."""
    if text.isprintable():
        return text
    text = _ESCAPES.sub("", text).expandtabs(4)
    return "".join(one if one.isprintable() else _stand_in(one) for one in text)


def _stand_in(character: str) -> str:
    code = ord(character)
    if code < 0x20:  # noqa: PLR2004 - C0
        return f"^{chr(code + 0x40)}"
    return "" if code == 0x7F or 0x200B <= code <= 0x202E else "�"  # noqa: PLR2004 - DEL, zero-width and direction marks


def clip(text: str, width: int) -> str:
    """`text` in at most `width` cells; what was cut ends in `…`."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return "…"[:width]
    return chop_cells(text, width - 1)[0] + "…"


def elide(text: str, width: int) -> str:
    """`text` in at most `width` cells, cut in the middle: for ids and paths, whose ends tell them apart."""
    if cell_len(text) <= width or width < 5:  # noqa: PLR2004 - nothing left to tell apart
        return clip(text, width)
    head = (width - 1) // 2
    return text[:head] + "…" + text[-(width - 1 - head) :]


class Row:
    """A row under construction: pieces at columns. A piece that would run into the next one is cut before it."""

    __slots__ = ("_pieces", "ground", "width")

    def __init__(self, width: int, ground: str = "bg") -> None:
        self.width = width
        self.ground = ground
        self._pieces: list[tuple[int, str, str]] = []

    def put(self, column: int, text: str, ink: str = "text") -> int:
        """Place `text`; the column behind it."""
        text = plain(text)
        if text:
            self._pieces.append((column, text, ink))
        return column + cell_len(text)

    def spans(self, column: int, *spans: Span) -> int:
        """Place spans one after the other; the column behind them."""
        for text, ink in spans:
            column = self.put(column, text, ink)
        return column

    def right(self, end: int, *spans: Span) -> int:
        """Place spans so that they end before column `end`; the column at which they begin."""
        start = end - sum(cell_len(plain(text)) for text, _ in spans)
        self.spans(start, *spans)
        return start

    def line(self) -> Line:
        spans: list[Span] = []
        at = 0
        pieces = sorted((piece for piece in self._pieces if piece[0] < self.width), key=lambda piece: piece[0])
        for index, (column, text, ink) in enumerate(pieces):
            end = pieces[index + 1][0] if index + 1 < len(pieces) else self.width
            room = end - max(column, at)
            if cell_len(text) > room:
                text = clip(text, room - FIELD_GAP if index + 1 < len(pieces) else room)  # noqa: PLW2901
            if not text or room <= 0:
                continue
            if column > at:
                spans.append((" " * (column - at), ""))
                at = column
            spans.append((text, ink))
            at += cell_len(text)
        return Line(tuple(spans), self.ground)


def blank(ground: str = "bg") -> Line:
    return Line((), ground)


def with_bar(line: Line, ink: str) -> Line:
    """The same row with the focus bar in column 0, which every row leaves empty."""
    if not line.spans:
        return Line((("┃", ink),), line.ground)
    (text, first_ink), *rest = line.spans
    if not text.startswith(" "):
        return line
    return Line((("┃", ink), (text[1:], first_ink), *rest), line.ground)
