"""Sizes, ages and durations as people read them. One spelling for screen and command line."""

from __future__ import annotations

from datetime import datetime

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_AGES_IN_DAYS = 30


def age(since: datetime, now: datetime) -> str:
    """`now`, `4s`, `9m`, `3h`, `6d`, then a date."""
    seconds = (now - since).total_seconds()
    if seconds < 1:
        return "now"
    if seconds < _MINUTE:
        return f"{int(seconds)}s"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)}m"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)}h"
    if seconds < _AGES_IN_DAYS * _DAY:
        return f"{int(seconds // _DAY)}d"
    return since.date().isoformat()


def duration(ms: float) -> str:
    """`412 ms`, `1.4 s`, `2 min 5 s`."""
    if ms < 999.5:  # noqa: PLR2004 - what rounds to a second is told in seconds
        return f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    return f"{int(seconds // _MINUTE)} min {int(seconds % _MINUTE)} s"


def size(size_bytes: int) -> str:
    """`214 kB`, `18 MB`: powers of 1000, no decimals above ten."""
    amount = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 - the next unit
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"  # noqa: PLR2004
        amount /= 1000
    return f"{amount:.1f} GB"


def count(number: int) -> str:
    """`2 340`."""
    return f"{number:,}".replace(",", " ")


def short_digest(digest: str) -> str:
    """`1a2b9c…e07f`."""
    return f"{digest[:6]}…{digest[-4:]}"
