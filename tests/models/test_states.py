from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.models.states import EnvironmentState, JobStatus, Stage


@given(st.text())
def test_a_word_from_the_wire_is_kept_whatever_it_is(word: str) -> None:
    assert EnvironmentState(word).value == word
    assert str(EnvironmentState(word)) == word


def test_a_known_word_is_its_member() -> None:
    assert EnvironmentState("deployed") is EnvironmentState.DEPLOYED


def test_what_is_no_text_is_no_state() -> None:
    with pytest.raises(ValueError, match="7"):
        EnvironmentState(7)


@pytest.mark.parametrize(("status", "final"), [("IN_QUEUE", False), ("IN_PROGRESS", False), ("TIMED_OUT", True)])
def test_a_job_is_final_once_it_neither_waits_nor_runs(status: str, final: bool) -> None:
    assert JobStatus(status).is_final is final


def test_stages_stand_in_the_order_they_happen() -> None:
    assert [stage.value for stage in Stage][:3] == ["notice", "settle", "check"]
    assert list(Stage)[-1] is Stage.SWITCH
