"""The release as a state machine: every path ends, and only a commit moves traffic."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flash_tui.local.releases.rollout import (
    Action,
    Committed,
    Drained,
    Failed,
    Phase,
    Prepared,
    Refused,
    Rollout,
    RolloutEvent,
    Withdrawn,
    WorkerReady,
    step,
)
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import EndpointId
from flash_tui.models.states import Outcome

A, B = EndpointId("epa"), EndpointId("epb")
ERROR = ErrorDocument(code="boot_failed", what="it does not boot")
EVENTS: st.SearchStrategy[RolloutEvent] = st.sampled_from(
    [
        Prepared(frozenset({A, B})),
        Prepared(frozenset()),
        WorkerReady(A),
        WorkerReady(B),
        Failed(ERROR),
        Withdrawn(Outcome.CANCELLED),
        Withdrawn(Outcome.SUPERSEDED),
        Committed(),
        Refused(ERROR),
        Drained(),
    ]
)


def run(*events: RolloutEvent) -> tuple[Rollout, list[Action]]:
    rollout, taken = Rollout(), list[Action]()
    for event in events:
        rollout, actions = step(rollout, event)
        taken += actions
    return rollout, taken


def test_a_release_boots_commits_switches_and_drains_in_this_order():
    rollout, actions = run(Prepared(frozenset({A, B})), WorkerReady(A), WorkerReady(B), Committed(), Drained())
    assert actions == [Action.BOOT, Action.COMMIT, Action.SWITCH, Action.DRAIN]
    assert (rollout.phase, rollout.outcome) == (Phase.ENDED, Outcome.SUCCEEDED)


def test_it_does_not_commit_before_the_last_worker_is_ready():
    rollout, actions = run(Prepared(frozenset({A, B})), WorkerReady(A), WorkerReady(A))
    assert Action.COMMIT not in actions
    assert rollout.booting == {B}


def test_an_undeploy_boots_nothing():
    assert run(Prepared(frozenset()))[1] == [Action.COMMIT]


def test_a_build_that_does_not_boot_never_gets_traffic():
    rollout, actions = run(Prepared(frozenset({A, B})), WorkerReady(A), Failed(ERROR), WorkerReady(B), Committed())
    assert actions == [Action.BOOT, Action.DISCARD, Action.RECORD]
    assert (rollout.outcome, rollout.error) == (Outcome.FAILED, ERROR)


def test_a_withdrawal_before_the_commit_ends_it_without_error():
    rollout, actions = run(Prepared(frozenset({A})), Withdrawn(Outcome.SUPERSEDED))
    assert actions[1:] == [Action.DISCARD, Action.RECORD]
    assert (rollout.outcome, rollout.error) == (Outcome.SUPERSEDED, None)


def test_a_withdrawal_after_the_commit_began_changes_nothing():
    rollout, actions = run(Prepared(frozenset({A})), WorkerReady(A), Withdrawn(Outcome.CANCELLED), Committed())
    assert rollout.outcome is Outcome.SUCCEEDED
    assert Action.DISCARD not in actions


def test_a_refused_commit_discards_the_new_workers():
    rollout, actions = run(Prepared(frozenset({A})), WorkerReady(A), Refused(ERROR))
    assert actions[2:] == [Action.DISCARD, Action.RECORD]
    assert rollout.outcome is Outcome.FAILED


@given(st.lists(EVENTS, max_size=12))
def test_whatever_happens_traffic_moves_only_after_a_commit_and_never_back(events: list[RolloutEvent]):
    _, actions = run(*events)
    assert actions.count(Action.SWITCH) <= 1
    assert (Action.SWITCH in actions) <= (Action.COMMIT in actions)
    assert not (Action.SWITCH in actions and Action.DISCARD in actions)


@given(st.lists(EVENTS, max_size=12))
def test_an_ended_release_stays_as_it_ended(events: list[RolloutEvent]):
    rollout, _ = run(*events, Failed(ERROR), Committed(), Drained())
    assert rollout.phase is Phase.ENDED
    assert all(step(rollout, event) == (rollout, ()) for event in events)
