"""Errors as the user should read them: their own frames, with file and line of the innermost."""

from __future__ import annotations

import ast
import os
import re
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flash_tui.worker import oversized


@dataclass(frozen=True)
class Failure:
    """What a user module raised. `file` is relative to the project."""

    what: str
    file: str
    line: int | None
    traceback: str
    hint: str = ""

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
        return cls(what, file, line, "".join(summary.format()), oversized.hint(error))


def document(failed: Iterable[Failure]) -> dict[str, Any]:
    """One error for all; failures at the same place are told once."""
    places: dict[tuple[str, int | None], Failure] = {}
    for failure in failed:
        places.setdefault((failure.file, failure.line), failure)
    first, *rest = places.values()
    others = ", ".join(f"{failure.file}:{failure.line}" if failure.line else failure.file for failure in rest)
    return {
        "what": first.what,
        "file": first.file,
        "line": first.line,
        "traceback": "\n".join(failure.traceback for failure in places.values()),
        "hint": "; ".join(part for part in (first.hint, others and f"also failing: {others}") if part),
    }


def of_refusal(text: str, folder: Path, functions: Sequence[Any]) -> dict[str, Any]:
    """What the official builder refuses, at the last function that its text names. `functions`: its own records."""
    for function in reversed(functions):
        file = _relative(str(function.file_path), folder)
        names = (f"'{function.function_name}'", f"'{function.resource_config_name}'")
        if file in text or any(name in text for name in names):
            return {"what": text, "file": file, "line": _line_of(function.file_path, function.function_name)}
    return {"what": text}


def of_local_import(text: str, project: Path) -> dict[str, Any]:
    """An import of a file that the ignore rules leave out, at the importing statement."""
    match = re.search(r"^ +(\S+?)(?:/__init__)?\.py \(imported by (.+?)\)$", text, re.MULTILINE)
    if match is None:
        named = re.search(r"[\w./-]+\.py", text)
        return {"what": text, "file": named[0] if named else None, "line": None}
    importer = project / match[2]
    return {"what": text, "file": match[2], "line": _line_of_import(importer, match[1].rpartition("/")[2])}


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
    seen: set[int] = set()
    todo = [summary]
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        frames = [_shown(frame, folder) for frame in one.stack if _is_inside(frame.filename, folder)]
        one.stack = traceback.StackSummary.from_list(frames)
        filename = getattr(one, "filename", None)  # of a syntax error
        if filename:
            one.filename = _relative(filename, folder)
        todo += [chained for chained in (one.__cause__, one.__context__) if chained is not None]
        todo += getattr(one, "exceptions", None) or []


def _shown(frame: traceback.FrameSummary, folder: Path) -> traceback.FrameSummary:
    _ = frame.line  # read while the file name is still a path
    frame.filename = _relative(frame.filename, folder)
    return frame


def _is_inside(filename: str, folder: Path) -> bool:
    return filename.startswith(f"{folder}{os.sep}")


def _relative(filename: str, folder: Path) -> str:
    return Path(filename).relative_to(folder).as_posix() if _is_inside(filename, folder) else filename


def _line_of(file: Path, name: str) -> int | None:
    """Where a function or class is defined."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    lines = [node.lineno for node in ast.walk(_tree(file)) if isinstance(node, kinds) and node.name == name]
    return lines[0] if lines else None


def _line_of_import(file: Path, name: str) -> int | None:
    """The first import statement that says `name`."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import | ast.ImportFrom) and re.search(rf"\b{re.escape(name)}\b", ast.unparse(node)):
            return node.lineno
    return None


def _tree(file: Path) -> ast.AST:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def _versions(folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in os.listdir(folder):
        match = re.fullmatch(r"(.+)-([^-]+)\.dist-info", entry)
        if match:
            found[re.sub(r"[-_.]+", "-", match[1]).lower()] = match[2]
    return found
