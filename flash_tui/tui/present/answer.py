"""What an endpoint answered, as lines: verdict and timing first, then the output as it is."""

from __future__ import annotations

import json
import re

from flash_tui.models.human import duration
from flash_tui.models.job import HttpAnswer, QueueAnswer
from flash_tui.models.states import JobStatus
from flash_tui.tui.present.line import Line, Row, Span
from flash_tui.tui.present.signs import job_sign

MAX_LINES = 2_000
FIRST_ERROR_STATUS = 400
_PAIR = re.compile(r'^(\s*)("(?:[^"\\]|\\.)*":)(.*)$')


def verdict(answer: QueueAnswer | HttpAnswer) -> tuple[Span, list[Span]]:
    """The sign of an answer, and what its title says."""
    build: list[Span] = [(f"   on v{answer.build}", "soft")] if answer.build is not None else []
    if isinstance(answer, HttpAnswer):
        is_good = answer.status_code < FIRST_ERROR_STATUS
        sign = ("✓", "ok") if is_good else ("✗", "bad")
        return sign, [(f"{answer.status_code}", f"{sign[1]} b"), (f"  {duration(answer.elapsed_ms)}", "text"), *build]
    mark = job_sign(answer.status)
    spans: list[Span] = [(mark.word, f"{mark.ink} b")]
    if answer.execution_ms is not None:
        spans.append((f"  {duration(answer.execution_ms)}", "text"))
    if answer.delay_ms is not None:
        spans.append((f"   queued {duration(answer.delay_ms)}", "soft"))
    return (mark.glyph, mark.ink), [*spans, *build]


def is_failure(answer: QueueAnswer | HttpAnswer) -> bool:
    if isinstance(answer, HttpAnswer):
        return answer.status_code >= FIRST_ERROR_STATUS
    return answer.status is not JobStatus.COMPLETED


def answer_lines(answer: QueueAnswer | HttpAnswer, width: int) -> list[Line]:
    """The job's error, then the output; JSON is laid out."""
    lines: list[Line] = []
    if isinstance(answer, QueueAnswer) and answer.error:
        lines += [_plain(text, width, "bad b" if index == 0 else "soft") for index, text in _numbered(answer.error)]
    if answer.output is not None or not lines:
        lines += [_json(text, width) for text in as_text(answer.output).splitlines()[:MAX_LINES]]
    return lines


def as_text(output: object) -> str:
    """Text as it is, anything else as JSON."""
    return output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False)


def _numbered(error: str) -> list[tuple[int, str]]:
    return list(enumerate(error.splitlines()[:MAX_LINES]))


def _plain(text: str, width: int, ink: str) -> Line:
    row = Row(width)
    row.put(4, text, ink)
    return row.line()


def _json(text: str, width: int) -> Line:
    row = Row(width)
    pair = _PAIR.match(text)
    if pair is None:
        row.put(4, text, "text")
    else:
        row.spans(4, (pair[1], ""), (pair[2], "soft"), (pair[3], "text"))
    return row.line()
