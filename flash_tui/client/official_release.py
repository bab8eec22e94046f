"""Releases on a target that knows none: the official sequence, then looking until what was asked for is healthy.

Activating the build is the commit point: nothing before it can be seen, and nothing after it is cancelled.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime

import anyio

from flash_tui.client import limits, operations
from flash_tui.client.connection import Connection
from flash_tui.client.data_plane import DataPlane
from flash_tui.client.graphql import GraphQL
from flash_tui.client.provisioning import Provisioned, Provisioner
from flash_tui.client.record_book import RecordBook, Records
from flash_tui.client.translation import endpoint_state
from flash_tui.models.app import Environment
from flash_tui.models.build import BuildReference
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import (
    BootFailed,
    Conflict,
    ErrorDocument,
    FlashTuiError,
    Interrupted,
    NotFound,
    TargetUnreachable,
)
from flash_tui.models.identifiers import BuildId, DeploymentId
from flash_tui.models.states import Cause, EndpointState, EnvironmentState, Outcome


class OfficialReleases:
    """The acts of this process on one target, and the journal of them."""

    def __init__(self, connection: Connection, graphql: GraphQL, data: DataPlane, book: RecordBook) -> None:
        self._target = connection.target
        self._graphql = graphql
        self._provisioner = Provisioner(connection, graphql)
        self._data = data
        self._book = book
        self._running: dict[DeploymentId, _Release] = {}
        self._environments_at_work: set[str] = set()
        """Ids of those that this process is changing."""

    async def begin(self, request: ReleaseRequest, app: str, environment: Environment) -> Deployment:
        """Activate the build and provision its endpoints; the record, still running. Errors after the commit end it."""
        _check_expected(request, environment)
        to_build = await self._reference(request.build_id)
        deployment = Deployment(
            id=DeploymentId(f"dep_{secrets.token_hex(8)}"),
            app=app,
            environment=environment.name,
            cause=request.cause,
            from_build=environment.build,
            to_build=to_build,
            started_at=datetime.now(UTC),
            note=request.note,
        )
        if _is_settled(request, environment):
            return deployment.model_copy(update={"outcome": Outcome.SUCCEEDED, "ended_at": deployment.started_at})
        await self._book.write_deployment(deployment)
        release = _Release(deployment, request, environment)
        self._running[deployment.id] = release
        self._environments_at_work.add(environment.id)
        try:
            await self._activate(release)
        except FlashTuiError as error:
            await self._end(release, Outcome.FAILED, error.document())
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._interrupt(release)
            raise
        return deployment

    async def _reference(self, build_id: BuildId | None) -> BuildReference | None:
        if build_id is None:
            return None
        facts = (await self._book.read()).builds.get(build_id)
        return BuildReference(id=build_id, version=None, digest=facts.digest if facts is not None else None)

    async def _activate(self, release: _Release) -> None:
        environment, build_id = release.environment, release.request.build_id
        if build_id is None:
            release.is_committed = True
            for endpoint in environment.endpoints:
                await self._graphql.run(operations.DELETE_ENDPOINT, id=endpoint.id)
            return
        wanted = {"flashEnvironmentId": environment.id, "flashBuildId": build_id}
        release.is_committed = True  # from here on the target may have done it, whatever we hear
        await self._graphql.run(operations.DEPLOY_BUILD, input=wanted)
        await self._book.write_seen(environment.id, build_id)
        release.endpoints = await self._provisioner.provision(environment, build_id)

    async def _interrupt(self, release: _Release) -> Deployment:
        """What was not committed is cancelled; what was is half made, and says so."""
        if not release.is_committed:
            return await self._end(release, Outcome.CANCELLED, None)
        hint = "deploy or promote again to finish it, or roll back"
        what = "interrupted after the build had become active: not all endpoints follow it"
        return await self._end(release, Outcome.FAILED, Interrupted(what, where=release.place, hint=hint).document())

    async def wait(self, deployment_id: DeploymentId, wait_s: float) -> Deployment:
        """See `Dialect.wait`."""
        release = self._find(deployment_id)
        give_up_at = time.monotonic() + wait_s
        while release.deployment.outcome is None:
            missing = [endpoint for endpoint in release.endpoints if not await self._is_up(endpoint)]
            if not missing:
                await self._end(release, Outcome.SUCCEEDED, None)
            elif time.monotonic() - release.began_at > limits.HEALTHY_WITHIN_S:
                await self._end(release, Outcome.FAILED, _not_up(release, missing))
            elif time.monotonic() >= give_up_at:
                break
            else:
                await anyio.sleep(limits.HEALTH_POLL_S)
        return release.deployment

    async def _is_up(self, endpoint: Provisioned) -> bool:
        try:
            health = await self._data.health(endpoint.id)
        except (NotFound, TargetUnreachable):  # asked again until the time is up
            return False
        return endpoint_state(endpoint.workers_min, health) == EndpointState.HEALTHY

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        """The build is active already: nothing is taken back, and the record says how far it had come."""
        return await self._end(self._find(deployment_id), Outcome.SUCCEEDED, None)

    def _find(self, deployment_id: DeploymentId) -> _Release:
        release = self._running.get(deployment_id)
        if release is None:
            raise NotFound(f"no release {deployment_id}", where=self._target.name)
        return release

    async def _end(self, release: _Release, outcome: Outcome, error: ErrorDocument | None) -> Deployment:
        if release.deployment.outcome is None:
            ended = {"outcome": outcome, "error": error, "ended_at": datetime.now(UTC)}
            release.deployment = release.deployment.model_copy(update=ended)
            await self._book.write_deployment(release.deployment)
            self._environments_at_work.discard(release.environment.id)
        return release.deployment

    async def observe(self, environment: Environment, records: Records) -> None:
        """Write down that somebody else changed what serves."""
        found = environment.build.id if environment.build is not None else ""
        known = records.seen.get(environment.id)
        if known == found or environment.id in self._environments_at_work:
            return
        await self._book.write_seen(environment.id, found)
        if known is None:
            return
        now = datetime.now(UTC)
        before = BuildReference(id=BuildId(known), version=None, digest=None) if known else None
        await self._book.write_deployment(
            Deployment(
                id=DeploymentId(f"dep_{secrets.token_hex(8)}"),
                app=environment.app,
                environment=environment.name,
                cause=Cause.OBSERVED,
                from_build=before,
                to_build=environment.build,
                started_at=now,
                ended_at=now,
                outcome=Outcome.SUCCEEDED,
            )
        )


class _Release:
    """One act of ours."""

    def __init__(self, deployment: Deployment, request: ReleaseRequest, environment: Environment) -> None:
        self.deployment = deployment
        self.request = request
        self.environment = environment
        self.began_at = time.monotonic()
        self.endpoints: tuple[Provisioned, ...] = ()
        self.is_committed = False

    @property
    def place(self) -> str:
        return f"{self.environment.app} {self.environment.name}"


def _check_expected(request: ReleaseRequest, environment: Environment) -> None:
    found = environment.build.id if environment.build is not None else None
    if request.check_expected and found != request.expected_build_id:
        label = environment.build.label if environment.build is not None else "nothing"
        raise Conflict(
            f"{environment.name} serves {label}, not what was expected",
            where=f"{environment.app} {environment.name}",
            hint="somebody else changed it; look again, then repeat",
        )


def _is_settled(request: ReleaseRequest, environment: Environment) -> bool:
    if request.build_id is None:
        return not environment.endpoints and environment.build is None
    is_serving = environment.build is not None and environment.build.id == request.build_id
    return is_serving and bool(environment.endpoints) and environment.state == EnvironmentState.DEPLOYED


def _not_up(release: _Release, missing: list[Provisioned]) -> ErrorDocument:
    listed = ", ".join(endpoint.name for endpoint in missing)
    minutes = limits.HEALTHY_WITHIN_S / 60
    hint = "the target's console shows why; a rollback puts the build before back"
    return BootFailed(f"not healthy within {minutes:.0f} minutes: {listed}", where=release.place, hint=hint).document()
