"""Deployments as a table: one row each, a ruled line where the day changes, the stages as a bar on a log scale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from math import log

from flash_tui.models.deployment import Deployment
from flash_tui.models.human import age, duration
from flash_tui.models.states import Outcome, Stage
from flash_tui.tui.present.deployments import before, note, took_ms, verdict
from flash_tui.tui.present.line import Line, Row, Span
from flash_tui.tui.present.signs import outcome_sign, spin

WIDE = 110
SHORTEST_MS, LONGEST_MS = 20.0, 10_000.0
BAR_CELLS = 22
_BOOT = tuple(Stage).index(Stage.BOOT)

Entry = Deployment | date
"""A deployment, or the day that begins below."""


def entries(acts: Sequence[Deployment], today: date) -> list[Entry]:
    """Acts, newest first, with a day before the first act of each day but the newest."""
    found: list[Entry] = []
    day: date | None = None
    for act in acts:
        on = act.started_at.astimezone().date()
        if on != day and (day is not None or on != today):
            found.append(on)
        day = on
        found.append(act)
    return found


def day_name(day: date, today: date) -> str:
    if day == today - timedelta(days=1):
        return "yesterday"
    return f"{day.day} {day:%B}" if day.year == today.year else day.isoformat()


def heads(width: int) -> Line:
    row = Row(width)
    row.put(4, "build", "faint")
    row.put(13, "environment", "faint")
    row.put(27, "cause", "faint")
    if width >= WIDE:
        row.put(38, "before", "faint")
        row.right(58, ("took", "faint"))
        row.put(62, "stages", "faint")
        row.put(86, "note", "faint")
    else:
        row.right(46, ("took", "faint"))
        row.put(49, "note", "faint")
    row.right(width - 2, ("when", "faint"))
    return row.line()


def day_line(day: date, today: date, width: int) -> Line:
    row = Row(width)
    at = row.put(4, day_name(day, today), "faint")
    row.put(at + 2, "─" * max(width - 4 - at, 0), "line")
    return row.line()


def act_line(act: Deployment, width: int, ground: str, now: datetime, frame: int, *, is_protected: bool) -> Line:
    row = Row(width, ground)
    sign = outcome_sign(act.outcome)
    row.put(2, spin(sign.glyph, frame), sign.ink)
    row.put(4, *verdict(act))
    row.put(13, act.environment, "gate" if is_protected else "text")
    row.put(27, str(act.cause), "soft")
    took = took_ms(act)
    shown = duration(took) if took is not None else ""
    note_ink = "bad" if act.outcome is Outcome.FAILED else "faint"
    if width >= WIDE:
        word, build = before(act)
        row.spans(38, (build, "soft"), (" kept" if word.startswith("kept") else "", "faint"))
        row.right(58, (shown, "soft"))
        row.spans(62, *stage_bar(act))
        row.put(86, note(act), note_ink)
    else:
        row.right(46, (shown, "soft"))
        row.put(49, note(act), note_ink)
    row.right(width - 2, (age(act.ended_at or act.started_at, now), "faint"))
    return row.line()


def stage_bar(act: Deployment) -> list[Span]:
    """Two tones: before boot, from boot on; what failed is `bad`."""
    took = took_ms(act)
    if took is None:
        return []
    cells = _cells(took)
    early = sum(ms for stage, ms in act.timings_ms.items() if stage in _EARLY)
    first = min(_cells(early), cells - 1) if early else min(cells // 4, cells - 1)
    return [("━" * first, "rail"), ("━" * (cells - first), "bad" if act.outcome is Outcome.FAILED else "soft")]


_EARLY = {stage.value for stage in tuple(Stage)[:_BOOT]}


def _cells(ms: float) -> int:
    share = log(min(max(ms, SHORTEST_MS), LONGEST_MS) / SHORTEST_MS) / log(LONGEST_MS / SHORTEST_MS)
    return max(round(share * BAR_CELLS), 1)


def more_lines(act: Deployment, width: int) -> list[Line]:
    """The row under the cursor in full: when, its stages, why it failed."""
    row = Row(width)
    build = act.to_build.label if act.to_build else "nothing"
    at = row.put(4, f"{build} to {act.environment}", "text b")
    ended = f" to {act.ended_at.astimezone():%H:%M:%S}" if act.ended_at else ", still running"
    row.put(at + 2, f"{act.cause}, {act.started_at.astimezone():%Y-%m-%d %H:%M:%S}{ended}", "faint")
    lines = [row.line()]
    if act.timings_ms:
        stages = Row(width)
        spans: list[Span] = []
        for stage in Stage:
            if stage in act.timings_ms:
                spans += [(f"{stage} ", "faint"), (f"{act.timings_ms[stage]:.0f}", "soft"), ("   ", "")]
        stages.spans(4, *spans)
        lines.append(stages.line())
    if act.error is not None:
        for index, text in enumerate((note(act), *(act.error.traceback or act.error.hint).splitlines())):
            failed = Row(width)
            failed.put(4, text, "bad b" if index == 0 else "faint")
            lines.append(failed.line())
    return lines
