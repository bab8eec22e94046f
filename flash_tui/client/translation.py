"""The official protocol's answers → our nouns. Pure.

A build's version is its ordinal by creation; its digest comes from the local journal, else it is not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from flash_tui.client.data_plane import Health
from flash_tui.client.operations import OfficialApp, OfficialBuild, OfficialEndpoint, OfficialEnvironment
from flash_tui.client.record_book import Records
from flash_tui.client.target import Target
from flash_tui.models.app import App, Environment, Volume
from flash_tui.models.build import Build, BuildReference
from flash_tui.models.deployment import Deployment
from flash_tui.models.endpoint import Endpoint, JobCounts, Worker
from flash_tui.models.identifiers import AppId, BuildId, EndpointId, EnvironmentId, VolumeId, WorkerId
from flash_tui.models.states import EndpointKind, EndpointState, EnvironmentState, Outcome, WorkerState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _utc(moment: datetime | None) -> datetime:
    if moment is None:
        return _EPOCH
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def translate_app(app: OfficialApp, order: Sequence[str]) -> App:
    """`order`: names of the environments in pipeline order."""
    return App(id=AppId(app.id), name=app.name, environments=tuple(order), builds=len(app.flash_builds))


def translate_builds(app: OfficialApp, records: Records) -> tuple[Build, ...]:
    """Newest first."""
    oldest_first = sorted(app.flash_builds, key=lambda build: (_utc(build.created_at), build.id))
    runs_in = _runs_in(app, records)
    found = [
        _build(app.name, build, version, runs_in.get(build.id, ()), records)
        for version, build in enumerate(oldest_first, start=1)
    ]
    return tuple(reversed(found))


def _runs_in(app: OfficialApp, records: Records) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for environment in app.flash_environments:
        active = environment.active_build_id
        if active is not None and not records.is_undeployed(app.name, environment.name):
            found[active] = (*found.get(active, ()), environment.name)
    return found


def _build(app: str, build: OfficialBuild, version: int, runs_in: tuple[str, ...], records: Records) -> Build:
    facts = records.builds.get(build.id)
    return Build(
        id=BuildId(build.id),
        version=version,
        digest=facts.digest if facts is not None else None,
        app=app,
        source_digest=facts.source_digest if facts is not None else None,
        size_bytes=facts.size_bytes if facts is not None else 0,
        created_at=_utc(build.created_at),
        runs_in=runs_in,
    )


def translate_environment(
    app: str,
    official: OfficialEnvironment,
    builds: Iterable[Build],
    endpoints: tuple[Endpoint, ...],
    records: Records,
) -> Environment:
    """`builds` are the app's."""
    references = {build.id: build.reference() for build in builds}
    last = records.last_act(app, official.name)
    success = records.last_success(app, official.name)
    is_undeployed = not endpoints and records.is_undeployed(app, official.name)
    active = official.active_build_id
    build = None if active is None or is_undeployed else references.get(BuildId(active), _unknown(active))
    return Environment(
        id=EnvironmentId(official.id),
        app=app,
        name=official.name,
        state=_state(official, build, last),
        error=last.error if last is not None and last.outcome == Outcome.FAILED else None,
        build=build,
        previous_build=success.from_build if success is not None else None,
        endpoints=endpoints,
        volumes=tuple(
            Volume(
                id=VolumeId(volume.id),
                name=volume.name or volume.id,
                size_gb=volume.size or 0,
                data_center=volume.data_center_id or "",
            )
            for volume in official.network_volumes or ()
        ),
        updated_at=(last.ended_at or last.started_at) if last is not None else _utc(official.created_at),
    )


def _unknown(build_id: str) -> BuildReference:
    return BuildReference(id=BuildId(build_id), version=None, digest=None)


def _state(official: OfficialEnvironment, build: BuildReference | None, last: Deployment | None) -> EnvironmentState:
    if last is not None and last.outcome in {None, Outcome.FAILED}:
        return EnvironmentState.DEPLOYING if last.outcome is None else EnvironmentState.FAILED
    if build is None:
        return EnvironmentState.PENDING
    word = official.state or ""
    known = {state.value for state in EnvironmentState}
    if word.lower() in known - {EnvironmentState.PENDING.value}:
        return EnvironmentState(word.lower())
    # Something serves. What words the cloud has is not documented: one that we do not know is kept and shown.
    is_plain = word.lower() in {"", "active", "ready", "healthy", "pending"}
    return EnvironmentState.DEPLOYED if is_plain else EnvironmentState(word)


def translate_endpoint(
    target: Target, official: OfficialEndpoint, health: Health | None, routes: Mapping[str, tuple[str, ...]]
) -> Endpoint:
    """`routes`: by resource name, from the manifest of the build that serves. `health` None: it could not be asked."""
    kind = EndpointKind.LOAD_BALANCED if official.is_load_balanced else EndpointKind.QUEUE
    name = official.resource_name
    health = health or Health()
    return Endpoint(
        name=name,
        id=EndpointId(official.id),
        kind=kind,
        url=target.endpoint_url(official.id, is_load_balanced=official.is_load_balanced),
        state=endpoint_state(official.workers_min or 0, health),
        workers=_workers(official.id, health),
        workers_max=official.workers_max or 0,
        jobs=JobCounts(
            in_queue=health.jobs.in_queue,
            in_progress=health.jobs.in_progress,
            completed=health.jobs.completed,
            failed=health.jobs.failed,
            retried=health.jobs.retried,
        ),
        routes=routes.get(name, ()),
        hardware=official.gpu_ids or "cpu",
    )


def endpoint_state(workers_min: int, health: Health) -> EndpointState:
    """An endpoint that may have no workers is healthy when it exists. Source: runpod_flash `core/resources`."""
    workers = health.workers
    if workers.can_serve:
        return EndpointState.HEALTHY
    if workers.unhealthy:
        return EndpointState.UNHEALTHY
    if workers.initializing or workers.throttled or workers_min > 0:
        return EndpointState.STARTING
    return EndpointState.HEALTHY


def _workers(endpoint_id: str, health: Health) -> tuple[Worker, ...]:
    """The protocol tells how many there are of a kind, and no ids."""
    counts = health.workers
    kinds = (
        (WorkerState.RUNNING, counts.running),
        (WorkerState.IDLE, max(counts.idle, counts.ready - counts.running)),
        (WorkerState.INITIALIZING, counts.initializing),
        (WorkerState.THROTTLED, counts.throttled),
        (WorkerState.UNHEALTHY, counts.unhealthy),
    )
    return tuple(
        Worker(id=WorkerId(f"{endpoint_id}-{state}-{number}"), state=state, build=None)
        for state, count in kinds
        for number in range(1, min(count, 1000) + 1)
    )
