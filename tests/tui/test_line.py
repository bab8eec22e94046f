from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from flash_tui.tui.present.line import Row, clip, elide, plain, with_bar


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;c2VjcmV0\x1b\\text", "text"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x1bPq#0\x1b\\sixel", "sixel"),
        ("\x9b31mred", "red"),
        ("a\tb", "a   b"),
        ("bell\x07", "bell^G"),
        ("half\x1b[", "half"),
        ("right\u202eleft", "rightleft"),
        ("lone\ud800", "lone�"),
    ],
)
def test_no_escape_sequence_and_no_control_character_survives(raw: str, shown: str) -> None:
    assert plain(raw) == shown


@given(st.text())
def test_whatever_a_worker_prints_is_printable_in_the_end(text: str) -> None:
    assert all(character.isprintable() or character == "�" for character in plain(text))


@given(st.text(max_size=60), st.integers(min_value=0, max_value=40))
def test_a_clipped_text_never_takes_more_cells_than_it_may(text: str, width: int) -> None:
    assert cell_len(clip(plain(text), width)) <= width


def test_what_was_cut_says_so() -> None:
    assert clip("NameError: name", 8) == "NameErr…"


def test_ids_are_cut_in_the_middle() -> None:
    assert elide("/home/someone/code/photo-shop", 15) == "/home/s…to-shop"


@given(st.lists(st.tuples(st.integers(0, 60), st.text(max_size=20)), max_size=6))
def test_a_row_never_grows_wider_than_it_is(pieces: list[tuple[int, str]]) -> None:
    row = Row(40)
    for column, text in pieces:
        row.put(column, text)
    assert cell_len(row.line().text) <= 40


def test_a_long_name_ends_before_the_column_that_follows() -> None:
    row = Row(20)
    row.put(0, "a-very-long-endpoint-name")
    row.right(20, ("2 of 3", "soft"))
    assert row.line().text == "a-very-long…  2 of 3"


def test_markup_in_a_name_stays_text() -> None:
    row = Row(40)
    row.put(0, "[red]not red[/red]")
    assert row.line().text == "[red]not red[/red]"


def test_the_focus_bar_takes_the_first_empty_cell() -> None:
    row = Row(10)
    row.put(4, "x")
    assert with_bar(row.line(), "white").text == "┃   x"
