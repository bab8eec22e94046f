"""From `Line` to what Textual paints."""

from __future__ import annotations

from rich.segment import Segment
from textual.strip import Strip

from flash_tui.tui.present.line import Line
from flash_tui.tui.themes import Palette

_ASCII = str.maketrans(
    {
        "✓": "+", "✗": "x", "◌": ".", "∙": ".", "▸": ">", "▾": "v",
        "↻": "~", "⊘": "-", "◍": "o", "⇣": "v",
        "─": "-", "━": "=", "╌": "-", "╫": "#", "┃": "|", "…": "~", "\u2013": "-",
        "←": "<", "→": ">", "↑": "^", "↓": "v",
        **{chr(code): " .::||||"[(code - 0x2800).bit_count() - 1] for code in range(0x2801, 0x2900)},
    }
)  # fmt: skip


class Painter:
    """Paints lines in one theme, in the characters that the terminal has."""

    def __init__(self, palette: Palette, *, ascii_only: bool = False) -> None:
        self._palette = palette
        self._ascii = ascii_only

    def strip(self, line: Line, width: int, *, dimmed: bool = False) -> Strip:
        """One row, exactly `width` cells."""
        style, ground = self._palette.style, line.ground
        spans = line.spans
        segments = [Segment(self._text(text), style(ink or "text", ground, dimmed=dimmed)) for text, ink in spans]
        return Strip(segments).adjust_cell_length(width, style("text", ground, dimmed=dimmed))

    def _text(self, text: str) -> str:
        if not self._ascii or text.isascii():
            return text
        return text.translate(_ASCII).encode("ascii", "replace").decode()
