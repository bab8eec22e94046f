"""Desired against observed: by table, and whatever is observed converges."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.local.workers.reconcile import (
    Desired,
    Drain,
    Observed,
    ReconcileAction,
    Role,
    Serve,
    Start,
    Trouble,
    reconcile,
)
from flash_tui.local.workers.scaling import restart_delay_s, wanted_workers
from flash_tui.models.identifiers import BuildId, EndpointId, WorkerId

EP = EndpointId("ep1")
V1, V2 = BuildId("build_1"), BuildId("build_2")


def a_worker(name: str = "w-1", *, build: BuildId = V2, role: Role = Role.SERVING, ready: bool = True) -> Observed:
    return Observed(WorkerId(name), EP, build, role, ready)


WANT_V2 = (Desired(EP, V2),)

TABLE: dict[str, tuple[tuple[Desired, ...], list[Observed], list[ReconcileAction]]] = {
    "nothing wanted, nothing there": ((), [], []),
    "missing": (WANT_V2, [], [Start(EP, V2)]),
    "as it should be": (WANT_V2, [a_worker()], []),
    "coming up": (WANT_V2, [a_worker(role=Role.STARTING, ready=False)], []),
    "has come up": (WANT_V2, [a_worker(role=Role.STARTING)], [Serve(WorkerId("w-1"))]),
    "no longer wanted": ((), [a_worker()], [Drain(WorkerId("w-1"))]),
    "of the build before": (WANT_V2, [a_worker(build=V1)], [Drain(WorkerId("w-1")), Start(EP, V2)]),
    "one too many": (WANT_V2, [a_worker(), a_worker("w-2")], [Drain(WorkerId("w-2"))]),
    "a candidate is the release's": (WANT_V2, [a_worker(build=V1, role=Role.CANDIDATE), a_worker("w-2")], []),
    "one that drains is not drained twice": (WANT_V2, [a_worker(build=V1, role=Role.DRAINING), a_worker("w-2")], []),
}


@pytest.mark.parametrize(("desired", "observed", "actions"), TABLE.values(), ids=TABLE)
def test_what_is_to_be_done(desired, observed, actions):
    assert list(reconcile(desired, observed, {}, now=100.0).actions) == actions


def test_a_worker_that_died_is_started_again_only_after_its_back_off():
    troubles = {EP: Trouble(failures=3, last_at=100.0)}
    early = reconcile(WANT_V2, [], troubles, now=101.0)
    assert (early.actions, early.look_again_at) == ((), 102.0)
    assert reconcile(WANT_V2, [], troubles, now=102.0).actions == (Start(EP, V2),)


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (1, 0.5), (2, 1), (3, 2), (7, 30), (1000, 30)])
def test_the_back_off_doubles_up_to_half_a_minute(failures: int, seconds: float):
    assert restart_delay_s(failures) == seconds


@pytest.mark.parametrize(("least", "most", "workers"), [(0, 1, 1), (0, 3, 1), (2, 5, 1), (0, 0, 0)])
def test_one_worker_an_endpoint(least: int, most: int, workers: int):
    assert wanted_workers(least, most) == workers


WORKERS = st.builds(
    Observed,
    worker_id=st.uuids().map(lambda value: WorkerId(str(value))),
    endpoint_id=st.sampled_from([EP, EndpointId("ep2")]),
    build_id=st.sampled_from([V1, V2]),
    role=st.sampled_from(Role),
    is_ready=st.booleans(),
)


def applied(observed: list[Observed], actions: tuple[ReconcileAction, ...]) -> list[Observed]:
    """The world after the actions: what is drained is gone, what is started is ready."""
    served = {action.worker_id for action in actions if isinstance(action, Serve)}
    drained = {action.worker_id for action in actions if isinstance(action, Drain)}
    kept = [
        Observed(w.worker_id, w.endpoint_id, w.build_id, Role.SERVING, is_ready=True) if w.worker_id in served else w
        for w in observed
        if w.worker_id not in drained
    ]
    starts = [action for action in actions if isinstance(action, Start)]
    return kept + [
        Observed(WorkerId(f"new-{i}"), s.endpoint_id, s.build_id, Role.SERVING, is_ready=True)
        for i, s in enumerate(starts)
    ]


@given(st.lists(WORKERS, max_size=8))
def test_it_converges_and_then_leaves_the_world_alone(observed: list[Observed]):
    world = applied(observed, reconcile(WANT_V2, observed, {}, now=0.0).actions)
    assert reconcile(WANT_V2, world, {}, now=0.0).actions == ()
