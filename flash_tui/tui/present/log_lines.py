"""Log lines as rows: sign, time, source, text. A deployment is a ruled line of its own."""

from __future__ import annotations

import re
from zlib import crc32

from flash_tui.models.log import LogLine
from flash_tui.tui.present.line import Line, Row, clip, plain
from flash_tui.tui.themes import SOURCES

_ERROR = re.compile(r"\b(?:ERROR|CRITICAL|FATAL)\b|\bTraceback \(most recent|^\w*(?:Error|Exception)\b|\b\w+Error: ")
_WARNING = re.compile(r"\bWARN(?:ING)?\b|\bwarning:", re.IGNORECASE)
TIME_FROM_WIDTH = 40
SOURCE_FROM_WIDTH = 56
MOST_SOURCE = 12


def level(text: str) -> str:
    """`error`, `warning` or nothing, from the words of a line."""
    if _ERROR.search(text):
        return "error"
    return "warning" if _WARNING.search(text) else ""


def source(line: LogLine, *, by_worker: bool) -> str:
    name = line.worker if by_worker and line.worker else line.endpoint or line.worker or ""
    return name[:MOST_SOURCE]


def source_ink(name: str) -> str:
    """Stable for a name."""
    return SOURCES[crc32(name.encode()) % len(SOURCES)]


def log_line(
    line: LogLine, width: int, source_width: int, *, by_worker: bool = False, shift: int = 0, show_time: bool = True
) -> Line:
    """One line; `shift` columns of the text are scrolled off to the left."""
    row = Row(width)
    at = 4
    if show_time and width >= TIME_FROM_WIDTH:
        at = row.put(at, f"{line.at.astimezone():%H:%M:%S}", "faint") + 2
    text = plain(line.text)
    if line.stream == "system":
        return _system(row, at, text)
    if width >= SOURCE_FROM_WIDTH and source_width:
        name = source(line, by_worker=by_worker)
        row.put(at, name, source_ink(name))
        at += source_width + 2
    kind = level(text)
    ink = {"error": "bad b", "warning": "text"}.get(kind, "soft")
    if kind:
        row.put(2, "✗" if kind == "error" else "!", "bad" if kind == "error" else "move")
    row.put(at, clip(text[shift:], max(width - 2 - at, 0)), ink)
    return row.line()


def _system(row: Row, at: int, text: str) -> Line:
    is_bad = "failed" in text or "did not" in text or "error" in text.lower()
    end = row.put(
        at,
        clip(text, max(row.width - 2 - at, 0)),
        "bad b" if is_bad else "ok b" if "live" in text or "succeeded" in text else "soft b",
    )
    rule = row.width - 2 - (end + 2)
    if rule > 0:
        row.put(end + 2, "─" * rule, "line")
    return row.line()
