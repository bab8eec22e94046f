"""What the detail pane says of the row under the tree's cursor, as lines."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from flash_tui.models.build import Build
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.human import age, count, duration, short_digest, size
from flash_tui.models.states import EndpointKind
from flash_tui.tui.present.environment import Size, environment_lines, fact
from flash_tui.tui.present.line import Line, Row, Span, blank
from flash_tui.tui.present.signs import NOTHING, endpoint_sign, environment_sign, job_sign, worker_sign
from flash_tui.tui.present.traffic import dots
from flash_tui.tui.view import View

if TYPE_CHECKING:
    from flash_tui.models.job import Job
    from flash_tui.models.manifest import Manifest

MOST_JOBS = 12


def detail_lines(view: View, size: Size, now: datetime, frame: int) -> list[Line]:
    """For a pane of `size` (width, height)."""
    width = size[0]
    endpoint, build, environment = view.endpoint, view.build, view.environment
    if endpoint is not None:
        return _endpoint_lines(view, endpoint, width, now)
    if build is not None:
        return _build_lines(view, build, width, now)
    of_kind = {"builds": _builds_lines, "volumes": _volume_lines, "volume": _volume_lines, "app": _app_lines}
    if view.kind in of_kind:
        return of_kind[view.kind](view, width, now)
    return environment_lines(view, environment, size, now, frame) if environment else _empty(view, width)


def detail_name(view: View) -> tuple[str, str]:
    """What the detail is of, and what follows the name in the title."""
    endpoint, build = view.endpoint, view.build
    if endpoint is not None:
        return endpoint.name, f"in {view.environment_name}"
    if build is not None:
        return build.label, view.app
    if view.kind == "builds":
        return "builds", view.app
    if view.kind in {"volumes", "volume"}:
        return "volumes", view.environment_name
    if view.kind == "app":
        return view.app, "app"
    return view.environment_name, "overview"


def _heading(width: int, text: str) -> Line:
    row = Row(width)
    row.put(4, text, "faint")
    return row.line()


def _empty(view: View, width: int) -> list[Line]:
    if not view.snapshot.is_known:
        return [blank(), fact(width, "…")]
    return [
        blank(),
        fact(width, "build", ("nothing here yet", "soft")),
        fact(width, "", ("r", "white b"), (" builds and deploys", "soft")),
    ]


def _app_lines(view: View, width: int, now: datetime) -> list[Line]:
    snapshot = view.snapshot
    lines = [blank(), fact(width, "pipeline", (" ▸ ".join(view.stages), "soft"))]
    app = snapshot.apps.get(view.app)
    if app is not None and app.created_at is not None:
        lines.append(fact(width, "made", (f"{app.created_at.astimezone():%Y-%m-%d %H:%M}", "soft")))
    lines.append(fact(width, "builds", (str(len(snapshot.builds.get(view.app, ()))), "soft")))
    lines += [blank(), _heading(width, "environments")]
    for name in view.stages:
        row = Row(width)
        environment = snapshot.environments.get((view.app, name))
        row.put(4, name, "gate" if view.is_protected(name) else "text")
        if environment is None:
            row.put(20, "nothing here yet", "faint")
        else:
            sign = environment_sign(environment.state)
            row.put(2, sign.glyph.replace("⠿", "▸"), sign.ink)
            row.put(20, sign.word, sign.ink)
            row.put(34, environment.build.label if environment.build else NOTHING, "text b")
            row.right(width - 2, (age(environment.updated_at, now), "faint"))
        lines.append(row.line())
    return lines


def _endpoint_lines(view: View, endpoint: Endpoint, width: int, now: datetime) -> list[Line]:
    sign = endpoint_sign(endpoint)
    what = f"{'queue' if endpoint.kind is EndpointKind.QUEUE else 'load-balanced'}, {endpoint.hardware}"
    lines = [
        blank(),
        fact(width, "state", (sign.word, sign.ink), (f"   {what}", "faint"), sign=(sign.glyph, sign.ink)),
        fact(width, "url", (endpoint.url, "soft"), ("   c", "white b"), (" copies it", "faint")),
        fact(width, "", ("i", "white b"), (" invokes it", "faint")),
    ]
    if endpoint.error:
        lines += [blank(), fact(width, "error", (endpoint.error.splitlines()[0], "bad"))]
    lines += [blank(), _traffic(endpoint, width)]
    if endpoint.kind is EndpointKind.QUEUE:
        jobs = endpoint.jobs
        spans: list[Span] = []
        for number, word in (
            (jobs.in_queue, "queued"), (jobs.in_progress, "running"), (jobs.completed, "done"), (jobs.failed, "failed"),
        ):  # fmt: skip
            ink = "bad" if word == "failed" and number else "soft"
            spans += [(count(number), ink), (f" {word}   ", "faint")]
        lines.append(fact(width, "jobs", *spans))
    if endpoint.routes:
        lines += [
            blank(),
            _heading(width, "routes"),
            *(fact(width, "", (route, "text"), value=4) for route in endpoint.routes),
        ]
    lines += [blank(), *_workers(endpoint, width, now)]
    recent = view.snapshot.jobs.get(endpoint.id, ())
    if recent:
        lines += [blank(), _heading(width, "jobs"), *(_job(job, width, now) for job in recent[:MOST_JOBS])]
    return lines


def _traffic(endpoint: Endpoint, width: int) -> Line:
    traffic = endpoint.traffic
    p50 = NOTHING if traffic.p50_ms is None else duration(traffic.p50_ms)
    p95 = NOTHING if traffic.p95_ms is None else duration(traffic.p95_ms)
    spans: list[Span] = [("p50 ", "faint"), (p50, "text"), ("   p95 ", "faint"), (p95, "soft")]
    spans += [("   ", ""), (count(traffic.errors), "bad" if traffic.errors else "soft"), (" errors   ", "faint")]
    return fact(width, "traffic", *spans, *dots(traffic.requests, max(min(width - 62, 30), 8))[0])


def _workers(endpoint: Endpoint, width: int, now: datetime) -> list[Line]:
    row = Row(width)
    row.spans(4, ("workers ", "faint"), (f"{len(endpoint.workers)} of {endpoint.workers_max}", "faint"))
    lines = [row.line()]
    if not endpoint.workers:
        lines.append(fact(width, "", ("at zero; the next request starts one", "soft"), value=4))
    for worker in endpoint.workers:
        sign = worker_sign(worker)
        row = Row(width)
        row.put(2, sign.glyph, sign.ink)
        row.put(4, worker.id, "text")
        row.put(VALUE_STATE, sign.word, sign.ink)
        row.put(32, f"v{worker.build}" if worker.build is not None else "", "text b")
        detail = f"{worker.restarts} restarts" if worker.restarts else (f"pid {worker.pid}" if worker.pid else "")
        row.put(40, worker.error or detail, "bad" if worker.error else "faint")
        if worker.started_at is not None:
            row.right(width - 2, (age(worker.started_at, now), "faint"))
        lines.append(row.line())
    return lines


VALUE_STATE = 18


def _job(job: Job, width: int, now: datetime) -> Line:
    sign = job_sign(job.status)
    row = Row(width)
    row.put(2, sign.glyph, sign.ink)
    row.put(4, job.id[:12], "text")
    row.put(VALUE_STATE, sign.word, sign.ink)
    row.right(41, (duration(job.execution_ms) if job.execution_ms is not None else "", "soft"))
    row.put(45, (job.error or "").splitlines()[0] if job.error else (job.worker or ""), "bad" if job.error else "faint")
    row.right(width - 2, (age(job.created_at, now), "faint"))
    return row.line()


def _build_lines(view: View, build: Build, width: int, now: datetime) -> list[Line]:
    made = f"{build.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
    where = ", ".join(view.settings.pipeline.order(build.runs_in)) or "nowhere"
    lines = [
        blank(),
        fact(width, "digest", (f"sha256 {short_digest(build.digest)}" if build.digest else NOTHING, "soft")),
        fact(width, "size", (size(build.size_bytes), "soft")),
        fact(width, "made", (made, "soft"), (f"  {age(build.created_at, now)}", "faint")),
        fact(width, "runs in", (where, "text" if build.runs_in else "soft")),
    ]
    if build.gone:
        lines.append(fact(width, "", ("its artifact was collected; it cannot be put back", "move")))
    manifest = view.snapshot.manifests.get(build.id)
    if manifest is not None:
        lines += [blank(), _heading(width, "resources"), *_manifest_lines(manifest, width)]
    return lines


def _manifest_lines(manifest: Manifest, width: int) -> list[Line]:
    lines: list[Line] = []
    for name, resource in sorted(manifest.resources.items()):
        row = Row(width)
        row.put(4, name, "text")
        row.put(20, "queue" if resource.kind is EndpointKind.QUEUE else "load-balanced", "soft")
        row.put(36, resource.gpu_ids or "cpu", "soft")
        row.put(46, f"{resource.workers_min} to {resource.workers_max} workers", "soft")
        row.right(width - 2, (resource.file_path.rsplit("/", 1)[-1], "faint"))
        lines.append(row.line())
        lines += [fact(width, "", (route, "faint"), value=20) for route in resource.routes]
    if manifest.python_version:
        lines += [blank(), fact(width, "python", (manifest.python_version, "soft"))]
    return lines


def _builds_lines(view: View, width: int, now: datetime) -> list[Line]:
    lines = [blank()]
    for build in view.snapshot.builds.get(view.app, ()):
        row = Row(width)
        row.put(4, build.label, "faint" if build.gone else "text b")
        row.put(12, f"sha256 {short_digest(build.digest)}" if build.digest else "", "soft")
        row.right(42, (size(build.size_bytes), "soft"))
        row.put(45, "gone" if build.gone else ", ".join(view.settings.pipeline.order(build.runs_in)), "faint")
        row.right(width - 2, (age(build.created_at, now), "faint"))
        lines.append(row.line())
    return lines


def _volume_lines(view: View, width: int, now: datetime) -> list[Line]:
    del now
    volumes = view.environment.volumes if view.environment else ()
    facts = [((f"{volume.size_gb} GB", "soft"), (f"   {volume.data_center}", "faint")) for volume in volumes]
    return [blank(), *(fact(width, one.name, *spans, value=24) for one, spans in zip(volumes, facts, strict=True))]
