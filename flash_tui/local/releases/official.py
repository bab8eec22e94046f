"""Deploys of official callers: they name a build as active and save its endpoints, in any order and number, then leave.

Here that makes the build the *desired* one. Its release begins once every resource of it was saved, or when nothing has
come for two seconds: an unchanged redeploy saves no endpoint at all. A desired build is kept in the store, so that one
whose platform was killed in these two seconds is released at the next start.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio.abc import TaskStatus

from flash_tui.local.ports import Releases
from flash_tui.local.store import builds, deployments, environments
from flash_tui.local.store.database import Store
from flash_tui.local.store.environments import StoredEnvironment
from flash_tui.local.view import Publisher
from flash_tui.local.workers.worker import Bell
from flash_tui.models.deployment import ReleaseRequest
from flash_tui.models.errors import ErrorDocument, FlashTuiError, NotFound
from flash_tui.models.identifiers import BuildId, EnvironmentId
from flash_tui.models.states import Cause, EnvironmentState

_log = logging.getLogger(__name__)

QUIET_S = 2.0


@dataclass(eq=False, slots=True)
class _Wish:
    build_id: BuildId
    unsaved: set[str] = field(default_factory=set[str])
    """Resources that no saveEndpoint has come for."""
    due_at: float = 0.0
    """Monotonic seconds."""


def _want(
    connection: sqlite3.Connection, environment_id: EnvironmentId, build_id: BuildId
) -> tuple[StoredEnvironment, set[str]]:
    environment = environments.get_environment(connection, environment_id)
    build = builds.get_build(connection, build_id)
    if build.app != environment.app or build.gone:
        what = "its artifact was collected" if build.gone else f"it is a build of {build.app}"
        raise NotFound(f"{build.label} cannot be deployed: {what}", where=build_id, hint="upload the build again")
    environments.want_build(connection, environment_id, build_id)
    environments.set_state(connection, environment_id, EnvironmentState.DEPLOYING)
    manifest = builds.get_parsed_manifest(connection, build_id)
    return environments.get_environment(connection, environment_id), set(manifest.resources)


def _left_over(connection: sqlite3.Connection) -> list[tuple[EnvironmentId, BuildId]]:
    """Desired builds that no release is about."""
    return [
        (environment.id, environment.desired_build_id)
        for environment in environments.list_environments(connection)
        if environment.desired_build_id is not None and not deployments.running_deployments(connection, environment.id)
    ]


class OfficialDeploys:
    """Waits for what belongs to a deploy, then begins its release."""

    def __init__(self, store: Store, publisher: Publisher, releases: Releases, *, quiet_s: float = QUIET_S) -> None:
        self._store = store
        self._publisher = publisher
        self._releases = releases
        self._quiet_s = quiet_s
        self._wishes: dict[EnvironmentId, _Wish] = {}
        self._bell = Bell()

    async def want(self, environment_id: EnvironmentId, build_id: BuildId) -> StoredEnvironment:
        """`deployBuildToEnvironment`. Raises NotFound."""
        environment, resources = await self._store.transact(
            partial(_want, environment_id=environment_id, build_id=build_id)
        )
        self._wishes[environment_id] = _Wish(build_id, resources, time.monotonic() + self._quiet_s)
        self._publisher.environment_changed(environment_id)
        self._bell.ring()
        return environment

    def saved(self, environment_id: EnvironmentId, name: str) -> None:
        """`saveEndpoint` for a resource of this name. Without a deploy under way it changes settings only."""
        wish = self._wishes.get(environment_id)
        if wish is None:
            return
        wish.unsaved.discard(name)
        wish.due_at = time.monotonic() + (self._quiet_s if wish.unsaved else 0.0)
        self._bell.ring()

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Until cancelled. To be started after what was left of running releases has been closed."""
        for environment_id, build_id in await self._store.transact(_left_over):
            self._wishes[environment_id] = _Wish(build_id, due_at=time.monotonic())
        task_status.started()
        while True:
            next_at = min((wish.due_at for wish in self._wishes.values()), default=float("inf"))
            with anyio.move_on_after(max(0.0, next_at - time.monotonic())):
                await self._bell.wait()
            now = time.monotonic()
            for environment_id in [key for key, wish in self._wishes.items() if wish.due_at <= now]:
                await self._begin(environment_id, self._wishes.pop(environment_id))

    async def _begin(self, environment_id: EnvironmentId, wish: _Wish) -> None:
        request = ReleaseRequest(environment_id=environment_id, build_id=wish.build_id, cause=Cause.DEPLOY)
        try:
            deployment = await self._releases.begin(request)
        except FlashTuiError as error:
            _log.warning("a deploy to %s could not begin: %s", environment_id, error.what)
            await self._end(environment_id, EnvironmentState.FAILED, error.document())
        else:
            if deployment.outcome is not None:  # it serves already: nothing to release
                await self._end(environment_id, EnvironmentState.DEPLOYED)

    async def _end(
        self, environment_id: EnvironmentId, state: EnvironmentState, error: ErrorDocument | None = None
    ) -> None:
        """Without a release."""

        def work(connection: sqlite3.Connection) -> None:
            environments.want_build(connection, environment_id, None)
            environments.set_state(connection, environment_id, state, error=error)

        try:
            await self._store.transact(work)
        except FlashTuiError as problem:  # deleted meanwhile, or the disk is full
            _log.warning("the end of a deploy to %s cannot be noted: %s", environment_id, problem.what)
        self._publisher.environment_changed(environment_id)
