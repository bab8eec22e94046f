"""The dev-loop line: what the last save came to, stage by stage. One row that never grows and never moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from statistics import median

from flash_tui.models.app import Environment
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.human import age, duration
from flash_tui.models.states import Stage
from flash_tui.models.watch_view import Save, WatchPhase, WatchView
from flash_tui.tui.present.line import Line, Row, Span
from flash_tui.tui.present.signs import MOVING, spin
from flash_tui.tui.present.traffic import dots

STAGES = tuple(Stage)
EARLY = frozenset(STAGES[: STAGES.index(Stage.BOOT)])
"""Before boot."""
BAR_COLUMN, BAR_CELLS = 44, 90
STAGES_FROM_WIDTH = 100
MOST_STAGES_SHOWN = 3
RECENT = 20
DOTS = 10


def dev_loop_lines(
    watch: WatchView, environment: Environment | None, width: int, height: int, now: datetime, frame: int
) -> list[Line]:
    """One row; in two, stage bar and figures of the last save stand below each other."""
    row = Row(width, "bad-tint" if watch.phase is WatchPhase.FAILED else "band")
    if height > 1 and watch.phase is WatchPhase.LIVE:
        watch, stages = replace(watch, stages_ms={}), watch.stages_ms
        _TELL[watch.phase](row, watch, environment, now, frame)
        row.spans(BAR_COLUMN, *stage_bar(stages, min(width - 2 * BAR_COLUMN - 20, BAR_CELLS)))
        watch = replace(watch, stages_ms=stages)
    else:
        _TELL[watch.phase](row, watch, environment, now, frame)
    return [row.line()] if height == 1 else [row.line(), _second(watch, width, row.ground)]


def stage_bar(stages_ms: Mapping[str, float], cells: int, failed: str | None = None) -> list[Span]:
    """Time before boot and from boot on, in two tones, to scale; what failed is `bad`."""
    whole = sum(stages_ms.values())
    if whole <= 0 or cells <= 1:
        return []
    early = sum(ms for stage, ms in stages_ms.items() if stage in EARLY)
    first = min(max(round(early / whole * cells), 1), cells - 1)
    return [("━" * first, "rail"), ("━" * (cells - first), "bad" if failed else "soft")]


def file_names(paths: tuple[str, ...], most: int = 2) -> str:
    """`api.py, sizes.py`, `api.py and 4 more`."""
    names = [path.rsplit("/", 1)[-1] for path in paths]
    if len(names) <= most:
        return ", ".join(names)
    return f"{names[0]} and {len(names) - 1} more"


def place(error: ErrorDocument | None) -> str:
    """`resize.py:31`."""
    if error is None or not error.file:
        return ""
    name = error.file.rsplit("/", 1)[-1]
    return f"{name}:{error.line}" if error.line else name


def _off(row: Row, watch: WatchView, environment: Environment | None, now: datetime, frame: int) -> None:
    del environment, now, frame
    row.put(4, watch.reason or "not watching", "faint")


def _starting(row: Row, watch: WatchView, environment: Environment | None, now: datetime, frame: int) -> None:
    del watch, environment, now, frame
    row.put(2, "◌", "faint")
    row.put(4, "starting the watch", "faint")


def _watching(row: Row, watch: WatchView, environment: Environment | None, now: datetime, frame: int) -> None:
    del now, frame
    row.put(2, "◌", "faint")
    files = f"watching {watch.files} files" if watch.files is not None else "watching"
    at = row.put(4, files, "soft")
    hint = watch.reason or ("save one" if environment and environment.build else "a save or r deploys")
    row.put(at + 2, hint, "faint")
    _median(row, watch.saves)


def _moving(row: Row, watch: WatchView, environment: Environment | None, now: datetime, frame: int) -> None:
    row.put(2, spin(MOVING, frame), "move")
    at = row.put(4, "saving" if watch.paths else "deploying", "text b")
    at = row.put(at + 2, file_names(watch.paths), "soft")
    end = row.width - 2
    if watch.saved_at is not None:
        end = row.right(end, (duration(max((now - watch.saved_at).total_seconds() * 1000, 0)), "soft"))
    progress = environment.progress if environment else None
    under_way = progress.stage if progress else (Stage.DISCOVER if watch.phase is WatchPhase.BUILDING else Stage.UPLOAD)
    spans: list[Span] = []
    for stage in STAGES:
        if stage is Stage.INSTALL and stage not in watch.stages_ms and under_way is not stage:
            continue
        if stage in watch.stages_ms:
            spans += [("✓ ", "ok"), (f"{stage} ", "soft"), (f"{watch.stages_ms[stage]:.0f}", "faint")]
        elif stage is under_way:
            of = f" {progress.done} of {progress.total}" if progress and progress.total else ""
            spans += [(f"{spin(MOVING, frame)} ", "move"), (f"{stage}{of}", "move")]
        elif STAGES.index(stage) > STAGES.index(under_way):
            spans += [("◌ ", "faint"), (str(stage), "faint")]
        else:
            continue
        spans.append(("  ", ""))
    room = end - at - 4
    if row.width < STAGES_FROM_WIDTH:
        spans = [span for span in spans if span[1] == "move"]
    while spans and sum(len(text) for text, _ in spans) > room:
        spans = spans[1:]
    row.spans(at + 3, *spans)


def _live(row: Row, watch: WatchView, environment: Environment | None, now: datetime, frame: int) -> None:
    del environment, frame
    row.put(2, "✓", "ok")
    took = duration(watch.elapsed_ms) if watch.elapsed_ms is not None else ""
    at = row.put(4, f"live in {took}" if took else f"v{watch.version} live", "text b")
    when = f"{age(watch.since, now)} ago".replace("now ago", "now") if watch.since else ""
    files = file_names(watch.paths)
    at = row.put(at + 3, ", ".join(part for part in (files, when) if part), "faint")
    end = _median(row, watch.saves)
    if row.width >= STAGES_FROM_WIDTH:
        stages = _slowest(watch.stages_ms, watch.elapsed_ms)
        if sum(len(text) for text, _ in stages) <= end - at - 6:
            row.spans(at + 4, *stages)


def _failed(row: Row, watch: WatchView, environment: Environment | None, now: datetime, frame: int) -> None:
    del now, frame
    serves = environment.build.label if environment and environment.build else None
    spans: list[Span] = [(f"{serves} still serves", "soft")] if serves else []
    if watch.error is not None and watch.error.file:
        spans += [("   e", "white b"), (" edit", "faint")]
    row.right(row.width - 2, *spans)
    row.put(2, "✗", "bad")
    at = row.put(4, "save failed", "text b")
    what = watch.error.what if watch.error else f"in {watch.stage}"
    row.put(at + 2, " ".join(part for part in (place(watch.error), what) if part), "bad")


def _paused(row: Row, watch: WatchView, environment: Environment | None, now: datetime, frame: int) -> None:
    del environment, now, frame
    row.right(row.width - 2, ("a", "white b"), (" resume   ", "faint"), ("r", "white b"), (" deploy now", "faint"))
    row.put(2, "!", "move")
    at = row.put(4, "watch paused", "text b")
    if watch.paths:
        since = f" since {watch.since.astimezone():%H:%M}" if watch.since else ""
        changed = f"{len(watch.paths)} file{'s' if len(watch.paths) != 1 else ''} changed{since}"
        at = row.put(at + 2, changed, "soft")
        row.put(at + 2, "not deployed", "faint")
    else:
        row.put(at + 2, watch.reason, "faint")


def _waiting(row: Row, watch: WatchView, environment: Environment | None, now: datetime, frame: int) -> None:
    del environment, now, frame
    row.right(row.width - 2, ("ctrl+r", "white b"), (" retry", "faint"))
    row.put(2, "!", "move")
    at = row.put(4, "save held" if watch.paths else "watch waits", "text b")
    at = row.put(at + 2, file_names(watch.paths), "soft") if watch.paths else at
    row.put(at + 2, watch.reason or "goes out when the platform is back", "faint")


_TELL = {
    WatchPhase.OFF: _off,
    WatchPhase.STARTING: _starting,
    WatchPhase.WATCHING: _watching,
    WatchPhase.BUILDING: _moving,
    WatchPhase.DEPLOYING: _moving,
    WatchPhase.LIVE: _live,
    WatchPhase.FAILED: _failed,
    WatchPhase.PAUSED: _paused,
    WatchPhase.WAITING: _waiting,
}


def _slowest(stages_ms: Mapping[str, float], elapsed_ms: float | None) -> list[Span]:
    """The three slowest stages and the rest in one word."""
    slow = sorted(stages_ms.items(), key=lambda item: -item[1])[:MOST_STAGES_SHOWN]
    spans: list[Span] = []
    for stage, ms in slow:
        spans += [(f"{stage} ", "faint"), (f"{ms:.0f}", "soft"), ("  ", "")]
    rest = (elapsed_ms or 0) - sum(ms for _, ms in slow)
    if slow and rest >= 1:
        spans += [("other ", "faint"), (f"{rest:.0f}", "soft")]
    return spans


def _median(row: Row, saves: tuple[Save, ...]) -> int:
    """The median of the last live saves at the right edge; the column where it begins."""
    times = [save.elapsed_ms for save in saves if save.elapsed_ms is not None and save.version is not None][:RECENT]
    end = row.width - 2
    if len(times) < 2:  # noqa: PLR2004 - one is no median
        return end
    spans: list[Span] = [("median ", "faint"), (duration(median(times)), "soft")]
    if row.width >= STAGES_FROM_WIDTH:
        trace = dots([round(ms) for ms in reversed(times)], DOTS)[0]
        spans = [(f"last {len(times)} ", "faint"), *trace, (" ", ""), *spans]
    return row.right(end, *spans)


def _second(watch: WatchView, width: int, ground: str) -> Line:
    """All stages of the last save, in order, with their times in ms."""
    row = Row(width, ground)
    spans: list[Span] = []
    for stage in STAGES:
        if stage in watch.stages_ms:
            ink = "bad" if stage == watch.stage else "faint"
            spans += [(f"{stage} ", ink), (f"{watch.stages_ms[stage]:.0f}", "soft"), ("   ", "")]
    row.spans(BAR_COLUMN, *spans)
    failed = sum(save.version is None for save in watch.saves)
    if watch.saves:
        saves = f"{len(watch.saves)} saves" if len(watch.saves) > 1 else "1 save"
        row.right(width - 2, (f"last {saves}, {failed} failed", "faint"))
    return row.line()
