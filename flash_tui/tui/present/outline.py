"""The hierarchy as a flat list of visible rows: app → environments → endpoints with workers, volumes; builds.

A row is named by its key, so a cursor can follow it however many rows come and go around it. Rows of an environment
are made once and kept until that environment or its folding changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from flash_tui.models.app import Environment, Pipeline
from flash_tui.models.build import Build
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.human import age
from flash_tui.models.snapshot import Snapshot
from flash_tui.models.states import EndpointKind, EnvironmentState
from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.present.signs import MOVING, Sign, endpoint_sign, environment_sign, spin, worker_sign, workers_up

Key = tuple[str, ...]
"""What a row shows, then its path: `("endpoint", app, environment, name)`."""

FEW_BUILDS = 8
STATE_COLUMN, STATE_FROM_WIDTH = 34, 60
END_EDGE, MIDDLE_EDGE = 2, 11
_NO_SIGN = Sign("", "faint", "")


@dataclass(frozen=True, slots=True)
class OutlineRow:
    key: Key
    depth: int
    name: str
    is_open: bool | None = None
    """None: nothing to fold."""
    name_ink: str = "text"
    sign: Sign = _NO_SIGN
    middle: str = ""
    middle_ink: str = "soft"
    end: str = ""
    since: datetime | None = None
    """Shown as an age at the end, where `end` is empty."""
    end_ink: str = "faint"


class Outline:
    """Builds the visible rows. Holds what is folded out, and rows that may be used again."""

    def __init__(self, pipeline: Pipeline, protected: frozenset[str] = frozenset()) -> None:
        self._pipeline = pipeline
        self._protected = protected
        self._open: dict[Key, bool] = {}
        self._made: dict[Key, tuple[Environment, list[OutlineRow]]] = {}

    def fold(self, key: Key, *, is_open: bool) -> None:
        self._open[key] = is_open
        if len(key) > 2:  # noqa: PLR2004 - kind, app, environment
            self._made.pop(("environment", key[1], key[2]), None)

    def rows(self, snapshot: Snapshot, home_app: str) -> list[OutlineRow]:
        """`home_app` is the app of the project: first, and open from the start."""
        names = sorted(snapshot.apps, key=lambda name: (name != home_app, name))
        first = names[0] if names else home_app
        rows: list[OutlineRow] = []
        for name in names:
            rows += self._app(snapshot, name, is_first=name == first)
        return rows

    def _is_open(self, key: Key, default: bool) -> bool:
        return self._open.setdefault(key, default)

    def _app(self, snapshot: Snapshot, name: str, *, is_first: bool) -> list[OutlineRow]:
        key = ("app", name)
        environments = {environment.name: environment for environment in snapshot.environments_of(name)}
        if not self._is_open(key, is_first):
            return [_closed_app(key, name, environments)]
        rows = [OutlineRow(key, 0, name, is_open=True, name_ink="text b")]
        ordered = self._pipeline.order(tuple(environments))
        for position, environment in enumerate(ordered):
            rows += self._environment(environments[environment], is_first=position == 0)
        rows += self._builds(name, snapshot.builds.get(name, ()))
        return rows

    def _environment(self, environment: Environment, *, is_first: bool) -> list[OutlineRow]:
        key = ("environment", environment.app, environment.name)
        made = self._made.get(key)
        if made is None or made[0] is not environment:
            made = (environment, self._environment_rows(key, environment, is_first=is_first))
            self._made[key] = made
        return made[1]

    def _environment_rows(self, key: Key, environment: Environment, *, is_first: bool) -> list[OutlineRow]:
        has_children = bool(environment.endpoints or environment.volumes)
        is_open = self._is_open(key, is_first) if has_children else None
        is_failed = environment.state is EnvironmentState.FAILED
        is_moving = environment.progress is not None
        rows = [
            OutlineRow(
                key,
                1,
                environment.name,
                is_open=is_open,
                name_ink="gate" if environment.name in self._protected else "text b",
                sign=environment_sign(environment.state),
                middle=environment.build.label if environment.build else "",
                middle_ink="text b",
                end="failed" if is_failed else _progress(environment),
                end_ink="soft" if is_failed or is_moving else "faint",
                since=environment.updated_at if environment.build and not is_moving else None,
            )
        ]
        if is_open:
            for endpoint in environment.endpoints:
                rows += self._endpoint(environment, endpoint)
            if environment.volumes:
                rows += self._volumes(environment)
        return rows

    def _endpoint(self, environment: Environment, endpoint: Endpoint) -> list[OutlineRow]:
        key = ("endpoint", environment.app, environment.name, endpoint.name)
        is_open = self._is_open(key, default=False) if endpoint.workers else None
        rows = [
            OutlineRow(
                key,
                2,
                endpoint.name,
                is_open=is_open,
                sign=endpoint_sign(endpoint),
                middle=_load(endpoint),
                middle_ink="soft" if endpoint.jobs.in_queue else "faint",
                end=f"{workers_up(endpoint)} of {endpoint.workers_max}" if endpoint.state != "cloud_only" else "",
            )
        ]
        if is_open:
            rows += [
                OutlineRow(
                    ("worker", environment.app, environment.name, endpoint.name, worker.id),
                    3,
                    worker.id,
                    name_ink="soft",
                    sign=worker_sign(worker),
                    middle=f"v{worker.build}" if worker.build is not None else "",
                    since=worker.started_at,
                )
                for worker in endpoint.workers
            ]
        return rows

    def _volumes(self, environment: Environment) -> list[OutlineRow]:
        key = ("volumes", environment.app, environment.name)
        is_open = self._is_open(key, default=False)
        rows = [OutlineRow(key, 2, "volumes", is_open=is_open, end=str(len(environment.volumes)))]
        if is_open:
            rows += [
                OutlineRow(
                    ("volume", environment.app, environment.name, volume.id), 3, volume.name, end=f"{volume.size_gb} GB"
                )
                for volume in environment.volumes
            ]
        return rows

    def _builds(self, app: str, builds: tuple[Build, ...]) -> list[OutlineRow]:
        if not builds:
            return []
        key = ("builds", app)
        is_open = self._is_open(key, len(builds) <= FEW_BUILDS)
        rows = [OutlineRow(key, 1, "builds", is_open=is_open, end=str(len(builds)))]
        if is_open:
            rows += [
                OutlineRow(
                    ("build", app, build.id),
                    2,
                    build.label,
                    name_ink="faint" if build.gone else "text",
                    middle="gone" if build.gone else ", ".join(self._pipeline.order(build.runs_in)),
                    middle_ink="faint",
                    since=build.created_at,
                )
                for build in builds
            ]
        return rows


def _closed_app(key: Key, name: str, environments: Mapping[str, Environment]) -> OutlineRow:
    failed = sum(environment.state is EnvironmentState.FAILED for environment in environments.values())
    is_up = any(environment.build for environment in environments.values())
    sign = Sign("✗", "bad", "failed") if failed else Sign("✓", "ok", "deployed") if is_up else _NO_SIGN
    end = f"{failed} failed" if failed else f"{len(environments)} env{'s' if len(environments) != 1 else ''}"
    return OutlineRow(key, 0, name, is_open=False, sign=sign, end=end, end_ink="soft" if failed else "faint")


def _progress(environment: Environment) -> str:
    progress = environment.progress
    return f"{progress.done} of {progress.total}" if progress is not None and progress.total else ""


def _load(endpoint: Endpoint) -> str:
    if endpoint.jobs.in_queue:
        return f"{endpoint.jobs.in_queue} queued"
    if endpoint.state == "cloud_only":
        return "cloud only"
    if not endpoint.workers:
        return "at zero" if endpoint.kind is EndpointKind.QUEUE else ""
    return ""


def outline_line(row: OutlineRow, width: int, ground: str, now: datetime, frame: int, *, is_stale: bool) -> Line:
    """One row of the tree in `width` cells."""
    line = Row(width, ground)
    sign_ink = "faint" if is_stale else row.sign.ink
    glyph = "◌" if is_stale and row.sign.glyph == MOVING else spin(row.sign.glyph, frame)
    line.put(2, glyph, sign_ink)
    column = 4 + 2 * row.depth
    if row.is_open is not None:
        line.put(column, "▾" if row.is_open else "▸", "faint")
    is_selected = ground in {"lift", "raise"} and "b" not in row.name_ink.partition(" ")[2]
    line.put(column + 2, row.name, f"{row.name_ink} b" if is_selected else row.name_ink)
    if width >= STATE_FROM_WIDTH and row.sign.word:
        word, ink = (f"{row.sign.word}*", "faint i") if is_stale else (row.sign.word, sign_ink)
        line.put(STATE_COLUMN, word, ink)
    line.right(width - MIDDLE_EDGE, (row.middle, row.middle_ink))
    end = row.end or (age(row.since, now) if row.since else "")
    line.right(width - END_EDGE, (end, row.end_ink))
    return line.line()
