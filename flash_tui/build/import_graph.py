"""Which resources can a change reach? Imports as the source shows them, united with what discovery saw imported.

When in doubt, everything: to restart a worker for nothing costs 100 ms, to leave one on old code costs trust.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from flash_tui.build.snapshot import Snapshot, difference
from flash_tui.models.errors import FlashTuiError

_OPAQUE_CALLS = frozenset(
    {"exec", "run_path", "run_module", "walk_packages", "iter_modules", "spec_from_file_location", "entry_points"}
)
_DYNAMIC_IMPORTS = frozenset({"__import__", "import_module"})
_UNRELATED = frozenset({"requirements.txt"})
"""Has its say in the dependency layer, which is compared by itself."""

Read = Callable[[Snapshot, str], bytes]


@dataclass(frozen=True, slots=True)
class Module:
    """What one module imports, anywhere in it."""

    imports: frozenset[tuple[int, str]] = frozenset()
    """(level, dotted name); level as in `from ..name import`, 0 for absolute. A trailing `.*` means all below."""
    is_opaque: bool = False
    """It may import what no reader of it can tell."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The part of a build that decides whether its workers may go on."""

    snapshot: Snapshot
    resources: Mapping[str, Mapping[str, object]]
    """The manifest's."""
    reached: Mapping[str, Iterable[str]]
    ground: str
    """What lies under the code: layers, SDK, platform."""


def parse_module(source: bytes) -> Module:
    """The imports of a module; one that does not parse is opaque."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Module(is_opaque=True)
    imports: set[tuple[int, str]] = set()
    is_opaque = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imports.update((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            imports.update(_imports_from(node))
        elif isinstance(node, ast.Call):
            found = _dynamic(node)
            is_opaque = is_opaque or found is None
            imports.update(found or ())
        elif isinstance(node, ast.Attribute) and node.attr == "path" and _is_name(node.value, "sys"):
            is_opaque = True
    return Module(frozenset(imports), is_opaque)


def _imports_from(node: ast.ImportFrom) -> Iterator[tuple[int, str]]:
    prefix = ""
    if node.module:
        prefix = f"{node.module}."
        yield node.level, node.module
    for alias in node.names:
        yield node.level, f"{prefix}{alias.name}"


def _dynamic(call: ast.Call) -> list[tuple[int, str]] | None:
    """What a call imports; None if that cannot be told."""
    function = call.func
    name = (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )
    if name in _OPAQUE_CALLS:
        return None
    if name not in _DYNAMIC_IMPORTS:
        return []
    argument = call.args[0] if call.args else None
    if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str) or argument.value.startswith("."):
        return None
    return [(0, argument.value)]


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


class ImportGraph:
    """Answers for any snapshot; a module is parsed once per content."""

    def __init__(self, read: Read) -> None:
        """`read` gives a file's content in a snapshot, or raises FlashTuiError or LookupError where it is gone."""
        self._read = read
        self._parsed: dict[str, Module] = {}
        self._complete: tuple[object, set[tuple[str, str]]] = (None, set())

    def is_complete(self, snapshot: Snapshot) -> bool:
        """Whether no import leads to a local file that the ignore rules left out, or, relative, to nothing.

        Where this is not certain, the official check is to tell. That one reads every module, this only what changed.
        """
        ground = (snapshot.ignored, snapshot.entries.keys())
        if self._complete[0] != ground:
            self._complete = (ground, set())
        known = self._complete[1]
        for path in snapshot.python_files:
            key = (path, snapshot.entries[path].sha256)
            if key not in known:
                if any(self._is_missing(snapshot, path, *wanted) for wanted in self._module(snapshot, path).imports):
                    return False
                known.add(key)
        return True

    def _is_missing(self, snapshot: Snapshot, importer: str, level: int, name: str) -> bool:
        candidates = list(_candidates(snapshot, importer, level, name))
        if level and not any(path in snapshot.entries for path in candidates):
            return True
        return any(place in snapshot.ignored for path in candidates for place in (path, *_folders_above(path)))

    def reach(self, snapshot: Snapshot, start: str) -> frozenset[str] | None:
        """All project files that importing `start` can import, itself included; None if that cannot be told."""
        if start not in snapshot.entries:
            return None
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            path = waiting.pop()
            if path in seen or path not in snapshot.entries:
                continue
            seen.add(path)
            module = self._module(snapshot, path)
            if module.is_opaque:
                return None
            waiting.extend(_packages_above(path))
            for level, name in module.imports:
                waiting.extend(_candidates(snapshot, path, level, name))
        return frozenset(seen)

    def _module(self, snapshot: Snapshot, path: str) -> Module:
        digest = snapshot.entries[path].sha256
        if digest not in self._parsed:
            try:
                self._parsed[digest] = parse_module(self._read(snapshot, path))
            except (FlashTuiError, LookupError):
                return Module(is_opaque=True)
        return self._parsed[digest]

    def affected(self, before: Subject, after: Subject) -> frozenset[str]:
        """Names of the resources of `after` whose workers must be new. Blocks (parses what changed)."""
        everything = frozenset(after.resources)
        if before.ground != after.ground:
            return everything
        changed = [path for path in difference(before.snapshot, after.snapshot).paths if path not in _UNRELATED]
        if any(not path.endswith(".py") for path in changed) or _tops(before.snapshot) != _tops(after.snapshot):
            return everything
        return frozenset(name for name in everything if self._is_affected(name, before, after, frozenset(changed)))

    def _is_affected(self, name: str, before: Subject, after: Subject, changed: frozenset[str]) -> bool:
        if before.resources.get(name) != after.resources[name]:
            return True
        if not changed:
            return False
        for subject in (before, after):
            reach = self.reach(subject.snapshot, str(subject.resources[name].get("file_path", "")))
            if reach is None or not changed.isdisjoint(reach.union(subject.reached.get(name, ()))):
                return True
        return False


def _tops(snapshot: Snapshot) -> set[str]:
    """Names that can hide a package or a module of the standard library from everybody."""
    return {path.partition("/")[0].removesuffix(".py") for path in snapshot.python_files}


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _packages_above(path: str) -> list[str]:
    return [f"{folder}/__init__.py" for folder in _folders_above(path)]


def _candidates(snapshot: Snapshot, importer: str, level: int, name: str) -> Iterator[str]:
    """The files that an import may run: looked for beside the importer and in the root, as the official check does."""
    folder = importer.split("/")[:-1]
    bases: list[list[str]] = [folder[: len(folder) - level + 1]] if level else [[], *([folder] if folder else [])]
    parts = [part for part in name.split(".") if part]
    is_star = bool(parts) and parts[-1] == "*"
    if is_star:
        parts.pop()
    for base in bases:
        if base:
            yield "/".join((*base, "__init__.py"))
        for depth in range(1, len(parts) + 1):
            stem = "/".join((*base, *parts[:depth]))
            yield f"{stem}.py"
            yield f"{stem}/__init__.py"
        if is_star:
            below = "/".join((*base, *parts)) + "/"
            yield from (
                path for path in snapshot.python_files if path.startswith(below) and "/" not in path[len(below) :]
            )
