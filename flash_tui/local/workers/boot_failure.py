"""Why a worker did not come up, in the user's terms: the traceback's own frames, file and line in their project.

Pure: last lines of a worker in, an error document out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flash_tui.local.workers.worker import RunningWorker
from flash_tui.models.errors import BootFailed, ErrorDocument

_START = "Traceback (most recent call last):"
_FRAME = re.compile(r'^\s+File "(?P<file>[^"]+)", line (?P<line>\d+)(?:, in .*)?$')
_HINT = "correct it and save or deploy again; what served before still serves"
_PRINTED_LINES = 20


@dataclass(frozen=True, slots=True)
class _Frame:
    file: str
    """Relative to the build."""
    line: int
    text: tuple[str, ...]


def _last_traceback(lines: Sequence[str]) -> tuple[str, ...]:
    """From the last start of a traceback to the line that names the exception (and what stands indented after it)."""
    starts = [index for index, line in enumerate(lines) if line.strip() == _START]
    if not starts:
        return ()
    block = [lines[starts[-1]]]
    for line in lines[starts[-1] + 1 :]:
        block.append(line)
        if line and not line[0].isspace():
            break
    return tuple(block)


def _relative(file: str, app_dir: Path) -> str | None:
    """Where `file` stands in the build; None if it is not of the user's."""
    path = Path(file)
    if not path.is_absolute():
        return None if file.startswith("<") else file
    for root in (app_dir, app_dir.resolve()):
        if path.is_relative_to(root):
            return path.relative_to(root).as_posix()
    return None


def _frames(block: Sequence[str], app_dir: Path, generated: frozenset[str]) -> list[_Frame]:
    found: list[_Frame] = []
    position = 1
    while position < len(block):
        match = _FRAME.match(block[position])
        end = position + 1
        while end < len(block) and block[end][:1].isspace() and not _FRAME.match(block[end]):
            end += 1
        file = _relative(match["file"], app_dir) if match is not None else None
        if match is not None and file is not None and file not in generated:
            head = block[position].replace(match["file"], file)
            found.append(_Frame(file, int(match["line"]), (head, *block[position + 1 : end])))
        position = end
    return found


def worker_failure(worker: RunningWorker, reason: str) -> ErrorDocument:
    """The error of a worker that ended, said that it is unhealthy, or was not healthy in time; `reason` tells which."""
    verb = "stopped" if worker.is_ready else "did not start"
    plan = worker.plan
    return failure(plan.endpoint, verb, reason, [text for _, text in worker.tail], plan.app_dir, plan.handler)


def failure(
    endpoint: str, verb: str, reason: str, printed: Sequence[str], app_dir: Path, handler: str
) -> ErrorDocument:
    """`printed` are the last lines, oldest first. A traceback among them becomes the error itself."""
    block = _last_traceback(printed)
    frames = _frames(block, app_dir, frozenset({handler}))
    what = f"{endpoint} {verb}: {block[-1].strip() if block else reason}"
    innermost = frames[-1] if frames else None
    where = f"{innermost.file}:{innermost.line}" if innermost is not None else endpoint
    shown = [_START, *(line for frame in frames for line in frame.text), block[-1]] if frames else list(block)
    return BootFailed(
        what,
        where=where,
        hint=_HINT,
        file=innermost.file if innermost is not None else None,
        line=innermost.line if innermost is not None else None,
        traceback="\n".join(shown or printed[-_PRINTED_LINES:]) or None,
    ).document()
