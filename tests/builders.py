"""One builder per noun: `an_environment(state=…)`. Sensible by default, so that a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from flash_tui.models.app import App, Environment, Progress, Volume
from flash_tui.models.build import Build, BuildReference
from flash_tui.models.deployment import Deployment
from flash_tui.models.endpoint import Endpoint, JobCounts, Traffic, Worker
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import (
    AppId,
    BuildId,
    DeploymentId,
    Digest,
    EndpointId,
    EnvironmentId,
    VolumeId,
    WorkerId,
)
from flash_tui.models.log import LogLine
from flash_tui.models.release import Change, PromotionPlan
from flash_tui.models.snapshot import Link, LinkState, Snapshot
from flash_tui.models.states import (
    Cause,
    EndpointKind,
    EndpointState,
    EnvironmentState,
    Outcome,
    WorkerState,
)
from flash_tui.models.watch_events import WatchEvent
from flash_tui.models.watch_view import WatchView
from flash_tui.paths import find_home
from flash_tui.settings import Settings

NOW = datetime(2025, 11, 24, 14, 2, 15, tzinfo=UTC)
APP = "photo-shop"
STAGES = ("dev", "staging", "production")


def ago(**parts: float) -> datetime:
    return NOW - timedelta(**parts)


def a_digest(version: int) -> Digest:
    return Digest(f"{version:02x}a2b9c" + "0" * 53 + "e07f")


def a_reference(version: int) -> BuildReference:
    return BuildReference(id=BuildId(f"build_{version}"), version=version, digest=a_digest(version))


def a_build(version: int, *, app: str = APP, runs_in: tuple[str, ...] = (), **fields: object) -> Build:
    given = {
        "id": BuildId(f"build_{version}"),
        "version": version,
        "digest": a_digest(version),
        "app": app,
        "source_digest": None,
        "size_bytes": 214_000,
        "created_at": ago(minutes=10 * (20 - version)),
        "runs_in": runs_in,
        **fields,
    }
    return Build.model_validate(given)


def a_worker(name: str = "w-7c41aa01", *, state: WorkerState = WorkerState.RUNNING, build: int = 14) -> Worker:
    return Worker(id=WorkerId(name), state=state, build=build, pid=4711, started_at=ago(seconds=12))


def an_endpoint(
    name: str = "api",
    *,
    kind: EndpointKind = EndpointKind.LOAD_BALANCED,
    state: EndpointState = EndpointState.HEALTHY,
    workers: tuple[Worker, ...] | None = None,
    **fields: object,
) -> Endpoint:
    given = {
        "name": name,
        "id": EndpointId(f"ep{name}"),
        "kind": kind,
        "url": f"http://127.0.0.1:8787/{'lb' if kind is EndpointKind.LOAD_BALANCED else 'v2'}/ep{name}",
        "state": state,
        "workers": (a_worker(),) if workers is None else workers,
        "workers_max": 2,
        **fields,
    }
    return Endpoint.model_validate(given)


def an_environment(  # noqa: PLR0913 - a builder names every field
    name: str = "dev",
    *,
    build: int | None = 14,
    app: str = APP,
    state: EnvironmentState = EnvironmentState.DEPLOYED,
    endpoints: tuple[Endpoint, ...] | None = None,
    previous: int | None = None,
    updated_at: datetime | None = None,
    error: ErrorDocument | None = None,
    progress: Progress | None = None,
    volumes: tuple[Volume, ...] = (),
) -> Environment:
    return Environment(
        id=EnvironmentId(f"env_{app}_{name}"),
        app=app,
        name=name,
        state=state,
        error=error,
        build=a_reference(build) if build is not None else None,
        previous_build=a_reference(previous) if previous is not None else None,
        endpoints=(an_endpoint(),) if endpoints is None else endpoints,
        volumes=volumes,
        progress=progress,
        updated_at=updated_at or ago(seconds=4),
    )


def a_volume(name: str = "models", size_gb: int = 20) -> Volume:
    return Volume(id=VolumeId(f"vol_{name}"), name=name, size_gb=size_gb)


def a_deployment(  # noqa: PLR0913 - a builder names every field
    number: int = 1,
    *,
    environment: str = "dev",
    cause: Cause = Cause.SAVE,
    to: int | None = 14,
    was: int | None = 13,
    outcome: Outcome | None = Outcome.SUCCEEDED,
    started_at: datetime | None = None,
    took_ms: float = 412,
    error: ErrorDocument | None = None,
    note: str = "",
    timings_ms: dict[str, float] | None = None,
    app: str = APP,
) -> Deployment:
    started = started_at or ago(seconds=4)
    return Deployment(
        id=DeploymentId(f"dep_{number}"),
        app=app,
        environment=environment,
        cause=cause,
        from_build=a_reference(was) if was is not None else None,
        to_build=a_reference(to) if to is not None else None,
        started_at=started,
        ended_at=started + timedelta(milliseconds=took_ms) if outcome is not None else None,
        outcome=outcome,
        error=error,
        note=note,
        timings_ms=timings_ms or {},
    )


def an_error(what: str = "NameError: name 'widht' is not defined", **fields: object) -> ErrorDocument:
    given = {"code": "build_failed", "what": what, "file": "resize.py", "line": 31, **fields}
    return ErrorDocument.model_validate(given)


def a_line(text: str = "GET /health 200", *, endpoint: str | None = "api", **fields: object) -> LogLine:
    given = {
        "at": NOW,
        "app": APP,
        "environment": "dev",
        "endpoint": endpoint,
        "worker": "w-7c41aa01",
        "build": 14,
        "stream": "stdout",
        "text": text,
        **fields,
    }
    return LogLine.model_validate(given)


def a_change(kind: str = "resource", name: str = "api", change: str = "max workers 2 ▸ 3") -> Change:
    return Change(kind=kind, name=name, change=change)


def a_plan(
    source: str = "staging",
    target: str = "production",
    *,
    build: int = 12,
    replaces: int | None = 11,
    changes: tuple[Change, ...] | None = None,
) -> PromotionPlan:
    return PromotionPlan(
        app=APP,
        source=source,
        target=target,
        build=a_reference(build),
        replaces=a_reference(replaces) if replaces is not None else None,
        changes=(a_change(),) if changes is None else changes,
    )


def a_watch_event(event: str, **fields: object) -> WatchEvent:
    return WatchEvent.model_validate({"event": event, "at": ago(seconds=4), **fields})


def a_watch(*events: WatchEvent) -> WatchView:
    """A watch after these events; by default one that watches and has put a save live."""
    view = WatchView()
    ready = a_watch_event("ready", environment="dev", files=38, version=13)
    live = a_watch_event(
        "live",
        version=14,
        elapsed_ms=412,
        paths=["api.py"],
        stages_ms={"notice": 16, "settle": 20, "check": 6, "discover": 48, "boot": 241, "health": 69, "switch": 12},
    )
    for event in events or (ready, live):
        view = view.with_event(event)
    return view


def an_app(name: str = APP, *, environments: tuple[str, ...] = STAGES, builds: int = 8) -> App:
    return App(id=AppId(f"app_{name}"), name=name, environments=environments, builds=builds, created_at=ago(days=20))


def a_snapshot(
    *environments: Environment,
    builds: tuple[Build, ...] = (),
    deployments: tuple[Deployment, ...] = (),
    lines: tuple[LogLine, ...] = (),
    watch: WatchView | None = None,
    link: Link | None = None,
) -> Snapshot:
    """Apps follow from the environments."""
    snapshot = Snapshot(link=link or Link(LinkState.LIVE), is_known=True, watch=watch or WatchView())
    names: dict[str, list[str]] = {}
    for environment in environments:
        names.setdefault(environment.app, []).append(environment.name)
    apps = {app: an_app(app, environments=tuple(found)) for app, found in names.items()}
    return Snapshot(
        link=snapshot.link,
        is_known=True,
        apps=apps,
        environments={(environment.app, environment.name): environment for environment in environments},
        builds={app: tuple(build for build in builds if build.app == app) for app in apps},
        deployments={app: tuple(act for act in deployments if act.app == app) for app in apps},
        logs=snapshot.logs.with_lines(lines),
        watch=snapshot.watch,
    )


def a_traffic(*requests: int, errors: int = 0) -> Traffic:
    return Traffic(requests=requests, errors=errors, p50_ms=4.0, p95_ms=11.0)


def a_photo_shop() -> Snapshot:
    """The app of the pictures: three stages, three endpoints, eight builds, one failed save."""
    wave = (0, 0, 1, 2, 3, 4, 2, 1, 0, 0, 5, 6, 7, 4, 2, 3, 4, 5, 1, 0) * 3
    api = an_endpoint(
        "api",
        workers=(a_worker("w-1a2b3c4d"), a_worker("w-2a2b3c4d", state=WorkerState.IDLE)),
        workers_max=3,
        traffic=a_traffic(*wave),
        routes=("GET /photos", "POST /photos", "GET /photos/{id}", "GET /health"),
    )
    resize = an_endpoint(
        "resize",
        kind=EndpointKind.QUEUE,
        workers=(a_worker("w-7c41aa01"),),
        jobs=JobCounts(in_queue=3, in_progress=1, completed=1204, failed=1),
        traffic=Traffic(requests=wave[7:], p50_ms=212, p95_ms=380),
    )
    embed = an_endpoint("embed", kind=EndpointKind.QUEUE, workers=(), workers_max=1, hardware="any 24 GB")
    endpoints = (api, resize, embed)
    error = an_error()
    return a_snapshot(
        an_environment("dev", build=14, previous=13, endpoints=endpoints, volumes=(a_volume(),)),
        an_environment("staging", build=12, previous=11, endpoints=endpoints, updated_at=ago(hours=3)),
        an_environment("production", build=11, previous=10, endpoints=endpoints, updated_at=ago(days=6)),
        an_environment("dev", app="doc-search", build=3, updated_at=ago(days=2)),
        an_environment("staging", app="doc-search", build=2, updated_at=ago(days=2)),
        an_environment("dev", app="voice-lab", build=3, state=EnvironmentState.FAILED, error=error),
        builds=tuple(
            a_build(
                version, runs_in=tuple(name for name, at in zip(STAGES, (14, 12, 11), strict=True) if at == version)
            )
            for version in range(14, 6, -1)
        ),
        deployments=(
            a_deployment(1, note="api.py"),
            a_deployment(2, to=13, was=12, took_ms=438, note="resize.py, sizes.py", started_at=ago(minutes=9)),
            a_deployment(
                3, to=13, was=12, outcome=Outcome.FAILED, took_ms=186, error=error, started_at=ago(minutes=9.5)
            ),
            a_deployment(4, environment="staging", cause=Cause.PROMOTE, to=12, was=11, started_at=ago(hours=3)),
            a_deployment(5, cause=Cause.DEPLOY, to=12, was=11, took_ms=1900, started_at=ago(hours=3.1)),
            a_deployment(6, environment="production", cause=Cause.PROMOTE, to=11, was=10, started_at=ago(days=6)),
        ),
        lines=(
            a_line("no EXIF orientation, WARNING keeping 4032 x 3024", endpoint="resize"),
            a_line("POST /photos  201  6 ms"),
            a_line('job 5f2b done in 211 ms  {"w": 640, "h": 480}', endpoint="resize"),
            a_line("ValueError: image is 0 bytes  embed.py:44", endpoint="embed", stream="stderr"),
            a_line("v14 live, save to live 412 ms", endpoint=None, stream="system"),
            a_line("GET /photos/8841  200  4 ms"),
            a_line("job 5f2d started  https://img.example/8843.jpg", endpoint="resize"),
            a_line("GET /health  200  1 ms"),
        ),
        watch=a_watch(),
    )


def a_settings(folder: Path = Path("/nowhere/photo-shop"), **fields: object) -> Settings:
    home = find_home({"FLASH_TUI_HOME": "/nowhere/home"})
    return Settings(home=home, project=folder, app=APP, **fields)  # pyright: ignore[reportArgumentType]
