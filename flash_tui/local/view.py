"""What clients see: documents made of the store, which remembers, and of `Live`, which knows what runs."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

import anyio
from anyio.abc import TaskStatus

from flash_tui.local.journal.journal import Journal
from flash_tui.local.ports import Live
from flash_tui.local.store import apps, builds, deployments, environments, volumes
from flash_tui.local.store.database import Store
from flash_tui.local.store.endpoints import Lifecycle, StoredEndpoint, list_endpoints
from flash_tui.local.store.environments import StoredEnvironment
from flash_tui.local.workers.worker import Bell
from flash_tui.models.app import App, Environment, Volume
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment
from flash_tui.models.endpoint import Endpoint, Worker
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.events import (
    AppChanged,
    AppGone,
    BuildChanged,
    DeploymentChanged,
    EnvironmentChanged,
    EnvironmentGone,
    PlatformState,
)
from flash_tui.models.identifiers import AppId, BuildId, EnvironmentId
from flash_tui.models.states import EndpointKind, EndpointState, Outcome, WorkerState

_log = logging.getLogger(__name__)

COALESCE_S = 0.03
"""An environment is published at most once in so long."""
STATE_BUILDS = 50
STATE_DEPLOYMENTS = 100


@dataclass(frozen=True, slots=True)
class _Stored:
    """An environment as the store knows it, read in one transaction."""

    row: StoredEnvironment
    endpoints: tuple[StoredEndpoint, ...]
    volumes: tuple[Volume, ...]


def _read(connection: sqlite3.Connection, rows: Iterable[StoredEnvironment]) -> tuple[_Stored, ...]:
    return tuple(
        _Stored(
            row,
            list_endpoints(connection, row.id, lifecycles=frozenset(Lifecycle)),
            volumes.volumes_of(connection, row.id),
        )
        for row in rows
    )


def endpoint_url(origin: str, endpoint: StoredEndpoint) -> str:
    """Where it is called: queue endpoints by the job API, load-balanced ones by their routes behind it."""
    prefix = "v2" if endpoint.kind is EndpointKind.QUEUE else "lb"
    return f"{origin}/{prefix}/{endpoint.id}"


def endpoint_state(endpoint: StoredEndpoint, workers: tuple[Worker, ...]) -> tuple[EndpointState, str | None]:
    """Whether it can serve, and if not, why. Between releases, no workers at all is healthy."""
    if endpoint.cloud_only:
        return EndpointState.CLOUD_ONLY, None
    states = {worker.state for worker in workers}
    if states & {WorkerState.IDLE, WorkerState.RUNNING}:
        return EndpointState.HEALTHY, None
    if WorkerState.UNHEALTHY in states:
        return EndpointState.UNHEALTHY, next((worker.error for worker in workers if worker.error), None)
    if states & {WorkerState.INITIALIZING, WorkerState.THROTTLED} or endpoint.lifecycle is Lifecycle.DECLARED:
        return EndpointState.STARTING, None
    return EndpointState.HEALTHY, None


class View:
    """Documents of the platform as it is now."""

    def __init__(self, store: Store, live: Live, journal: Journal, origin: str) -> None:
        self._store = store
        self._live = live
        self._journal = journal
        self._origin = origin

    async def state(self, app: str | None = None) -> PlatformState:
        """All that a client shows, of one app or of all. Events behind its cursor bring it up to date."""
        cursor = self._journal.cursor  # before reading: an event told twice does no harm, a missed one does

        def read(
            connection: sqlite3.Connection,
        ) -> tuple[tuple[App, ...], tuple[_Stored, ...], tuple[Build, ...], tuple[Deployment, ...]]:
            found = tuple(one for one in apps.list_apps(connection) if app is None or one.name == app)
            rows = tuple(row for one in found for row in environments.list_environments(connection, one.id))
            made = (build for one in found for build in builds.list_builds(connection, one.id, limit=STATE_BUILDS))
            names = [one.name for one in found] if app is None else [app]
            acts = (
                act for name in names for act in deployments.list_deployments(connection, name, limit=STATE_DEPLOYMENTS)
            )
            return found, _read(connection, rows), tuple(made), tuple(acts)

        found, stored, made, acts = await self._store.transact(read)
        return PlatformState(
            cursor=cursor,
            apps=found,
            environments=tuple(map(self._document, stored)),
            builds=made,
            deployments=acts,
        )

    async def environment(self, environment_id: EnvironmentId) -> Environment:
        """Raises NotFound."""
        (stored,) = await self._store.transact(
            lambda connection: _read(connection, [environments.get_environment(connection, environment_id)])
        )
        return self._document(stored)

    async def environment_named(self, app: str, name: str) -> Environment:
        """Raises NotFound."""

        def read(connection: sqlite3.Connection) -> tuple[_Stored, ...]:
            found = apps.get_app(connection, app)
            return _read(connection, [environments.get_environment_named(connection, found.id, name)])

        (stored,) = await self._store.transact(read)
        return self._document(stored)

    async def environments(self, app: str) -> tuple[Environment, ...]:
        """In pipeline order. Raises NotFound."""

        def read(connection: sqlite3.Connection) -> tuple[_Stored, ...]:
            found = apps.get_app(connection, app)
            return _read(connection, environments.list_environments(connection, found.id))

        return tuple(map(self._document, await self._store.transact(read)))

    async def still_there(self, environment_ids: Iterable[EnvironmentId]) -> tuple[Environment, ...]:
        """The documents of those that exist."""

        def read(connection: sqlite3.Connection) -> tuple[_Stored, ...]:
            rows = [environments.find_environment(connection, one) for one in environment_ids]
            return _read(connection, [row for row in rows if row is not None])

        return tuple(map(self._document, await self._store.transact(read)))

    def _document(self, stored: _Stored) -> Environment:
        row = stored.row
        return Environment(
            id=row.id,
            app=row.app,
            name=row.name,
            state=row.state,
            error=row.error,
            build=row.active_build,
            previous_build=row.previous_build,
            endpoints=tuple(self._endpoint(endpoint) for endpoint in stored.endpoints if self._is_shown(endpoint)),
            volumes=stored.volumes,
            progress=self._live.progress(row.id),
            updated_at=row.updated_at,
        )

    def _is_shown(self, endpoint: StoredEndpoint) -> bool:
        """What serves, what was announced, and what a release under way is booting for the first time."""
        return endpoint.lifecycle is not Lifecycle.RETIRED or any(
            worker.state is WorkerState.INITIALIZING for worker in self._live.workers(endpoint.id)
        )

    def _endpoint(self, endpoint: StoredEndpoint) -> Endpoint:
        workers = self._live.workers(endpoint.id)
        state, error = endpoint_state(endpoint, workers)
        return Endpoint(
            name=endpoint.name,
            id=endpoint.id,
            kind=endpoint.kind,
            url=endpoint_url(self._origin, endpoint),
            state=state,
            workers=workers,
            workers_max=endpoint.workers_max,
            jobs=self._live.jobs(endpoint.id),
            traffic=self._live.traffic(endpoint.id),
            routes=endpoint.routes,
            hardware=endpoint.hardware,
            error=error,
        )


class Publisher:
    """Tells subscribers what changed, each time with the whole document as it is then."""

    def __init__(self, view: View, store: Store, journal: Journal) -> None:
        self._view = view
        self._store = store
        self._journal = journal
        self._changed: set[EnvironmentId] = set()
        self._changed_builds: set[BuildId] = set()
        self._bell = Bell()
        self._published: dict[EnvironmentId, Environment] = {}

    def environment_changed(self, environment_id: EnvironmentId) -> None:
        """Publish the environment soon; any number of calls within 30 ms come to one event."""
        self._changed.add(environment_id)
        self._bell.ring()

    def deployment_changed(self, deployment: Deployment) -> None:
        """Publish a record; one that succeeded has also changed where its builds run."""
        self._journal.publish(DeploymentChanged(deployment=deployment))
        if deployment.outcome is Outcome.SUCCEEDED:
            references = (deployment.from_build, deployment.to_build)
            self._changed_builds.update(build.id for build in references if build is not None)
            self._bell.ring()

    def build_changed(self, build: Build) -> None:
        self._journal.publish(BuildChanged(build=build))

    async def app_changed(self, app_id: AppId) -> None:
        """Publish an app as it is now. Raises NotFound."""
        app = await self._store.transact(lambda connection: apps.get_app_by_id(connection, app_id))
        self._journal.publish(AppChanged(app=app))

    def app_gone(self, name: str) -> None:
        self._journal.publish(AppGone(app=name))

    def environment_gone(self, environment_id: EnvironmentId, app: str, name: str) -> None:
        self._changed.discard(environment_id)
        self._published.pop(environment_id, None)
        self._journal.publish(EnvironmentGone(app=app, environment=name))

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Publish changed environments until cancelled."""
        task_status.started()
        while True:
            while not (self._changed or self._changed_builds):
                await self._bell.wait()
            try:
                await self.flush()
            except FlashTuiError as error:  # a full disk ends no platform; the next change is told with this one
                _log.warning("changes cannot be told: %s %s", error.what, error.where)
            await anyio.sleep(COALESCE_S)

    async def flush(self) -> None:
        """Publish what has changed by now; a document that came out equal is not told again."""
        changed, self._changed = self._changed, set()
        changed_builds, self._changed_builds = self._changed_builds, set()
        for environment in await self._view.still_there(changed):
            if self._published.get(environment.id) != environment:
                self._published[environment.id] = environment
                self._journal.publish(EnvironmentChanged(environment=environment))
        if changed_builds:
            for build in await self._store.transact(lambda c: [builds.find_build(c, one) for one in changed_builds]):
                if build is not None:
                    self.build_changed(build)
