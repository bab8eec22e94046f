"""What the watch is doing, folded from its event lines: the dev-loop line shows nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from flash_tui.models.errors import ErrorDocument

if TYPE_CHECKING:
    from flash_tui.models.watch_events import WatchEvent

MAX_SAVES = 40


class WatchPhase(StrEnum):
    OFF = "off"
    STARTING = "starting"
    WATCHING = "watching"
    BUILDING = "building"
    DEPLOYING = "deploying"
    LIVE = "live"
    FAILED = "failed"
    PAUSED = "paused"
    WAITING = "waiting"
    """Saves are held until the platform is back."""


@dataclass(frozen=True, slots=True)
class Save:
    """How one save ended."""

    at: datetime
    paths: tuple[str, ...]
    elapsed_ms: float | None
    version: int | None
    """What it put live, or None if it failed."""
    stages_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    stage: str | None = None
    """Where it failed."""
    error: ErrorDocument | None = None


@dataclass(frozen=True, slots=True)
class WatchView:
    phase: WatchPhase = WatchPhase.OFF
    environment: str = ""
    files: int | None = None
    paths: tuple[str, ...] = ()
    """Of the save under way, or of the last one; while paused or held, all that waits."""
    since: datetime | None = None
    """When the present phase began; for `live` and `failed`, when the save ended."""
    saved_at: datetime | None = None
    version: int | None = None
    """What serves."""
    elapsed_ms: float | None = None
    stages_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    stage: str | None = None
    error: ErrorDocument | None = None
    excerpt: tuple[tuple[int, str], ...] = ()
    """Lines of source around the failure, numbered; read when it failed, since the file moves on."""
    reason: str = ""
    notes: tuple[str, ...] = ()
    """What a person should know about the last build."""
    saves: tuple[Save, ...] = ()
    """Newest first, at most `MAX_SAVES`."""

    @property
    def moves(self) -> bool:
        return self.phase in {WatchPhase.BUILDING, WatchPhase.DEPLOYING}

    @property
    def is_paused(self) -> bool:
        return self.phase is WatchPhase.PAUSED

    def with_wish(self, now: datetime) -> WatchView:
        """A deploy was asked for; shown at once, before the watch says anything."""
        return self if self.moves else replace(self, phase=WatchPhase.BUILDING, saved_at=now, since=now, stages_ms={})

    def with_event(self, event: WatchEvent) -> WatchView:
        """The view after one line of the watch; an event this version does not know changes nothing."""
        fold = _FOLDS.get(event.event)
        return fold(self, event) if fold else self


def _ready(view: WatchView, event: WatchEvent) -> WatchView:
    return replace(
        view,
        phase=WatchPhase.WATCHING,
        environment=event.environment or view.environment,
        files=event.files,
        since=event.at,
        version=event.version,
    )


def _change(view: WatchView, event: WatchEvent) -> WatchView:
    paths = event.paths or ()
    if view.is_paused:
        return replace(view, paths=tuple(dict.fromkeys((*view.paths, *paths))))
    return replace(
        view,
        phase=WatchPhase.BUILDING,
        paths=paths,
        since=event.at,
        saved_at=event.at,
        stages_ms={},
        stage=None,
        error=None,
        excerpt=(),
        elapsed_ms=None,
    )


def _build(view: WatchView, event: WatchEvent) -> WatchView:
    stages = {**view.stages_ms, **(event.stages_ms or {})}
    return replace(view, phase=WatchPhase.BUILDING, stages_ms=stages, notes=event.notes or ())


def _deploy(view: WatchView, event: WatchEvent) -> WatchView:
    stages = {**view.stages_ms, **(event.stages_ms or {})}
    saved_at = view.saved_at if view.moves else event.at
    return replace(view, phase=WatchPhase.DEPLOYING, stages_ms=stages, saved_at=saved_at)


def _live(view: WatchView, event: WatchEvent) -> WatchView:
    paths = event.paths if event.paths is not None else view.paths
    save = Save(event.at, paths, event.elapsed_ms, event.version, event.stages_ms or {})
    return replace(
        view,
        phase=WatchPhase.LIVE,
        paths=paths,
        since=event.at,
        version=event.version,
        elapsed_ms=event.elapsed_ms,
        stages_ms=event.stages_ms or {},
        stage=None,
        error=None,
        excerpt=(),
        saves=(save, *view.saves)[:MAX_SAVES],
    )


def _failed(view: WatchView, event: WatchEvent) -> WatchView:
    paths = event.paths if event.paths is not None else view.paths
    stages = event.stages_ms if event.stages_ms is not None else view.stages_ms
    save = Save(event.at, paths, event.elapsed_ms, None, stages, event.stage, event.error)
    return replace(
        view,
        phase=WatchPhase.FAILED,
        paths=paths,
        since=event.at,
        version=event.version if event.version is not None else view.version,
        elapsed_ms=event.elapsed_ms,
        stages_ms=stages,
        stage=event.stage,
        error=event.error,
        excerpt=(),
        saves=(save, *view.saves)[:MAX_SAVES],
    )


def _paused(view: WatchView, event: WatchEvent) -> WatchView:
    return replace(view, phase=WatchPhase.PAUSED, since=event.at, paths=(), reason=event.reason or "")


def _resumed(view: WatchView, event: WatchEvent) -> WatchView:
    return replace(view, phase=WatchPhase.WATCHING, since=event.at, reason="")


def _waiting(view: WatchView, event: WatchEvent) -> WatchView:
    return replace(view, phase=WatchPhase.WAITING, since=event.at, reason=event.reason or "")


def _unchanged(view: WatchView, event: WatchEvent) -> WatchView:
    return replace(view, phase=WatchPhase.WATCHING, since=event.at, reason=event.reason or "")


_FOLDS = {
    "ready": _ready,
    "change": _change,
    "build": _build,
    "deploy": _deploy,
    "live": _live,
    "failed": _failed,
    "paused": _paused,
    "resumed": _resumed,
    "waiting": _waiting,
    "unchanged": _unchanged,
}

NOT_WATCHING = WatchView()
