"""What clients do to apps, environments and builds, whichever dialect they speak: stored first, then told to all."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any, Protocol

from flash_tui.local import limits
from flash_tui.local.artifacts import retention
from flash_tui.local.artifacts.artifacts import Artifacts
from flash_tui.local.ports import Releases
from flash_tui.local.store import apps, builds, endpoints, environments, uploads
from flash_tui.local.store.builds import NewBuild
from flash_tui.local.store.database import Store
from flash_tui.local.store.endpoints import Lifecycle, StoredEndpoint
from flash_tui.local.store.environments import StoredEnvironment
from flash_tui.local.store.uploads import Upload
from flash_tui.local.view import Publisher
from flash_tui.models.app import App
from flash_tui.models.build import Build, BuildUpload, LayerRecord
from flash_tui.models.deployment import ReleaseRequest
from flash_tui.models.errors import Conflict, UsageError
from flash_tui.models.identifiers import AppId, BuildId, Digest, EndpointId, EnvironmentId
from flash_tui.models.manifest import parse_manifest
from flash_tui.models.states import Cause, EnvironmentState


class EnvironmentReleases(Releases, Protocol):
    """Releases, and what is done outside of one: to a running environment, or for a build that has just come."""

    def prepare_soon(self, build_id: BuildId) -> None:
        """Unpack it and warm its interpreter; returns at once and tells of no failure."""
        ...

    async def reload(self, environment_id: EnvironmentId) -> None:
        """Make what runs agree with the records again."""
        ...

    async def forget(self, environment_id: EnvironmentId) -> None:
        """The environment is about to be deleted: whatever runs for it ends."""
        ...


class Registry:
    """The acts on what the store keeps."""

    def __init__(self, store: Store, artifacts: Artifacts, publisher: Publisher, releases: EnvironmentReleases) -> None:
        self._store = store
        self._artifacts = artifacts
        self._publisher = publisher
        self._releases = releases

    # --- apps and environments

    async def create_app(self, name: str, names: tuple[str, ...] = (), *, may_exist: bool = True) -> App:
        """The app with these environments, in this order; what is missing is created.

        Raises:
            Conflict: it exists, and must not.
            UsageError: a name cannot be one.
        """

        def work(connection: sqlite3.Connection) -> tuple[App, bool, tuple[StoredEnvironment, ...]]:
            known = apps.find_app(connection, name)
            if known is not None and not may_exist:
                raise Conflict(
                    f"the app {name} exists already", where=name, hint="choose another name, or deploy to it"
                )
            app = known or apps.create_app(connection, name)
            has_changed = bool(names) and environments.ensure_environments(connection, app.id, names)
            rows = environments.list_environments(connection, app.id)
            created = tuple(row for row in rows if known is None or row.name not in known.environments)
            return apps.get_app_by_id(connection, app.id), known is None or has_changed, created

        app, has_changed, created = await self._store.transact(work)
        if has_changed:
            await self._publisher.app_changed(app.id)
        for environment in created:
            self._publisher.environment_changed(environment.id)
        return app

    async def create_environment(self, app_id: AppId, name: str) -> StoredEnvironment:
        """Raises NotFound, Conflict if the name is taken, UsageError if it cannot be one."""

        def work(connection: sqlite3.Connection) -> StoredEnvironment:
            apps.get_app_by_id(connection, app_id)
            return environments.create_environment(connection, app_id, name)

        created = await self._store.transact(work)
        await self._publisher.app_changed(app_id)
        self._publisher.environment_changed(created.id)
        return created

    async def delete_environment(self, environment_id: EnvironmentId) -> None:
        """Stop what runs in it, then forget it; the records of its deployments stay. Raises NotFound."""
        environment = await self._end_environment(environment_id)
        await self._publisher.app_changed(environment.app_id)

    async def _end_environment(self, environment_id: EnvironmentId) -> StoredEnvironment:
        environment = await self._store.transact(
            partial(environments.set_state, environment_id=environment_id, state=EnvironmentState.DELETING)
        )
        self._publisher.environment_changed(environment_id)
        await self._releases.forget(environment_id)
        await self._store.transact(partial(environments.delete_environment, environment_id=environment_id))
        await self._releases.forget(environment_id)  # what began in between cannot commit any more; end it
        self._publisher.environment_gone(environment_id, environment.app, environment.name)
        return environment

    async def delete_app(self, app_id: AppId) -> None:
        """With its environments and builds. Raises NotFound."""
        app = await self._store.transact(partial(apps.get_app_by_id, app_id=app_id))
        for environment in await self._store.transact(partial(environments.list_environments, app_id=app_id)):
            await self._end_environment(environment.id)
        await self._store.transact(partial(apps.delete_app, app_id=app_id))
        self._publisher.app_gone(app.name)

    async def delete_endpoint(self, endpoint_id: EndpointId) -> StoredEndpoint:
        """Take one endpoint out of service; in an environment its id is kept for its name.

        With the last one goes the build: the environment is undeployed, which is an act with a record.

        Raises:
            NotFound: there is none, or not any more.
        """

        def work(connection: sqlite3.Connection) -> tuple[StoredEndpoint, StoredEnvironment | None]:
            found = endpoints.get_endpoint(connection, endpoint_id)
            if found.lifecycle is Lifecycle.RETIRED:
                raise endpoints.endpoint_not_found(endpoint_id)
            if found.environment_id is None:
                endpoints.delete_endpoint(connection, endpoint_id)
                return found, None
            endpoints.retire_endpoint(connection, endpoint_id)
            environment = environments.get_environment(connection, found.environment_id)
            is_last = not endpoints.list_endpoints(connection, found.environment_id)
            return found, environment if is_last and environment.active_build is not None else None

        found, emptied = await self._store.transact(work)
        if found.environment_id is not None:
            await self._releases.reload(found.environment_id)
            self._publisher.environment_changed(found.environment_id)
        if emptied is not None:
            request = ReleaseRequest(environment_id=emptied.id, build_id=None, cause=Cause.UNDEPLOY)
            deployment = await self._releases.begin(request)
            await self._releases.wait(deployment.id, limits.UNDEPLOY_WAIT_S)
        return found

    # --- builds

    async def register_parts(self, upload: BuildUpload, tail: bytes) -> tuple[Build, bool]:
        """A build handed over as what follows its layer; whether it is new to the app.

        Raises:
            NotFound: no such app, or (`where` is `layer KEY`) the layer is not in the layer store.
            BuildFailed: the manifest is none.
            UsageError: the bytes do not come to the digest.
        """
        parse_manifest(upload.manifest)
        app = await self._store.transact(partial(apps.get_app, name=upload.app))
        await self._artifacts.keep_parts(upload, tail)
        new = NewBuild(upload.digest, upload.size_bytes, upload.manifest, upload.record)
        return await self._register(app.id, new)

    async def _register(self, app_id: AppId, new: NewBuild, object_key: str | None = None) -> tuple[Build, bool]:
        def work(connection: sqlite3.Connection) -> tuple[Build, bool]:
            build, is_new = builds.register_build(connection, app_id, new)
            if object_key is not None:
                uploads.finalize_upload(connection, object_key, build.id)
            return build, is_new

        build, is_new = await self._store.transact(work)
        self._releases.prepare_soon(build.id)
        self._publisher.build_changed(build)
        if is_new:
            await self._publisher.app_changed(app_id)
        return build, is_new

    async def announce_upload(self, app_id: AppId, announced_bytes: int) -> Upload:
        """Raises NotFound, or UsageError for a size that no artifact has."""
        if not 0 < announced_bytes <= limits.MAX_ARTIFACT_BYTES:
            raise UsageError(
                f"an artifact of {announced_bytes} bytes is not taken",
                where="tarballSize",
                hint=f"it may have up to {limits.MAX_ARTIFACT_BYTES} bytes; keep data files out of the project",
            )

        def work(connection: sqlite3.Connection) -> Upload:
            apps.get_app_by_id(connection, app_id)
            return uploads.announce_upload(connection, app_id, announced_bytes)

        return await self._store.transact(work)

    async def receive_upload(self, object_key: str, chunks: AsyncIterator[bytes]) -> None:
        """The bytes of an announced upload. Raises NotFound, UsageError as `Artifacts.receive`."""
        upload = await self._store.transact(partial(uploads.get_upload, object_key=object_key))
        if upload.build_id is not None:
            raise Conflict("this upload was finalised already", where=object_key, hint="ask for a new upload URL")
        received = await self._artifacts.receive(chunks, upload.announced_bytes)
        await self._store.transact(
            partial(
                uploads.receive_upload,
                object_key=object_key,
                digest=received.digest,
                size_bytes=received.size_bytes,
            )
        )

    async def finalize_upload(self, app_id: AppId, object_key: str, manifest: Mapping[str, Any]) -> Build:
        """Make an upload a build of the app.

        Raises:
            NotFound: no such upload for this app.
            Conflict: its bytes have not come.
            BuildFailed: the manifest is none.
        """
        parse_manifest(manifest)
        upload = await self._store.transact(partial(uploads.get_upload, object_key=object_key))
        if upload.app_id != app_id:
            raise UsageError("this upload belongs to another app", where=object_key, hint="ask for a new upload URL")
        if upload.digest is None or upload.size_bytes is None:
            raise Conflict(
                "the artifact has not been uploaded", where=object_key, hint="PUT it to the upload URL first"
            )
        if upload.build_id is not None:
            return await self._store.transact(partial(builds.get_build, build_id=upload.build_id))
        digest = Digest(upload.digest)
        record: LayerRecord | None = await self._artifacts.record_of(digest)
        new = NewBuild(digest, upload.size_bytes, manifest, record, object_key)
        return (await self._register(app_id, new, object_key))[0]

    # --- housekeeping

    async def collect(self) -> None:
        """Let go of artifacts that nobody can go back to."""
        for build in await retention.collect(self._store, self._artifacts):
            self._publisher.build_changed(build)
