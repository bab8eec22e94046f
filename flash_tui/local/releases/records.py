"""What a release writes: acceptance, commit, end. Each is one transaction; plain functions that take the connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from flash_tui.local.store import builds, deployments, endpoints, environments
from flash_tui.local.store.endpoints import StoredEndpoint
from flash_tui.local.store.environments import StoredEnvironment
from flash_tui.models.build import BuildReference
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import ErrorDocument, Interrupted, NotFound
from flash_tui.models.identifiers import EnvironmentId
from flash_tui.models.manifest import Manifest
from flash_tui.models.states import EnvironmentState, Outcome


@dataclass(frozen=True, slots=True)
class Target:
    """What a release is about, as the store knows it."""

    environment: StoredEnvironment
    """As it was before."""
    build: BuildReference | None
    manifest: Manifest | None
    """Both None for an undeploy."""

    @property
    def is_active(self) -> bool:
        """The build serves already, by the records."""
        return self.environment.active_build_id == (None if self.build is None else self.build.id)

    @property
    def is_settled(self) -> bool:
        """The build serves already, and the last act on the environment went well."""
        good = EnvironmentState.PENDING if self.build is None else EnvironmentState.DEPLOYED
        return self.is_active and self.environment.state is good


def find_target(connection: sqlite3.Connection, request: ReleaseRequest) -> Target:
    """Check a request. Raises NotFound, Conflict; BuildFailed if the manifest is none."""
    environment = environments.get_environment(connection, request.environment_id)
    if request.check_expected:
        environments.refuse_unless(environment, expected=request.expected_build_id)
    environments.refuse_older(environment, request.generation)
    if request.build_id is None:
        return Target(environment, None, None)
    build = builds.get_build(connection, request.build_id)
    if build.app != environment.app:
        raise NotFound(
            f"{build.label} is a build of {build.app}, not of {environment.app}",
            where=f"{environment.app} {environment.name}",
            hint=f"`flash-tui builds list -a {environment.app}` shows its builds",
        )
    if build.gone:
        raise NotFound(
            f"the artifact of {build.label} was collected",
            where=f"{environment.app} {build.label}",
            hint="deploy its source again, or choose a build that is not marked as gone",
        )
    return Target(environment, build.reference(), builds.get_parsed_manifest(connection, request.build_id))


@dataclass(frozen=True, slots=True)
class Accepted:
    target: Target
    deployment: Deployment
    endpoints: tuple[StoredEndpoint, ...]
    """One for each resource of the manifest; those that are new serve nothing yet."""


def accept(connection: sqlite3.Connection, request: ReleaseRequest) -> Accepted:
    """Write the running record; the environment is `deploying`. Raises as `find_target`."""
    target = find_target(connection, request)
    environment = target.environment
    reserved: tuple[StoredEndpoint, ...] = ()
    if target.manifest is not None:
        reserved = endpoints.reserve_endpoints(connection, environment.id, target.manifest)
    deployment = deployments.begin_deployment(
        connection, environment, cause=request.cause, to_build=target.build, note=request.note
    )
    environments.want_build(connection, environment.id, request.build_id)
    environments.set_state(connection, environment.id, EnvironmentState.DEPLOYING)
    return Accepted(target, deployment, reserved)


def commit(
    connection: sqlite3.Connection, accepted: Accepted, request: ReleaseRequest, timings_ms: Mapping[str, float]
) -> Deployment:
    """The compare-and-set: build, endpoints, state and outcome at once.

    Raises:
        Conflict: the environment serves something else than when the release was accepted, or a newer generation.
        NotFound: the environment is gone.
    """
    environment = accepted.target.environment
    environments.switch_build(
        connection,
        environment.id,
        request.build_id,
        expected=environment.active_build_id,
        generation=request.generation,
    )
    endpoints.release_endpoints(connection, environment.id, accepted.target.manifest)
    return deployments.end_deployment(connection, accepted.deployment.id, Outcome.SUCCEEDED, timings_ms=timings_ms)


def close(
    connection: sqlite3.Connection,
    accepted: Accepted,
    outcome: Outcome,
    error: ErrorDocument | None,
    timings_ms: Mapping[str, float],
) -> Deployment:
    """A release that did not commit. Failed, the environment says so; withdrawn, it is as it was before."""
    before = accepted.target.environment
    if environments.find_environment(connection, before.id) is not None:
        environments.want_build(connection, before.id, None)
        if outcome is Outcome.FAILED:
            environments.set_state(connection, before.id, EnvironmentState.FAILED, error=error)
        else:
            environments.set_state(connection, before.id, _rest(before), error=before.error)
    return deployments.end_deployment(connection, accepted.deployment.id, outcome, error=error, timings_ms=timings_ms)


def _rest(before: StoredEnvironment) -> EnvironmentState:
    """The state to go back to. An official deploy says `deploying` before its release begins."""
    if before.state is not EnvironmentState.DEPLOYING:
        return before.state
    return EnvironmentState.PENDING if before.active_build is None else EnvironmentState.DEPLOYED


def close_interrupted(connection: sqlite3.Connection) -> tuple[EnvironmentId, ...]:
    """At the start: what was under way when the platform before ended is failed, and its environment says so."""
    error = Interrupted(
        "the platform ended while this was under way", where="platform", hint="deploy again; what served before serves"
    ).document()
    touched: list[EnvironmentId] = []
    for running in deployments.running_deployments(connection):
        deployments.end_deployment(connection, running.deployment.id, Outcome.FAILED, error=error)
        if environments.find_environment(connection, running.environment_id) is not None:
            environments.want_build(connection, running.environment_id, None)
            environments.set_state(connection, running.environment_id, EnvironmentState.FAILED, error=error)
            touched.append(running.environment_id)
    return tuple(touched)


@dataclass(frozen=True, slots=True)
class Serving:
    """What an environment should serve, by the records."""

    environment: StoredEnvironment
    build: BuildReference
    manifest: Manifest
    endpoints: tuple[StoredEndpoint, ...]


def find_serving(connection: sqlite3.Connection, environment_id: EnvironmentId) -> Serving | None:
    """None: it serves nothing, or is gone. Raises FlashTuiError if what it serves cannot be read."""
    environment = environments.find_environment(connection, environment_id)
    if environment is None or environment.active_build is None:
        return None
    manifest = builds.get_parsed_manifest(connection, environment.active_build.id)
    return Serving(
        environment, environment.active_build, manifest, endpoints.list_endpoints(connection, environment_id)
    )


def serving_environments(connection: sqlite3.Connection) -> tuple[EnvironmentId, ...]:
    found = environments.list_environments(connection)
    return tuple(environment.id for environment in found if environment.active_build is not None)


def unchanged(target: Target, request: ReleaseRequest) -> Deployment:
    """The answer where nothing has to change: no record, hence no id."""
    serving = target.environment.active_build
    moment = target.environment.updated_at
    return Deployment.model_validate(
        {
            "id": "",
            "app": target.environment.app,
            "environment": target.environment.name,
            "cause": request.cause,
            "from_build": serving,
            "to_build": serving,
            "started_at": moment,
            "ended_at": moment,
            "outcome": Outcome.SUCCEEDED,
        }
    )
