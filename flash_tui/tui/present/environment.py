"""An environment at a glance: what serves, how it came there, the way back; endpoints; last deployments."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.app import Environment
from flash_tui.models.deployment import Deployment
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.human import age, duration, short_digest, size
from flash_tui.models.states import EndpointKind, EnvironmentState
from flash_tui.models.watch_view import WatchPhase
from flash_tui.tui.present.deployments import short_line, took_ms
from flash_tui.tui.present.dev_loop import place
from flash_tui.tui.present.failure import failed_save_lines, saves_lines
from flash_tui.tui.present.line import Line, Row, Span, blank
from flash_tui.tui.present.signs import NOTHING, endpoint_sign, workers_up
from flash_tui.tui.present.traffic import dots
from flash_tui.tui.view import View

Size = tuple[int, int]
"""Width and height."""
VALUE = 15
LAST_DEPLOYMENTS = 8
DOTS_FROM_WIDTH, TIMES_FROM_WIDTH = 76, 60


def environment_lines(view: View, environment: Environment, size: Size, now: datetime, frame: int) -> list[Line]:
    """In a pane of `size` (width, height): the longer it is, the longer the lists at its end."""
    width, height = size
    watch = view.snapshot.watch
    is_watched = environment.app == view.settings.app and environment.name == watch.environment
    lines = [blank()]
    if is_watched and watch.phase is WatchPhase.FAILED:
        serves = environment.build.label if environment.build else None
        lines += [*failed_save_lines(watch, serves, environment.name, width), blank()]
        environment = environment.model_copy(update={"error": None})
    lines += _facts(view, environment, width, now)
    if environment.endpoints:
        lines += [blank(), _endpoint_heads(width)]
        stale = view.snapshot.link.is_stale
        lines += [_endpoint(endpoint, width, is_stale=stale) for endpoint in environment.endpoints]
    room = max(height - len(lines) - 4, LAST_DEPLOYMENTS)
    has_saves = is_watched and bool(watch.saves) and room >= 2 * LAST_DEPLOYMENTS
    most = room // 2 if has_saves else room
    acts = list(view.snapshot.history(environment.app, environment.name))[:most]
    if acts:
        heading = Row(width)
        heading.put(4, "deployments", "faint")
        lines += [blank(), heading.line()]
        lines += [short_line(act, width, now, frame, is_stale=view.snapshot.link.is_stale) for act in acts]
    if has_saves:
        lines += [blank(), *saves_lines(watch.saves, width, max(room - len(acts) - 2, 1))]
    return lines


def fact(width: int, label: str, *spans: Span, value: int = VALUE, sign: Span = ("", "")) -> Line:
    """A label and its value."""
    row = Row(width)
    row.put(2, *sign)
    row.put(4, label, "faint")
    row.spans(value, *spans)
    return row.line()


def _facts(view: View, environment: Environment, width: int, now: datetime) -> list[Line]:
    build = environment.build
    if build is None:
        lines = _nothing(view, environment, width)
        return lines + (_failure(environment, width) if environment.error else [])
    found = view.snapshot.build(environment.app, build.id)
    spans: list[Span] = [(build.label, "text b")]
    if build.digest:
        spans.append((f"  sha256 {short_digest(build.digest)}", "soft"))
    if found is not None:
        made = f"{found.created_at.astimezone():%H:%M:%S}" if _is_today(found.created_at, now) else ""
        spans.append((f"  {size(found.size_bytes)}" + (f", made {made}" if made else ""), "faint"))
    lines = [fact(width, "build", *spans)]
    last = view.snapshot.last_good(environment.app, environment.name)
    if last is not None:
        lines.append(fact(width, "put here", *_put_here(last, now)))
    previous = environment.previous_build
    if previous is not None:
        lines.append(
            fact(width, "before", (previous.label, "text b"), ("   u", "white b"), (" returns to it", "faint"))
        )
    if environment.state is EnvironmentState.FAILED and environment.error is not None:
        lines += [blank(), *_failure(environment, width)]
    return lines


def _nothing(view: View, environment: Environment, width: int) -> list[Line]:
    stages = view.settings.pipeline.stages
    first = stages[0]
    hint: tuple[Span, ...]
    if environment.name == first or environment.name not in stages:
        hint = (("r", "white b"), (f" builds and deploys to {first}", "soft"))
    else:
        source = stages[stages.index(environment.name) - 1]
        hint = (("p", "white b"), (f" on {source} promotes its build here", "soft"))
    return [fact(width, "build", ("nothing here yet", "soft")), fact(width, "", *hint)]


def _failure(environment: Environment, width: int) -> list[Line]:
    error = environment.error
    assert error is not None
    lines = [fact(width, "", sign=("✗", "bad"))]
    row = Row(width)
    row.put(2, "✗", "bad")
    row.put(4, error.what.splitlines()[0], "bad b")
    lines = [row.line()]
    where = place(error) or error.where
    if where:
        row = Row(width)
        at = row.put(4, where, "soft u")
        if place(error):
            row.spans(at + 3, ("e", "white b"), (" edit there", "faint"))
        lines.append(row.line())
    if environment.build is not None:
        row = Row(width)
        row.put(2, "✓", "ok")
        row.spans(4, (f"{environment.build.label} still serves {environment.name}.", "text b"))
        lines.append(row.line())
    if error.hint:
        row = Row(width)
        row.put(4, error.hint, "faint")
        lines.append(row.line())
    return lines


def _put_here(act: Deployment, now: datetime) -> list[Span]:
    spans: list[Span] = [(f"by {act.cause}", "soft")]
    if act.note:
        spans += [(" of " if act.cause == "save" else " ", "soft"), (act.note, "soft")]
    since = age(act.ended_at or act.started_at, now)
    spans.append((f", {since} ago" if since != "now" else ", now", "soft"))
    took = took_ms(act)
    if took is not None:
        spans += [(", live in ", "soft"), (duration(took), "text")]
    return spans


def _is_today(at: datetime, now: datetime) -> bool:
    return at.astimezone().date() == now.astimezone().date()


def _endpoint_heads(width: int) -> Line:
    row = Row(width)
    row.put(4, "endpoint", "faint")
    row.put(VALUE, "kind", "faint")
    row.right(36, ("workers", "faint"))
    row.right(43, ("queue", "faint"))
    if width >= TIMES_FROM_WIDTH:
        row.right(52, ("p50", "faint"))
        row.right(61, ("p95", "faint"))
    if width >= DOTS_FROM_WIDTH:
        row.put(64, "last 10 min", "faint")
    return row.line()


def _endpoint(endpoint: Endpoint, width: int, *, is_stale: bool) -> Line:
    row = Row(width)
    sign = endpoint_sign(endpoint)
    row.put(2, sign.glyph, "faint" if is_stale else sign.ink)
    row.put(4, endpoint.name, "text")
    kind = "queue" if endpoint.kind is EndpointKind.QUEUE else "load-balanced"
    row.put(VALUE, kind if endpoint.hardware == "cpu" else f"{kind}, GPU", "soft")
    if endpoint.state == "cloud_only":
        row.put(31, "runs in the cloud only", "faint")
        return row.line()
    row.right(36, (f"{workers_up(endpoint)} of {endpoint.workers_max}", "soft"))
    if endpoint.kind is EndpointKind.QUEUE:
        row.right(43, (str(endpoint.jobs.in_queue), "soft"))
    if width >= TIMES_FROM_WIDTH:
        row.right(52, (_time(endpoint.traffic.p50_ms), "text"))
        row.right(61, (_time(endpoint.traffic.p95_ms), "soft"))
    if width >= DOTS_FROM_WIDTH:
        row.spans(64, *dots(endpoint.traffic.requests, min(width - 66, 30))[0])
    return row.line()


def _time(ms: float | None) -> str:
    return NOTHING if ms is None else duration(ms)
