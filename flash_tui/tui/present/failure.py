"""A failed save: what, where, the lines around it, what still works, what to press, the stages."""

from __future__ import annotations

import re

from flash_tui.models.human import duration
from flash_tui.models.states import Stage
from flash_tui.models.watch_view import Save, WatchView
from flash_tui.tui.present.dev_loop import file_names, place
from flash_tui.tui.present.line import Line, Row, Span, blank

MOST_FRAMES = 12
MOST_SAVES = 8
_NAME = re.compile(r"'([^']{1,60})'")


def failed_save_lines(watch: WatchView, serves: str | None, environment: str, width: int) -> list[Line]:
    """What the overview of the watched environment begins with while the last save has failed."""
    error = watch.error
    first = Row(width)
    first.put(2, "✗", "bad")
    stage = f"{watch.stage}, after {duration(watch.elapsed_ms)}" if watch.stage and watch.elapsed_ms is not None else ""
    first.right(width - 2, (stage or watch.stage or "", "faint"))
    first.put(4, error.what.splitlines()[0] if error else "the save failed", "bad b")
    lines = [first.line()]
    if error is not None and (place(error) or error.where):
        where = Row(width)
        keys: tuple[Span, ...] = (("e", "white b"), (" edit there   ", "faint")) if place(error) else ()
        where.right(width - 2, *keys, ("y", "white b"), (" copy", "faint"))
        where.put(4, place(error) or error.where, "soft u")
        lines.append(where.line())
    if watch.excerpt:
        lines += [blank(), *_excerpt(watch, width)]
    elif error is not None and error.traceback:
        lines += [blank(), *_frames(error.traceback, width)]
    if error is not None and error.hint:
        lines += [blank(), _text(width, error.hint, "soft")]
    lines += [blank(), *_still(serves, environment, width), blank(), _stages(watch, width)]
    return lines


def saves_lines(saves: tuple[Save, ...], width: int, most: int = MOST_SAVES) -> list[Line]:
    """The last saves: how each ended, how long it took, what was saved."""
    failed = sum(save.version is None for save in saves)
    head = Row(width)
    head.put(4, "saves", "faint")
    head.right(width - 2, (f"{len(saves)}, {failed} failed", "faint"))
    return [head.line(), *(_save(save, width) for save in saves[:most])]


def _save(save: Save, width: int) -> Line:
    row = Row(width)
    is_live = save.version is not None
    row.put(2, "✓" if is_live else "✗", "ok" if is_live else "bad")
    row.put(4, f"v{save.version}" if is_live else "failed", "text b" if is_live else "bad")
    row.put(12, f"{save.at.astimezone():%H:%M:%S}", "soft")
    row.right(30, (duration(save.elapsed_ms) if save.elapsed_ms is not None else "", "soft"))
    row.put(34, file_names(save.paths), "soft")
    if not is_live:
        what = save.error.what.split(":", 1)[0] if save.error else ""
        row.right(width - 2, (" in ".join(part for part in (what, save.stage or "") if part), "faint"))
    return row.line()


def _excerpt(watch: WatchView, width: int) -> list[Line]:
    """The source around the line; the wrong word, where the message names it, is underlined."""
    wrong = watch.error.line if watch.error else None
    named = _NAME.search(watch.error.what) if watch.error else None
    lines: list[Line] = []
    for number, text in watch.excerpt:
        is_wrong = number == wrong
        row = Row(width, "bad-tint" if is_wrong else "band")
        row.put(5, "▸" if is_wrong else "", "bad")
        row.right(10, (str(number), "bad b" if is_wrong else "faint"))
        before, word, after = text.partition(named[1]) if is_wrong and named else (text, "", "")
        row.spans(12, (before, "text" if is_wrong else "soft"), (word, "bad b u"), (after, "text"))
        lines.append(row.line())
    return lines


def _frames(traceback: str, width: int) -> list[Line]:
    return [_text(width, text, "soft") for text in traceback.splitlines()[-MOST_FRAMES:]]


def _still(serves: str | None, environment: str, width: int) -> list[Line]:
    row = Row(width)
    if serves:
        row.put(2, "✓", "ok")
        row.spans(4, (f"{serves} still serves {environment}.", "text b"), ("  Nothing was switched.", "soft"))
    else:
        row.put(4, f"nothing serves {environment} yet", "soft")
    keys = Row(width)
    keys.spans(
        4,
        ("Save again to retry, or ", "faint"),
        ("r", "white b"),
        (" deploys now, ", "faint"),
        ("a", "white b"),
        (" pauses the watch.", "faint"),
    )
    return [row.line(), keys.line()]


def _stages(watch: WatchView, width: int) -> Line:
    row = Row(width)
    spans: list[Span] = []
    for stage in Stage:
        if stage in watch.stages_ms and stage != watch.stage:
            spans += [("✓ ", "ok"), (f"{stage} ", "soft"), (f"{watch.stages_ms[stage]:.0f}  ", "faint")]
    if watch.stage:
        took = f" {watch.stages_ms[watch.stage]:.0f}" if watch.stage in watch.stages_ms else ""
        spans += [("✗ ", "bad"), (watch.stage, "bad b"), (took, "faint")]
    row.put(4, "stages", "faint")
    row.spans(14, *spans)
    return row.line()


def _text(width: int, text: str, ink: str) -> Line:
    row = Row(width)
    row.put(4, text, ink)
    return row.line()
