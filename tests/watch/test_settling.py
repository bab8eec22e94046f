"""When a burst counts as over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flash_tui.watch.settling import BULK_LONGEST_S, BULK_PATHS, LONGEST_S, QUIET_S, Settling


def test_one_event_is_due_after_the_quiet_time() -> None:
    assert Settling.begin(10.0, None).due_at() == 10.0 + QUIET_S


def test_many_paths_mean_that_more_is_coming() -> None:
    burst = Settling.begin(10.0, None)
    burst.add((f"f{n}" for n in range(BULK_PATHS + 1)), 10.0)
    assert burst.due_at() > 10.0 + LONGEST_S / 2


def test_the_projects_own_quiet_time_holds() -> None:
    assert Settling.begin(10.0, 300).due_at() == 10.3


@given(st.lists(st.floats(0, 0.5), max_size=50), st.booleans())
def test_a_steady_stream_cannot_hold_work_off_for_ever(gaps: list[float], bulk: bool) -> None:
    burst, now = Settling.begin(0.0, None), 0.0
    for gap in gaps:
        now += gap
        burst.add({"a"}, now, bulk=bulk)
    assert burst.due_at() <= (BULK_LONGEST_S if bulk else LONGEST_S)
