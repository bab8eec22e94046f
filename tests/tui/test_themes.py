from __future__ import annotations

import pytest

from flash_tui.tui.themes import GROUNDS, SOURCES, TOKENS, Palette, resolve

TEXT_INKS = ("white", "text", "soft", "faint", "ok", "move", "bad", "gate", *SOURCES)
TINT_INKS = {"ok-tint": "ok", "move-tint": "move", "bad-tint": "bad", "gate-tint": "gate"}
READABLE = 4.5


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(front: str, back: str) -> float:
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    (ink, ground)
    for ground in GROUNDS
    for ink in (("white", "text", "soft", "faint", TINT_INKS[ground]) if ground in TINT_INKS else TEXT_INKS)
]
"""A tint carries its own hue only."""


@pytest.mark.parametrize("theme", TOKENS)
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_every_text_is_readable_on_every_ground(theme: str, ink: str, ground: str) -> None:
    front, back = resolve(ink, ground)
    assert contrast(TOKENS[theme][front], TOKENS[theme][back]) >= READABLE


@pytest.mark.parametrize("theme", TOKENS)
@pytest.mark.parametrize("ground", ["lit", "fill-ok", "fill-move", "fill-bad", "fill-white"])
def test_chips_are_readable(theme: str, ground: str) -> None:
    front, back = resolve("text", ground)
    assert contrast(TOKENS[theme][front], TOKENS[theme][back]) >= READABLE


@pytest.mark.parametrize("theme", TOKENS)
def test_what_lies_behind_a_sheet_is_readable_too(theme: str) -> None:
    assert contrast(TOKENS[theme]["off"], TOKENS[theme]["bg"]) >= READABLE


def test_every_theme_has_every_token() -> None:
    assert len({frozenset(tokens) for tokens in TOKENS.values()}) == 1


def test_without_colour_weight_and_reverse_carry_what_hue_did() -> None:
    palette = Palette("flash-dark", no_color=True)
    assert palette.style("text", "lift").reverse
    assert palette.style("text b", "lit").reverse
    assert palette.style("bad", "bg").bold
    assert palette.style("ok", "bg").color is None


def test_dimmed_text_is_off_whatever_it_was() -> None:
    palette = Palette("flash-dark")
    assert palette.style("bad b", "lift", dimmed=True) == palette.style("off", "bg", dimmed=True)
