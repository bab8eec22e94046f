"""What a watch does after a release that failed: the mark it leaves ends with the next good one."""

from __future__ import annotations

import pytest

from flash_tui.watch.decide import State, next_step

LIVE, BROKEN, NEW = {"a.py": "1"}, {"a.py": "2"}, {"a.py": "3"}


@pytest.mark.parametrize(("seen", "step"), [(BROKEN, "wait"), (LIVE, "start"), (NEW, "start")])
def test_what_did_not_boot_is_not_tried_again_but_what_was_live_before_is(seen: dict[str, str], step: str) -> None:
    assert next_step(State(seen=seen, live=LIVE, failed=BROKEN, marred=True), now=0.0) == step


def test_what_is_live_is_left_alone_where_no_release_failed() -> None:
    assert next_step(State(seen=LIVE, live=LIVE, failed=BROKEN), now=0.0) == "wait"


def test_what_was_live_before_and_fails_now_is_not_tried_for_ever() -> None:
    assert next_step(State(seen=LIVE, live=LIVE, failed=LIVE, marred=True), now=0.0) == "wait"
