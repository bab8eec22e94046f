"""What there is: apps, environments, endpoints, builds, volumes, and what happened to them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from flash_tui.api.opened import Opened
from flash_tui.models.app import App, Environment, Volume
from flash_tui.models.build import Build, BuildReference
from flash_tui.models.deployment import Deployment
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import NotFound
from flash_tui.models.events import Event, PlatformState
from flash_tui.models.identifiers import BuildId, VolumeId
from flash_tui.models.release import Change

if TYPE_CHECKING:
    from flash_tui.client.dialect import BuildFile


class Resources(Opened):
    """Verbs that read, create and delete."""

    # --- everything at once

    async def state(self, app: str | None = None) -> PlatformState:
        """All apps (or one) at one instant."""
        return await self._dialect.state(app)

    def events(self, cursor: int, app: str | None = None) -> AsyncGenerator[tuple[int, Event]]:
        """Changes after a state's cursor. Raises `TargetUnreachable` when the connection is lost."""
        return self._dialect.events(cursor, app)

    # --- apps and environments

    async def apps(self) -> tuple[App, ...]:
        return await self._dialect.apps()

    async def app(self, name: str | None = None) -> App:
        return await self._dialect.app(name or self.settings.app)

    async def create_app(self, name: str | None = None) -> App:
        """With the environments of the pipeline, not deployed yet; what exists is left as it is."""
        return await self._dialect.create_app(name or self.settings.app, self.settings.pipeline.stages)

    async def delete_app(self, name: str) -> None:
        """With its environments, endpoints and builds; the history stays."""
        await self._dialect.delete_app(name)

    async def environments(self, app: str | None = None) -> tuple[Environment, ...]:
        """In pipeline order."""
        found = {item.name: item for item in await self._dialect.environments(app or self.settings.app)}
        return tuple(found[name] for name in self.settings.pipeline.order(tuple(found)))

    async def environment(self, app: str | None, name: str) -> Environment:
        return await self._dialect.environment(app or self.settings.app, name)

    async def create_environment(self, app: str | None, name: str) -> Environment:
        return await self._dialect.create_environment(app or self.settings.app, name)

    async def delete_environment(self, app: str | None, name: str) -> None:
        await self._dialect.delete_environment(app or self.settings.app, name)

    async def endpoints(self, app: str | None = None, environment: str | None = None) -> tuple[Endpoint, ...]:
        return (await self.environment(app, environment or self.settings.pipeline.first)).endpoints

    async def endpoint(self, app: str | None, environment: str | None, name: str) -> Endpoint:
        """By name or id."""
        return find_endpoint(await self.environment(app, environment or self.settings.pipeline.first), name)

    # --- builds

    async def builds(self, app: str | None = None) -> tuple[Build, ...]:
        """Newest first."""
        return await self._dialect.builds(app or self.settings.app)

    async def find_build(self, app: str | None, text: str) -> Build:
        """By `v14`, `14`, id, or six and more digits of the digest. Raises `UsageError` if several fit."""
        from flash_tui.deploy.plan import find_build  # noqa: PLC0415 - start-up, see Opened

        return find_build(await self.builds(app), text)

    async def manifest(self, build_id: str) -> dict[str, Any]:
        return await self._dialect.manifest(BuildId(build_id))

    async def build_files(self, build_id: str) -> tuple[BuildFile, ...]:
        """The user's files in a build."""
        return await self._dialect.build_files(BuildId(build_id))

    async def build_file(self, build_id: str, path: str) -> str:
        return await self._dialect.build_file(BuildId(build_id), path)

    async def differences(self, before: BuildReference | None, after: BuildReference) -> tuple[Change, ...]:
        """What changes from one build to another: resources, routes, settings, files."""
        from flash_tui.deploy.promote import differences  # noqa: PLC0415 - start-up, see Opened

        return await differences(self._dialect, before, after)

    # --- history and volumes

    async def history(
        self, app: str | None = None, environment: str | None = None, limit: int = 100
    ) -> tuple[Deployment, ...]:
        """Deployments, newest first; also of environments that are gone."""
        return await self._dialect.history(app or self.settings.app, environment, limit)

    async def volumes(self) -> tuple[Volume, ...]:
        """All of the account."""
        from flash_tui.client.volumes import list_volumes  # noqa: PLC0415 - start-up, see Opened

        return await list_volumes(self._session.connection)

    async def volume(self, name: str) -> Volume:
        """By name or id. Raises `Conflict` if several have the name."""
        from flash_tui.client.volumes import find_volume  # noqa: PLC0415 - start-up, see Opened

        return await find_volume(self._session.connection, name)

    async def create_volume(self, name: str, size_gb: int, data_center: str) -> Volume:
        """One with this name in this data center that exists already is answered as it is."""
        from flash_tui.client.volumes import create_volume  # noqa: PLC0415 - start-up, see Opened

        return await create_volume(self._session.connection, name, size_gb, data_center)

    async def delete_volume(self, volume_id: str) -> None:
        """With all that is on it."""
        from flash_tui.client.volumes import delete_volume  # noqa: PLC0415 - start-up, see Opened

        await delete_volume(self._session.connection, VolumeId(volume_id))


def find_endpoint(environment: Environment, name: str) -> Endpoint:
    """An environment's endpoint by name or id.

    Raises:
        NotFound: it has none such; the hint lists those it has.
    """
    for endpoint in environment.endpoints:
        if name in {endpoint.name, endpoint.id}:
            return endpoint
    known = ", ".join(endpoint.name for endpoint in environment.endpoints)
    hint = f"there are: {known}" if known else f"deploy first: flash-tui deploy -e {environment.name}"
    raise NotFound(f"no endpoint {name!r}", where=f"{environment.app} {environment.name}", hint=hint)
