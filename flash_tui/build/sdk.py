"""Which version of the SDK and which Python a project asks for, without asking any interpreter."""

from __future__ import annotations

import ast
import operator
import re
import tomllib
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, cast

from flash_tui.models.errors import BuildFailed
from flash_tui.runtime import pins
from flash_tui.runtime.resolution import normalised_name

_CLAUSE = re.compile(r"\s*(~=|===|==|!=|<=|>=|<|>)\s*([0-9][0-9A-Za-z.+-]*)(\.\*)?\s*")
Version = tuple[int, ...]
_COMPARE: dict[str, Callable[[Version, Version], bool]] = {
    "==": operator.eq,
    "===": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


def project_dependencies(pyproject: bytes | None) -> tuple[str, ...]:
    """`[project] dependencies` of a pyproject.toml; nothing if it does not parse (the settings say so)."""
    if pyproject is None:
        return ()
    try:
        document = tomllib.loads(pyproject.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ()
    project: object = document.get("project")
    lines: object = cast("dict[str, Any]", project).get("dependencies") if isinstance(project, dict) else None
    return tuple(str(line) for line in cast("list[object]", lines)) if isinstance(lines, list) else ()


def choose_generation(resolved: str | None, dependencies: Iterable[str]) -> str:
    """The generation of runpod-flash for a project.

    `resolved`: the version that requirements.txt comes to; it decides. Without it, the newest pinned version that
    `dependencies` (of pyproject.toml) allow, else the newest pinned.

    Raises:
        BuildFailed: it is none of ours; names what is asked for and what there is.
    """
    if resolved is not None:
        generation = pins.generation_of(resolved)
        if generation not in pins.GENERATIONS:
            raise _outside(resolved, "requirements.txt")
        return generation
    asked = [line for line in dependencies if normalised_name(line) == pins.SDK]
    for generation in reversed(pins.GENERATIONS):
        if all(allows(line, pins.pinned_version(generation)) for line in asked):
            return generation
    raise _outside(" and ".join(asked), "pyproject.toml")


def _outside(asked: str, where: str) -> BuildFailed:
    ours = [pins.pinned_version(generation) for generation in pins.GENERATIONS]
    return BuildFailed(
        f"the project asks for {pins.SDK} {asked.removeprefix(pins.SDK)}, and this flash-tui runs {', '.join(ours)}",
        where=where,
        hint=f"ask for {pins.SDK}>={pins.GENERATIONS[0]},<={ours[-1]}, or install a newer flash-tui",
        file=where,
    )


def allows(requirement: str, version: str) -> bool:
    """Whether a requirement line takes a plain release version; what it says beyond versions is not looked at."""
    clauses = re.sub(r"^[\w.-]+\s*(\[[^\]]*\])?", "", requirement.strip()).partition(";")[0].strip(" ()")
    have = _numbers(version)
    return all(_holds(clause, have) for clause in clauses.split(",") if clause.strip())


def _holds(clause: str, have: Version) -> bool:
    found = _CLAUSE.fullmatch(clause)
    if found is None:
        return False  # a URL, or a wish we cannot judge
    sign, text, star = found.groups()
    want = _numbers(text)
    if star or sign == "~=":
        prefix = want if star else want[:-1]
        is_within = have[: len(prefix)] == prefix
        return is_within == (sign != "!=") and (sign != "~=" or _padded(have) >= _padded(want))
    return _COMPARE[sign](_padded(have), _padded(want))


def _numbers(text: str) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", re.split(r"[a-z+-]", text, maxsplit=1)[0]))


def _padded(version: Version) -> Version:
    return (*version, 0, 0, 0, 0)[:4]


def asked_python(modules: Iterable[bytes]) -> str | None:
    """The Python version that endpoints name by a literal `python_version="3.12"`; None for none or several.

    Several are the official builder's error to tell.
    """
    found: set[str] = set()
    for source in modules:
        if b"python_version" in source:
            found.update(_named_versions(source))
    return found.pop() if len(found) == 1 else None


@lru_cache(maxsize=256)
def _named_versions(source: bytes) -> frozenset[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return frozenset()
    return frozenset(
        keyword.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "python_version"
        and isinstance(keyword.value, ast.Constant)
        and isinstance(keyword.value.value, str)
    )
