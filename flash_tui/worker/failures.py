"""Errors as the user should read them: their own frames, with file and line of the innermost."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Failure:
    """What a user module raised. `file` is relative to the project."""

    what: str
    file: str
    line: int | None
    traceback: str

    @classmethod
    def of(cls, error: BaseException, folder: Path, module: Path) -> Failure:
        """Of an exception that came out of `module`."""
        summary = traceback.TracebackException.from_exception(error)
        _keep_user_frames(summary, folder)
        what = "".join(summary.format_exception_only()).strip().splitlines()[-1]
        if isinstance(error, SyntaxError) and error.filename and _is_inside(error.filename, folder):
            file, line = _relative(error.filename, folder), error.lineno
        elif summary.stack:
            file, line = summary.stack[-1].filename, summary.stack[-1].lineno
        else:
            file, line = _relative(str(module), folder), None
        return cls(what, file, line, "".join(summary.format()))


def document(failed: Iterable[Failure]) -> dict[str, Any]:
    """One error for all: each place is told once."""
    places = {(failure.file, failure.line): failure for failure in reversed(list(failed))}
    different = list(reversed(places.values()))
    first = different[0]
    others = ", ".join(f"{f.file}:{f.line}" if f.line else f.file for f in different[1:])
    return {
        "what": first.what,
        "file": first.file,
        "line": first.line,
        "traceback": "\n".join(failure.traceback for failure in different),
        "others": others,
    }


def sdk_failure(error: BaseException, base: str, dependencies: str | None) -> dict[str, Any]:
    """Why the SDK cannot be imported over these layers: the packages that both bring, in different versions."""
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    clashes: list[dict[str, str]] = []
    if dependencies:
        ours, theirs = _versions(base), _versions(dependencies)
        clashes = [
            {"name": name, "required": theirs[name], "needed": ours[name]}
            for name in sorted(theirs.keys() & ours.keys())
            if theirs[name] != ours[name]
        ]
    return {"error": f"{type(error).__name__}: {error}", "traceback": text, "clashes": clashes}


def _keep_user_frames(summary: traceback.TracebackException, folder: Path) -> None:
    seen: list[traceback.TracebackException] = []
    todo = [summary]
    while todo:
        one = todo.pop()
        if any(one is other for other in seen):
            continue
        seen.append(one)
        one.stack = traceback.StackSummary.from_list(
            [_shown(frame, folder) for frame in one.stack if _is_inside(frame.filename, folder)]
        )
        if one.exc_type and issubclass(one.exc_type, SyntaxError) and one.filename:
            one.filename = _relative(one.filename, folder)
        todo += [chained for chained in (one.__cause__, one.__context__) if chained is not None]


def _shown(frame: traceback.FrameSummary, folder: Path) -> traceback.FrameSummary:
    _ = frame.line  # read it while the file name is still a path
    frame.filename = _relative(frame.filename, folder)
    return frame


def _is_inside(filename: str, folder: Path) -> bool:
    return filename.startswith(f"{folder}{os.sep}")


def _relative(filename: str, folder: Path) -> str:
    return Path(filename).relative_to(folder).as_posix() if _is_inside(filename, folder) else filename


def _versions(folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in os.listdir(folder):
        match = re.fullmatch(r"(.+)-([^-]+)\.dist-info", entry)
        if match:
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found
