from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flash_tui.models import human

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (4, "4s"), (59, "59s"), (540, "9m"), (10_800, "3h"), (518_400, "6d"), (86_400 * 40, "2026-01-20")],
)
def test_an_age_is_one_number_and_unit_then_a_date(seconds: int, text: str) -> None:
    assert human.age(NOW - timedelta(seconds=seconds), NOW) == text


def test_an_age_from_a_clock_ahead_of_ours_is_now() -> None:
    assert human.age(NOW + timedelta(hours=1), NOW) == "now"


@pytest.mark.parametrize(
    ("ms", "text"), [(0.4, "0 ms"), (412, "412 ms"), (999.6, "1.0 s"), (1400, "1.4 s"), (125_000, "2 min 5 s")]
)
def test_a_duration_takes_the_unit_people_say(ms: float, text: str) -> None:
    assert human.duration(ms) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_500, "1.5 kB"),
        (214_000, "214 kB"),
        (18_000_000, "18 MB"),
        (1_500_000_000, "1.5 GB"),
    ],
)
def test_a_size_is_in_powers_of_a_thousand(size_bytes: int, text: str) -> None:
    assert human.size(size_bytes) == text


def test_thousands_are_set_apart_by_a_space() -> None:
    assert human.count(2340) == "2 340"
