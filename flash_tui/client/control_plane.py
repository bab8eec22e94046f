"""The official protocol as a dialect: what any Flash platform can do, in our nouns.

What it cannot say (history, digests, who changed what) comes from the local journal; what it cannot announce (events)
is polled.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from flash_tui.client import artifacts, operations
from flash_tui.client.connection import Connection
from flash_tui.client.data_plane import DataPlane, Health
from flash_tui.client.dialect import BuildFile, Parts, Progress
from flash_tui.client.graphql import GraphQL
from flash_tui.client.official_logs import read_logs
from flash_tui.client.official_release import OfficialReleases
from flash_tui.client.operations import OfficialApp, OfficialEndpoint, OfficialEnvironment
from flash_tui.client.polling import Poller
from flash_tui.client.record_book import BuildFacts, RecordBook, Records
from flash_tui.client.together import ask_all
from flash_tui.client.translation import translate_app, translate_builds, translate_endpoint, translate_environment
from flash_tui.models.app import App, Environment
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import FlashTuiError, NotFound
from flash_tui.models.events import Event, PlatformState
from flash_tui.models.identifiers import AppId, BuildId, DeploymentId, EndpointId
from flash_tui.models.job import Job
from flash_tui.models.log import LogLine
from flash_tui.models.manifest import Manifest
from flash_tui.settings import Settings

_MOST_DEPLOYMENTS = 100
_AT_ONCE = 8
"""Questions of a kind under way at the same time while a state is read."""


class Official:
    """Implements `Dialect`."""

    announces_logs = False

    def __init__(self, settings: Settings, connection: Connection, graphql: GraphQL, data: DataPlane) -> None:
        self._settings = settings
        self._connection = connection
        self._graphql = graphql
        self._data = data
        self._book = RecordBook(settings.home, connection.target.graphql_url)
        self._routes: dict[str, dict[str, tuple[str, ...]]] = {}
        """By build id; a manifest's routes never change."""
        self._poller = Poller(self._read_state)
        self._releases = OfficialReleases(connection, graphql, data, self._book)

    # --- reading

    async def state(self, app: str | None = None) -> PlatformState:
        return await self._poller.state(app)

    def events(self, cursor: int, app: str | None = None) -> AsyncGenerator[tuple[int, Event]]:
        return self._poller.events(cursor, app)

    async def _read_state(self, app: str | None) -> PlatformState:
        found = [item for item in await self._official_apps() if app in {None, item.name}]
        records = await self._book.read()
        environments: list[Environment] = []
        builds: list[Build] = []
        for item in found:
            own = translate_builds(item, records)
            builds.extend(own)
            environments.extend(await self._environments(item, own, records))
        records = await self._book.read()  # again: what was seen to change is in it now
        deployments = tuple(entry for item in found for entry in records.of(item.name)[:_MOST_DEPLOYMENTS])
        return PlatformState(
            cursor=0,
            apps=tuple(self._app(item) for item in found),
            environments=tuple(environments),
            builds=tuple(builds),
            deployments=deployments,
        )

    async def apps(self) -> tuple[App, ...]:
        return tuple(self._app(item) for item in await self._official_apps())

    async def app(self, name: str) -> App:
        return self._app(await self._official_app(name))

    async def environments(self, app: str) -> tuple[Environment, ...]:
        official = await self._official_app(app)
        records = await self._book.read()
        return await self._environments(official, translate_builds(official, records), records)

    async def environment(self, app: str, name: str) -> Environment:
        official = await self._official_app(app)
        records = await self._book.read()
        found = _find_environment(official, name)
        return await self._environment(official, found, translate_builds(official, records), records)

    async def builds(self, app: str) -> tuple[Build, ...]:
        return translate_builds(await self._official_app(app), await self._book.read())

    async def manifest(self, build_id: BuildId) -> dict[str, Any]:
        return (await self._graphql.run(operations.BUILD, input=build_id)).manifest or {}

    async def build_files(self, build_id: BuildId) -> tuple[BuildFile, ...]:
        raise self._cannot(f"list the files of {build_id}")

    async def build_file(self, build_id: BuildId, path: str) -> str:
        raise self._cannot(f"read {path} of {build_id}")

    def _cannot(self, what: str) -> FlashTuiError:
        hint = "the official protocol does not give out artifacts"
        return NotFound(f"{self._connection.target.name} cannot {what}", hint=hint)

    async def history(self, app: str, environment: str | None, limit: int) -> tuple[Deployment, ...]:
        return (await self._book.read()).of(app, environment)[:limit]

    async def logs(
        self, app: str, environment: str | None, endpoint: str | None, since: datetime | None, limit: int
    ) -> tuple[LogLine, ...]:
        found = await self.environments(app)
        chosen = [item for item in found if environment in {None, item.name}]
        return await read_logs(self._connection, self._data, chosen, endpoint, since, limit)

    async def jobs(self, endpoint_id: EndpointId, limit: int) -> tuple[Job, ...]:
        del endpoint_id, limit
        return ()  # the official protocol lists no jobs

    # --- changing

    async def create_app(self, name: str, environments: Sequence[str]) -> App:
        try:
            official = await self._official_app(name)
        except NotFound:
            created = await self._graphql.run(operations.CREATE_APP, input={"name": name})
            official = OfficialApp(id=created.id, name=name)
        known = {environment.name for environment in official.flash_environments}
        for environment in environments:
            if environment not in known:
                await self._create_environment(official.id, environment)
        return self._app(await self._official_app(name))

    async def delete_app(self, name: str) -> None:
        official = await self._official_app(name)
        for environment in official.flash_environments:
            await self._delete_endpoints(environment.id)
        await self._graphql.run(operations.DELETE_APP, flashAppId=official.id)

    async def create_environment(self, app: str, name: str) -> Environment:
        official = await self._official_app(app)
        if all(environment.name != name for environment in official.flash_environments):
            await self._create_environment(official.id, name)
        return await self.environment(app, name)

    async def delete_environment(self, app: str, name: str) -> None:
        found = _find_environment(await self._official_app(app), name)
        await self._delete_endpoints(found.id)
        await self._graphql.run(operations.DELETE_ENVIRONMENT, flashEnvironmentId=found.id)

    async def upload(self, parts: Parts, progress: Progress) -> Build:
        app = parts.upload.app
        official = await self._official_app(app)
        records = await self._book.read()
        for build in translate_builds(official, records):
            if build.digest is not None and build.digest == parts.upload.digest:
                return build
        build_id = await artifacts.upload_whole(self._connection, self._graphql, AppId(official.id), parts, progress)
        facts = BuildFacts(
            id=build_id,
            digest=parts.upload.digest,
            source_digest=parts.upload.record.source_digest,
            size_bytes=parts.upload.size_bytes,
        )
        await self._book.write_build(facts)
        return next(build for build in await self.builds(app) if build.id == build_id)

    async def begin(self, request: ReleaseRequest) -> Deployment:
        official = await self._graphql.run(operations.ENVIRONMENT, flashEnvironmentId=request.environment_id)
        app = await self._app_of(official.id)
        return await self._releases.begin(request, app.name, await self.environment(app.name, official.name))

    async def wait(self, deployment_id: DeploymentId, wait_s: float) -> Deployment:
        return await self._releases.wait(deployment_id, wait_s)

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        return await self._releases.cancel(deployment_id)

    # --- helpers

    async def _official_apps(self) -> tuple[OfficialApp, ...]:
        return await self._graphql.run(operations.LIST_APPS)

    async def _official_app(self, name: str) -> OfficialApp:
        return await self._graphql.run(operations.APP_BY_NAME, flashAppName=name)

    async def _app_of(self, environment_id: str) -> OfficialApp:
        for app in await self._official_apps():
            if any(environment.id == environment_id for environment in app.flash_environments):
                return app
        raise NotFound("the environment was deleted", where=self._connection.target.name)

    def _app(self, official: OfficialApp) -> App:
        names = tuple(environment.name for environment in official.flash_environments)
        return translate_app(official, self._settings.pipeline.order(names))

    async def _create_environment(self, app_id: str, name: str) -> None:
        await self._graphql.run(operations.CREATE_ENVIRONMENT, input={"flashAppId": app_id, "name": name})

    async def _delete_endpoints(self, environment_id: str) -> None:
        official = await self._graphql.run(operations.ENVIRONMENT, flashEnvironmentId=environment_id)
        for endpoint in official.endpoints or ():
            await self._graphql.run(operations.DELETE_ENDPOINT, id=endpoint.id)

    async def _environments(
        self, official: OfficialApp, builds: Sequence[Build], records: Records
    ) -> tuple[Environment, ...]:
        async def read(environment: OfficialEnvironment) -> Environment | None:
            with suppress(NotFound):  # deleted meanwhile
                return await self._environment(official, environment, builds, records)
            return None

        read_all = await ask_all(read, official.flash_environments, _AT_ONCE)
        found = {item.name: item for item in read_all if item is not None}
        return tuple(found[name] for name in self._settings.pipeline.order(tuple(found)))

    async def _environment(
        self, app: OfficialApp, listed: OfficialEnvironment, builds: Sequence[Build], records: Records
    ) -> Environment:
        official = await self._graphql.run(operations.ENVIRONMENT, flashEnvironmentId=listed.id)
        routes = await self._routes_of(official.active_build_id)

        async def read(endpoint: OfficialEndpoint) -> Endpoint:
            return translate_endpoint(self._connection.target, endpoint, await self._health(endpoint.id), routes)

        endpoints = await ask_all(read, official.endpoints or (), _AT_ONCE)
        ordered = tuple(sorted(endpoints, key=lambda endpoint: endpoint.name))
        environment = translate_environment(app.name, official, builds, ordered, records)
        await self._releases.observe(environment, records)
        return environment

    async def _health(self, endpoint_id: str) -> Health | None:
        """One endpoint that cannot be asked must not hide all others."""
        with suppress(FlashTuiError):
            return await self._data.health(EndpointId(endpoint_id))
        return None

    async def _routes_of(self, build_id: str | None) -> dict[str, tuple[str, ...]]:
        if build_id is None:
            return {}
        if build_id not in self._routes:
            with suppress(FlashTuiError, ValidationError):
                manifest = Manifest.model_validate(await self.manifest(BuildId(build_id)))
                self._routes[build_id] = {name: resource.routes for name, resource in manifest.resources.items()}
        return self._routes.get(build_id, {})


def _find_environment(app: OfficialApp, name: str) -> OfficialEnvironment:
    for environment in app.flash_environments:
        if environment.name == name:
            return environment
    known = ", ".join(environment.name for environment in app.flash_environments) or "none"
    raise NotFound(f"no environment {name!r}", where=app.name, hint=f"there are: {known}")
