"""Four themes as one table of tokens, and how an ink on a ground becomes a style.

Presenters name inks (`text`, `faint`, `ok b`) and grounds (`bg`, `lift`, `bad-tint`), never colours. The rules that
hold for every screen live here: `faint` is too weak on raised grounds and becomes `soft` there, text on the cursor
row goes one step brighter, and without colour weight and reverse carry what hue did.
"""

from __future__ import annotations

from rich.color import Color
from rich.style import Style
from textual.theme import Theme

INKS = ("white", "text", "soft", "faint", "off", "line", "rail", "ok", "move", "bad", "gate")
SOURCES = ("src-1", "src-2", "src-3", "src-4")
TINTS = ("ok-tint", "move-tint", "bad-tint", "gate-tint")
GROUNDS = ("bg", "band", "raise", "lift", *TINTS)

_DARK = {
    "bg": "#0F1416", "band": "#181F22", "raise": "#212B2F", "lift": "#2D3A40", "line": "#2B363B", "rail": "#647680",
    "white": "#FFFFFF", "text": "#E8E5DC", "soft": "#B4BAB9", "faint": "#8A9496", "off": "#77858C",
    "ok": "#8BD5A0", "move": "#F5C352", "bad": "#FF8A78", "gate": "#C6AAF5",
    "ok-tint": "#16281E", "move-tint": "#2E2612", "bad-tint": "#331E1B", "gate-tint": "#241D31", "on": "#14110A",
    "src-1": "#9CBBD0", "src-2": "#CFB99A", "src-3": "#BFADCB", "src-4": "#A9C3B4",
}  # fmt: skip
_LIGHT = {
    "bg": "#FBFAF6", "band": "#F1EEE6", "raise": "#E7E3D8", "lift": "#D8D2C3", "line": "#DDD8CB", "rail": "#7E8384",
    "white": "#000000", "text": "#1B2123", "soft": "#474F52", "faint": "#5E6567", "off": "#6A7072",
    "ok": "#176339", "move": "#7A4F00", "bad": "#AD241B", "gate": "#66399C",
    "ok-tint": "#E2F0E3", "move-tint": "#FBEBC8", "bad-tint": "#FBE3DE", "gate-tint": "#EEE6F8", "on": "#FFFFFF",
    "src-1": "#2F566F", "src-2": "#6B5024", "src-3": "#614672", "src-4": "#32584A",
}  # fmt: skip
_HIGH_CONTRAST = {
    "bg": "#000000", "band": "#141414", "raise": "#262626", "lift": "#404040", "line": "#5A5A5A", "rail": "#A8A8A8",
    "white": "#FFFFFF", "text": "#FFFFFF", "soft": "#E4E4E4", "faint": "#C4C4C4", "off": "#B0B0B0",
    "ok": "#6BFF9A", "move": "#FFD75A", "bad": "#FF9C8F", "gate": "#DDBFFF",
    "ok-tint": "#00260F", "move-tint": "#2B2200", "bad-tint": "#330A06", "gate-tint": "#1F0F33", "on": "#000000",
    "src-1": "#A9DDFF", "src-2": "#FFDDA0", "src-3": "#E9C6FF", "src-4": "#B4F5D8",
}  # fmt: skip
_COLOUR_BLIND = {
    **_DARK,
    "ok": "#7CC0FF", "move": "#F0E08A", "bad": "#FF9A4D", "gate": "#D5C4E8",
    "ok-tint": "#14263A", "move-tint": "#2B2816", "bad-tint": "#3A2310", "gate-tint": "#26222E", "on": "#10130F",
}  # fmt: skip

TOKENS: dict[str, dict[str, str]] = {
    "flash-dark": _DARK,
    "flash-light": _LIGHT,
    "flash-high-contrast": _HIGH_CONTRAST,
    "flash-colour-blind": _COLOUR_BLIND,
}
DEFAULT_THEME = "flash-dark"
SHORT_NAMES = {name.removeprefix("flash-"): name for name in TOKENS}

_STEP_UP = {
    "lift": {"faint": "soft", "off": "soft", "soft": "text", "text": "white", "rail": "soft"},
    "raise": {"faint": "soft", "off": "soft", "rail": "soft"},
    "band": {"off": "faint"},
    **{tint: {"faint": "soft", "off": "soft"} for tint in TINTS},
}
_FILLED = {"lit": "text", "fill-ok": "ok", "fill-move": "move", "fill-bad": "bad", "fill-white": "white"}
"""Grounds made of an ink: chips. What stands on them is `on`, or for `lit` the page."""


def resolve(ink: str, ground: str) -> tuple[str, str]:
    """The tokens that are painted for an ink on a ground."""
    ground = "lift" if ground == "chip" else ground  # apart, since without colour only the lit chip is reversed
    if ground in _FILLED:
        return ("bg" if ground in {"lit", "fill-white"} else "on"), _FILLED[ground]
    return _STEP_UP.get(ground, {}).get(ink, ink), ground


class Palette:
    """Styles of one theme, made once each."""

    def __init__(self, theme: str, *, no_color: bool = False) -> None:
        self._tokens = TOKENS.get(theme, _DARK)
        self._no_color = no_color
        self._styles: dict[tuple[str, str, bool], Style] = {}

    def style(self, ink: str, ground: str, *, dimmed: bool = False) -> Style:
        """The style of `ink`: a token, then optional flags out of b(old) i(talic) u(nderline), then `@ground`."""
        key = (ink, ground, dimmed)
        found = self._styles.get(key)
        if found is None:
            found = self._styles[key] = self._make(ink, ground, dimmed=dimmed)
        return found

    def _make(self, ink: str, ground: str, *, dimmed: bool) -> Style:
        words, _, own_ground = ink.partition("@")
        name, _, flags = words.partition(" ")
        bold, italic, underline = "b" in flags, "i" in flags, "u" in flags
        if dimmed:
            name, own_ground, ground, bold = ("line" if name in {"line", "rail"} else "off"), "", "bg", False
        ground = own_ground or ground
        if self._no_color:
            reverse = ground == "lift" or ground in _FILLED
            return Style(bold=bold or name == "bad", italic=italic, underline=underline, reverse=reverse)
        front, back = resolve(name, ground)
        return Style(
            color=Color.parse(self._tokens[front]),
            bgcolor=Color.parse(self._tokens[back]),
            bold=bold,
            italic=italic,
            underline=underline,
        )


def textual_themes() -> list[Theme]:
    """The same tokens for what Textual paints itself: text fields."""
    return [_textual_theme(name, tokens) for name, tokens in TOKENS.items()]


def _textual_theme(name: str, tokens: dict[str, str]) -> Theme:
    return Theme(
        name=name,
        primary=tokens["white"],
        accent=tokens["gate"],
        success=tokens["ok"],
        warning=tokens["move"],
        error=tokens["bad"],
        foreground=tokens["text"],
        background=tokens["bg"],
        surface=tokens["band"],
        panel=tokens["raise"],
        dark=name != "flash-light",
        variables={f"flash-{token}": colour for token, colour in tokens.items()},
    )
