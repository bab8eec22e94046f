"""Traffic in braille dots: two samples a cell, four levels a row; an empty sample is the base line in rail colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from flash_tui.models.endpoint import Endpoint
from flash_tui.tui.present.line import Span

_LEFT = (0x00, 0x40, 0x44, 0x46, 0x47)
_RIGHT = (0x00, 0x80, 0xA0, 0xB0, 0xB8)
LEVELS = 4
SAMPLES_A_MINUTE = 6


def summed(endpoints: Sequence[Endpoint]) -> tuple[int, ...]:
    """The endpoints' samples added up; all end now."""
    columns = zip_longest(*(endpoint.traffic.requests[::-1] for endpoint in endpoints), fillvalue=0)
    return tuple(sum(column) for column in columns)[::-1]


def a_minute(samples: Sequence[int]) -> int:
    """Requests in the last minute."""
    return sum(samples[-SAMPLES_A_MINUTE:])


def dots(samples: Sequence[int], width: int, rows: int = 1) -> list[list[Span]]:
    """`rows` rows of `width` cells, top row first, the newest sample at the right."""
    wanted = width * 2
    tail = list(samples[-wanted:])
    padded = [0] * (wanted - len(tail)) + tail
    peak = max(padded, default=0)
    heights = [_height(sample, peak, rows * LEVELS) for sample in padded]
    return [_row(heights, (rows - 1 - row) * LEVELS, is_base=row == rows - 1) for row in range(rows)]


def _height(sample: int, peak: int, levels: int) -> int:
    return max(1, round(sample / peak * levels)) if sample > 0 else 0


def _row(heights: Sequence[int], floor: int, *, is_base: bool) -> list[Span]:
    spans: list[Span] = []
    for left, right in zip(heights[::2], heights[1::2], strict=True):
        low, high = (min(max(height - floor, 0), LEVELS) for height in (left, right))
        is_empty = is_base and not (low or high)
        if is_base:
            low, high = max(low, 1), max(high, 1)
        ink = "rail" if is_empty else "soft"
        cell = chr(0x2800 + _LEFT[low] + _RIGHT[high])
        if spans and spans[-1][1] == ink:
            spans[-1] = (spans[-1][0] + cell, ink)
        else:
            spans.append((cell, ink))
    return spans
