"""Events of a target that announces none: from two states, the changes between them."""

from __future__ import annotations

from contextlib import aclosing

import pytest

from flash_tui.client import limits
from flash_tui.client.polling import Poller, changes_between, moves
from flash_tui.models.events import (
    AppChanged,
    AppGone,
    BuildChanged,
    DeploymentChanged,
    EnvironmentChanged,
    EnvironmentGone,
    PlatformState,
    StreamReset,
)
from flash_tui.models.snapshot import Snapshot
from flash_tui.models.states import EndpointState, EnvironmentState
from tests.builders import APP, a_build, a_deployment, an_app, an_endpoint, an_environment


def a_state(
    *versions: int, names: tuple[str, ...] = ("dev", "staging"), apps: tuple[str, ...] = (APP,)
) -> PlatformState:
    return PlatformState(
        cursor=0,
        apps=tuple(an_app(app, environments=names) for app in apps),
        environments=tuple(an_environment(name, build=max(versions)) for name in names if APP in apps),
        builds=tuple(a_build(version) for version in sorted(versions, reverse=True)),
        deployments=tuple(a_deployment(version, to=version) for version in sorted(versions, reverse=True)),
    )


def test_equal_states_make_no_events() -> None:
    assert list(changes_between(a_state(1, 2), a_state(1, 2))) == []


def test_a_new_build_is_told_before_the_environment_that_serves_it() -> None:
    events = list(changes_between(a_state(1), a_state(1, 2)))
    assert [type(event) for event in events] == [
        BuildChanged,
        EnvironmentChanged,
        EnvironmentChanged,
        DeploymentChanged,
    ]


def test_what_is_gone_is_told() -> None:
    fewer = list(changes_between(a_state(1), a_state(1, names=("dev",))))
    assert EnvironmentGone(app=APP, environment="staging") in fewer
    assert any(isinstance(event, AppChanged) for event in fewer)
    assert AppGone(app=APP) in list(changes_between(a_state(1), a_state(1, apps=())))


def test_events_bring_a_screen_from_one_state_to_the_other() -> None:
    before, after = a_state(1), a_state(1, 2, 3, names=("dev", "production"))
    snapshot = Snapshot().with_state(before)
    for event in changes_between(before, after):
        snapshot = snapshot.with_event(event)
    expected = Snapshot().with_state(after)
    assert snapshot.environments == expected.environments
    assert snapshot.builds == expected.builds
    assert snapshot.apps == expected.apps


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (an_environment(), False),
        (an_environment(state=EnvironmentState.DEPLOYING), True),
        (an_environment(state=EnvironmentState.FAILED), False),
        (an_environment(endpoints=(an_endpoint(state=EndpointState.STARTING),)), True),
    ],
)
def test_a_target_is_looked_at_more_often_while_something_moves(environment, *, expected: bool) -> None:
    assert moves(PlatformState(cursor=0, environments=(environment,))) is expected


class Target:
    """Gives out states one after the other; the last one stays."""

    def __init__(self, *states: PlatformState) -> None:
        self.states = list(states)

    async def read(self, _: str | None) -> PlatformState:
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


@pytest.mark.anyio
async def test_changes_after_a_state_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FIRST_STATE_POLL_S", 0.0)
    poller = Poller(Target(a_state(1), a_state(1), a_state(1, 2)).read)
    state = await poller.state(None)
    async with aclosing(poller.events(state.cursor, None)) as events:
        cursor, event = await anext(events)
    assert isinstance(event, BuildChanged)
    assert cursor > state.cursor


@pytest.mark.anyio
async def test_a_cursor_that_is_not_known_asks_for_the_whole_state() -> None:
    poller = Poller(Target(a_state(1)).read)
    async with aclosing(poller.events(99, None)) as events:
        assert await anext(events) == (99, StreamReset())
