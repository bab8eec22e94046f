"""What the eye must see before a promotion or a rollback counts: build, what it replaces, changes, the way back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from flash_tui.models.errors import ErrorDocument
from flash_tui.models.human import age, duration, short_digest, size
from flash_tui.models.release import Change, PromotionPlan, StageReport
from flash_tui.models.states import Cause, Outcome, Stage
from flash_tui.tui.present.deployments import took_ms
from flash_tui.tui.present.environment import fact
from flash_tui.tui.present.line import Line, Row, Span, blank
from flash_tui.tui.present.signs import MOVING, spin
from flash_tui.tui.present.text_field import TextField, field_spans
from flash_tui.tui.view import View

COMPACT_HEIGHT = 24
LAST = 5
FIELD_CELLS = 28
SIGNS = {"added": ("+", "ok b"), "removed": ("-", "bad b")}


@dataclass(frozen=True, slots=True)
class ReleaseSheetView:
    """`verb` is `promote` or `rollback`."""

    verb: Cause
    plan: PromotionPlan
    is_protected: bool
    field: TextField
    stop: str
    """What has focus: `name`, `confirm` or `changes`."""
    first_change: int = 0
    outdated: str = ""
    """What changed since the plan was made; then nothing can be confirmed."""
    is_running: bool = False
    error: ErrorDocument | None = None
    report: StageReport | None = None
    """How far the act says it is, for a target whose environments do not say it."""

    @property
    def is_named(self) -> bool:
        return not self.is_protected or self.field.text == self.plan.target


def release_lines(
    sheet: ReleaseSheetView, view: View, width: int, height: int, now: datetime, frame: int
) -> list[Line]:
    is_compact = height < COMPACT_HEIGHT
    value = 15 if is_compact else 18
    head = _head(sheet, view, width, value, now, is_compact=is_compact)
    foot = _foot(sheet, view, width, value, now, frame, is_compact=is_compact)
    room = max(height - 1 - len(head) - len(foot), 1)
    return [*head, *_changes(sheet, width, value, room), *foot]


def _head(
    sheet: ReleaseSheetView, view: View, width: int, value: int, now: datetime, *, is_compact: bool
) -> list[Line]:
    plan = sheet.plan
    spans: list[Span] = [(plan.build.label, "text b")]
    if plan.build.digest:
        spans.append((f"  sha256 {short_digest(plan.build.digest)}", "soft"))
    found = view.snapshot.build(plan.app, plan.build.id)
    if found is not None:
        spans.append((f"  {size(found.size_bytes)}", "faint"))
    source = view.snapshot.environments.get((plan.app, plan.source))
    if sheet.verb is Cause.PROMOTE and source is not None and source.build == plan.build:
        spans.append((f", {age(source.updated_at, now)} in {plan.source}", "faint"))
    lines = [] if is_compact else [blank()]
    lines += [
        fact(width, "build", *spans, value=value),
        fact(width, "replaces", *_replaces(sheet, view, now), value=value),
    ]
    if not is_compact:
        how = "new workers boot, then traffic switches"
        how += f", then {plan.replaces.label} drains" if plan.replaces else ""
        lines.append(fact(width, "how", (how, "soft"), value=value))
    return [*lines, blank()]


def _replaces(sheet: ReleaseSheetView, view: View, now: datetime) -> list[Span]:
    plan = sheet.plan
    if plan.replaces is None:
        return [("nothing, ", "soft"), (f"{plan.target} is empty", "soft")]
    target = view.snapshot.environments.get((plan.app, plan.target))
    spans: list[Span] = [(plan.replaces.label, "text b")]
    if target is not None:
        spans.append((f"  {age(target.updated_at, now)} in {plan.target}", "soft"))
        in_flight = sum(endpoint.jobs.in_progress for endpoint in target.endpoints)
        if in_flight:
            spans.append((f"  {in_flight} job{'s' if in_flight > 1 else ''} in flight will finish", "faint"))
    return spans


def _changes(sheet: ReleaseSheetView, width: int, value: int, room: int) -> list[Line]:
    changes = sheet.plan.changes
    if not changes:
        return [fact(width, "changes", ("none that the manifest tells", "soft"), value=value)]
    first = min(sheet.first_change, max(len(changes) - room, 0))
    hidden = len(changes) - room
    shown = changes[first : first + (room - 1 if hidden > 0 else room)]
    lines = [change_line(change, width, value, "changes" if index == 0 else "") for index, change in enumerate(shown)]
    if hidden > 0:
        more = len(changes) - len(shown)
        hint: tuple[Span, ...] = (("   tab", "white b"), (" to look closer", "faint"))
        if sheet.stop == "changes":
            hint = (("   j k", "white b"), (" move", "faint"))
        lines.append(fact(width, "", (f"  {more} more", "soft"), *hint, value=value))
    return lines


def change_line(change: Change, width: int, value: int, label: str = "") -> Line:
    row = Row(width)
    row.put(4, label, "faint")
    sign, ink = SIGNS.get(change.change, ("~", "text b"))
    row.put(value, sign, ink)
    name = change.name if change.kind == "source" else f"{change.kind} {change.name}"
    row.put(value + 2, name, "text")
    if change.change not in SIGNS:
        row.put(value + 27, change.change, "soft")
    elif change.kind == "source":
        row.put(value + 27, change.change, "faint")
    return row.line()


def _foot(
    sheet: ReleaseSheetView, view: View, width: int, value: int, now: datetime, frame: int, *, is_compact: bool
) -> list[Line]:
    plan = sheet.plan
    lines = [blank()]
    takes = _about(view, plan.app, plan.target, sheet.verb)
    if takes and not is_compact:
        lines.append(fact(width, "takes", (takes[0], "soft"), (f"  {takes[1]}", "faint"), value=value))
    if plan.replaces is not None:
        back = f" returns to {plan.replaces.label}"
        about = _about(view, plan.app, plan.target, Cause.ROLLBACK)
        back += f" in {about[0]}" if about else ""
        lines.append(fact(width, "way back", ("u", "white b"), (back, "soft"), value=value))
    if not is_compact:
        lines.append(fact(width, "same as", (same_as(sheet), "soft"), value=value))
        lines += [blank(), _rule(width)]
    lines.append(blank())
    if sheet.error is not None:
        return lines + _failed(sheet, width)
    if sheet.is_running:
        return lines + _running(sheet, view, width, value, now, frame)
    return lines + _ask(sheet, width)


def same_as(sheet: ReleaseSheetView) -> str:
    """The command that does the same."""
    plan = sheet.plan
    if sheet.verb is Cause.PROMOTE:
        return f"flash-tui promote {plan.source} {plan.target}"
    return f"flash-tui rollback {plan.target} --to {plan.build.label}"


def _about(view: View, app: str, environment: str, cause: Cause) -> tuple[str, str] | None:
    """How long such an act takes here, and how that is known."""
    acts = (act for act in view.snapshot.history(app, environment) if act.cause is cause)
    times = [took for act in acts if act.outcome is Outcome.SUCCEEDED and (took := took_ms(act)) is not None][:LAST]
    if not times:
        return None
    known = f"median of the last {len(times)}" if len(times) > 1 else "as the last one"
    return f"about {duration(median(times))}", known


def _rule(width: int) -> Line:
    row = Row(width)
    row.put(4, "─" * (width - 6), "line")
    return row.line()


def _ask(sheet: ReleaseSheetView, width: int) -> list[Line]:
    if sheet.outdated:
        row = Row(width)
        row.put(2, "!", "move")
        row.spans(4, (sheet.outdated, "move b"), ("  esc, then look again", "soft"))
        return [row.line()]
    lines: list[Line] = []
    column = 24
    if sheet.is_protected:
        lines += [_name_field(sheet, width, column), blank()]
    verb = "Promote to" if sheet.verb is Cause.PROMOTE else "Roll back"
    row = Row(width)
    is_lit = sheet.stop == "confirm"
    at = row.put(column, " Cancel ", "text b@chip")
    at = row.put(at + 1, "esc", "faint") + 3
    label = f" {verb} {sheet.plan.target} "
    at = row.put(at, label, "text b@lit" if is_lit else ("text b@chip" if sheet.is_named else "soft@raise"))
    row.put(at + 1, "enter", "faint")
    return [*lines, row.line()]


def _name_field(sheet: ReleaseSheetView, width: int, column: int) -> Line:
    row = Row(width)
    name, typed = sheet.plan.target, sheet.field.text
    row.spans(4, ("Type ", "text"), (name, "gate b"))
    right, ink = _to_go(name, typed)
    row.right(width - 2, (right, ink))
    lead, before, at, after = field_spans(sheet.field)
    del lead
    ghost = name[len(typed) :] if name.startswith(typed) else ""
    if sheet.stop != "name":
        spans: list[Span] = [(f" {typed}", "white b@bg"), (ghost, "faint@bg")]
    elif sheet.field.at >= len(typed) and ghost:
        spans = [(f" {typed}", "white b@bg"), (ghost[0], "text@fill-white"), (ghost[1:], "faint@bg")]
    else:
        spans = [(" ", "text@bg"), (before[0], "white b@bg"), at, (after[0], "white b@bg")]
    used = sum(len(text) for text, _ in spans)
    row.spans(column, *spans, (" " * max(FIELD_CELLS - used, 1), "text@bg"))
    return row.line()


def _to_go(name: str, typed: str) -> tuple[str, str]:
    if typed == name:
        return "enter", "white b"
    if name.startswith(typed):
        left = len(name) - len(typed)
        return f"{left} letter{'s' if left > 1 else ''} to go", "faint"
    wrong = next((index for index, pair in enumerate(zip(typed, name, strict=False)) if pair[0] != pair[1]), len(name))
    return f"letter {wrong + 1} differs", "bad"


def _running(sheet: ReleaseSheetView, view: View, width: int, value: int, now: datetime, frame: int) -> list[Line]:
    plan = sheet.plan
    environment = view.snapshot.environments.get((plan.app, plan.target))
    act = view.snapshot.running(plan.app, plan.target)
    progress = (environment.progress if environment else None) or sheet.report
    spans: list[Span] = []
    for stage in (Stage.UPLOAD, Stage.BOOT, Stage.HEALTH, Stage.SWITCH):
        if progress is None or progress.stage is not stage:
            is_behind = progress is not None and tuple(Stage).index(stage) < tuple(Stage).index(progress.stage)
            spans += [("✓ " if is_behind else "◌ ", "ok" if is_behind else "faint"), (f"{stage}   ", "soft")]
            continue
        of = f" {progress.done} of {progress.total}" if progress.total else ""
        spans += [(f"{spin(MOVING, frame)} ", "move"), (f"{stage}{of}   ", "move")]
    lines = [fact(width, "under way", *spans, value=value)]
    if act is not None:
        elapsed = duration(max((now - act.started_at).total_seconds() * 1000, 0))
        serves = f"{plan.replaces.label} serves until the switch" if plan.replaces else ""
        lines.append(fact(width, "", (elapsed, "text"), (f"   {serves}", "faint"), value=value))
    lines += [
        blank(),
        fact(
            width, "", ("esc", "white b"), (" leaves it running   ", "faint"), ("x", "white b"), (" cancels", "faint")
        ),
    ]
    return lines


def _failed(sheet: ReleaseSheetView, width: int) -> list[Line]:
    error, plan = sheet.error, sheet.plan
    assert error is not None
    row = Row(width, "bad-tint")
    row.put(2, "✗", "bad")
    row.put(4, error.what.splitlines()[0], "bad b")
    lines = [row.line()]
    lines += [fact(width, "", (text, "soft"), value=4) for text in (error.where, error.hint) if text]
    frames: Sequence[str] = error.traceback.splitlines() if error.traceback else ()
    lines += [fact(width, "", (text, "faint"), value=4) for text in frames]
    if plan.replaces is not None:
        row = Row(width)
        row.put(2, "✓", "ok")
        row.put(4, f"{plan.replaces.label} still serves {plan.target}.", "text b")
        lines += [blank(), row.line()]
    return lines
