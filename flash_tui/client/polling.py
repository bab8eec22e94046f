"""Events of a target that announces none: its state read again and again, quickly while something moves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

import anyio

from flash_tui.client import limits
from flash_tui.models.app import App, Environment
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment
from flash_tui.models.events import (
    AppChanged,
    AppGone,
    BuildChanged,
    DeploymentChanged,
    EnvironmentChanged,
    EnvironmentGone,
    Event,
    PlatformState,
    StreamReset,
)
from flash_tui.models.states import EndpointState, EnvironmentState

_MOVING = frozenset({EnvironmentState.DEPLOYING, EnvironmentState.UPDATING, EnvironmentState.DELETING})


class Poller:
    """States and the changes between them. A cursor counts the states that differ."""

    def __init__(self, read: Callable[[str | None], Awaitable[PlatformState]]) -> None:
        self._read = read
        self._cursor = 0
        self._known: dict[str | None, PlatformState] = {}
        """The last state by app asked for."""

    async def state(self, app: str | None) -> PlatformState:
        self._cursor += 1
        state = (await self._read(app)).model_copy(update={"cursor": self._cursor})
        self._known[app] = state
        return state

    async def events(self, cursor: int, app: str | None) -> AsyncGenerator[tuple[int, Event]]:
        """What changed since the state with this cursor; never ends by itself."""
        before = self._known.get(app)
        if before is None or before.cursor != cursor:
            yield cursor, StreamReset()
            before = await self.state(app)
        pause_s = limits.FIRST_STATE_POLL_S
        while True:
            await anyio.sleep(pause_s)
            after = await self.state(app)
            changes = tuple(changes_between(before, after))
            for event in changes:
                yield after.cursor, event
            before = after
            quick = bool(changes) or moves(after)
            pause_s = limits.FIRST_STATE_POLL_S if quick else min(pause_s * 1.5, limits.LAST_STATE_POLL_S)


def moves(state: PlatformState) -> bool:
    """Whether something is under way, so that the next look should come soon."""
    return any(
        environment.state in _MOVING or any(item.state == EndpointState.STARTING for item in environment.endpoints)
        for environment in state.environments
    )


def changes_between(before: PlatformState, after: PlatformState) -> Iterator[Event]:
    """The events that lead from one state to the other: what is gone first, then what changed."""
    yield from _gone(before, after)
    apps: dict[str, App] = {app.name: app for app in before.apps}
    environments: dict[tuple[str, str], Environment] = {(item.app, item.name): item for item in before.environments}
    builds: dict[str, Build] = {build.id: build for build in before.builds}
    deployments: dict[str, Deployment] = {deployment.id: deployment for deployment in before.deployments}
    yield from (AppChanged(app=item) for item in after.apps if apps.get(item.name) != item)
    yield from (BuildChanged(build=item) for item in reversed(after.builds) if builds.get(item.id) != item)
    for item in after.environments:
        if environments.get((item.app, item.name)) != item:
            yield EnvironmentChanged(environment=item)
    for item in reversed(after.deployments):
        if deployments.get(item.id) != item:
            yield DeploymentChanged(deployment=item)


def _gone(before: PlatformState, after: PlatformState) -> Iterator[Event]:
    environments = {(item.app, item.name) for item in after.environments}
    for item in before.environments:
        if (item.app, item.name) not in environments:
            yield EnvironmentGone(app=item.app, environment=item.name)
    apps = {item.name for item in after.apps}
    yield from (AppGone(app=item.name) for item in before.apps if item.name not in apps)
