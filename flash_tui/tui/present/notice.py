"""The notice row: what needs you, what failed, what just happened. Reserved space, so that nothing is pushed away."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.snapshot import Link, LinkState, NoticeKind, Snapshot
from flash_tui.tui.present.line import Line, Row, Span, blank

_LOOKS = {
    NoticeKind.NEEDS_YOU: ("move-tint", "!", "move"),
    NoticeKind.FAILED: ("bad-tint", "✗", "bad"),
    NoticeKind.PASSING: ("band", "", "soft"),
}


def notice_line(snapshot: Snapshot, target: str, width: int, now: datetime) -> Line:
    """The most urgent: the target that is gone, else the newest that needs you or failed, else what passes by."""
    if snapshot.link.state is LinkState.LOST:
        return _lost(snapshot.link, target, width, now)
    if snapshot.link.state is LinkState.CONNECTING and snapshot.link.reason:
        row = Row(width, "band")
        row.put(4, snapshot.link.reason, "soft")
        return row.line()
    notices = [notice for notice in snapshot.notices if notice.kind is not NoticeKind.PASSING] or list(snapshot.notices)
    if not notices:
        return blank()
    notice, more = notices[-1], len(notices) - 1
    ground, glyph, ink = _LOOKS[notice.kind]
    row = Row(width, ground)
    right: list[Span] = [(f"{more} more   ", "faint")] if more else []
    if notice.key:
        right += [(notice.key, "white b"), (f" {notice.verb}", "faint")]
    row.right(width - 2, *right)
    row.put(2, glyph, ink)
    at = row.put(4, notice.text, "text b" if notice.kind is not NoticeKind.PASSING else "text")
    row.put(at + 2, notice.detail, "soft")
    return row.line()


def subject(target: str) -> str:
    """The target as the beginning of a sentence."""
    return {"local": "Local platform", "runpod": "Runpod"}.get(target, target)


def _lost(link: Link, target: str, width: int, now: datetime) -> Line:
    row = Row(width, "move-tint")
    right: list[Span] = []
    if link.retry_at is not None:
        wait = max(round((link.retry_at - now).total_seconds()), 0)
        right = [(f"retry in {wait} s   " if wait else "trying   ", "soft")]
    row.right(width - 2, *right, ("ctrl+r", "white b"), (" now", "faint"))
    row.put(2, "!", "move")
    since = f" since {link.since.astimezone():%H:%M:%S}." if link.since else "."
    at = row.spans(4, (f"{subject(target)} unreachable", "text b"), (since, "soft"))
    row.put(at + 2, link.reason or "What you see is as of then.", "soft")
    return row.line()
