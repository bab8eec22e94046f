"""Deployments as rows: in an environment's overview, and as the history of an environment or an app."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.deployment import Deployment
from flash_tui.models.human import age, duration
from flash_tui.models.states import Cause, Outcome
from flash_tui.tui.present.dev_loop import place
from flash_tui.tui.present.line import Line, Row
from flash_tui.tui.present.signs import outcome_sign, spin

NOTE_FROM_WIDTH = 64


def took_ms(act: Deployment) -> float | None:
    return (act.ended_at - act.started_at).total_seconds() * 1000 if act.ended_at else None


def verdict(act: Deployment) -> tuple[str, str]:
    """The build that came to serve, or what became of the act; and its ink."""
    build = act.to_build.label if act.to_build else "nothing"
    match act.outcome:
        case Outcome.SUCCEEDED | None:
            return build, "text b"
        case Outcome.FAILED:
            return "failed", "bad"
        case _:
            return build, "soft"


def before(act: Deployment) -> tuple[str, str]:
    """`after v12`: what it replaced; `kept v12`: what went on serving."""
    if act.from_build is None:
        return "", ""
    is_kept = act.outcome not in {Outcome.SUCCEEDED, None}
    return ("kept " if is_kept else "after "), act.from_build.label


def note(act: Deployment) -> str:
    """Why it failed, else what set it off."""
    if act.error is not None:
        return " ".join(part for part in (place(act.error), act.error.what.splitlines()[0]) if part)
    if act.note:
        return act.note
    return "" if act.cause is not Cause.OBSERVED else "seen from outside"


def short_line(act: Deployment, width: int, now: datetime, frame: int, *, is_stale: bool = False) -> Line:
    """A deployment in an overview."""
    row = Row(width)
    sign = outcome_sign(act.outcome)
    row.put(2, spin(sign.glyph, frame), "faint" if is_stale else sign.ink)
    row.put(4, *verdict(act))
    row.put(12, str(act.cause), "soft")
    word, build = before(act)
    row.spans(22, (word, "faint"), (build, "soft"))
    took = took_ms(act)
    row.right(41, (duration(took) if took is not None else "", "soft"))
    if width >= NOTE_FROM_WIDTH:
        row.put(45, note(act), "faint")
    row.right(width - 2, (age(act.ended_at or act.started_at, now), "faint"))
    return row.line()
