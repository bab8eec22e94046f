"""Which project files a module reaches by importing: what its statements say, and what importing it was seen to bring.

Python keeps a helper in `sys.modules` after its first import, so what appears there tells of the first importer only;
the statements (those inside functions too, as Flash's style is) tell of the others. Nothing is hooked into `import`: a
frame of ours between user modules would show in warnings and in what modules look up from their callers.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


class Reach:
    """A graph of files below `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._prefix = f"{folder}{os.sep}"
        self._seen: dict[Path, set[Path]] = {}

    @contextmanager
    def importing(self, file: Path, module: ModuleType) -> Generator[None]:
        """What appears in `sys.modules` meanwhile, and the modules that `module` holds afterwards, are reached."""
        before = set(sys.modules)
        try:
            yield
        finally:
            appeared = [sys.modules[name] for name in sys.modules.keys() - before]
            held = [value for value in vars(module).values() if isinstance(value, ModuleType)]
            self._seen.setdefault(file, set()).update(self._files([*appeared, *held]))

    def from_file(self, start: Path) -> list[str]:
        """`start` and all it reaches, packages' `__init__.py` included; relative, posix, sorted."""
        reached: set[Path] = set()
        todo = [start]
        while todo:
            file = todo.pop()
            if file not in reached:
                reached.add(file)
                todo += [*self._seen.get(file, ()), *self._stated(file), *self._packages(file)]
        return sorted(file.relative_to(self._folder).as_posix() for file in reached)

    def _files(self, modules: Iterable[ModuleType]) -> list[Path]:
        files = (getattr(module, "__file__", None) for module in modules)
        return [Path(file) for file in files if file and file.startswith(self._prefix)]

    def _stated(self, file: Path) -> list[Path]:
        """Files named by import statements, wherever they stand."""
        found: list[Path] = []
        for node in ast.walk(_tree(file)):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    found += self._named(self._folder, alias.name)
            elif isinstance(node, ast.ImportFrom):
                parents = [self._folder, *file.parents]
                start = parents[node.level] if node.level < len(parents) else self._folder
                module = node.module or ""
                for alias in node.names:
                    found += self._named(start, f"{module}.{alias.name}" if module else alias.name)
        return found

    def _named(self, start: Path, name: str) -> list[Path]:
        """The files along a dotted name; the last part may be a module or something inside one."""
        found: list[Path] = []
        place = start
        for part in name.split("."):
            place /= part
            found += [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
        return [file for file in found if file.is_relative_to(self._folder)]

    def _packages(self, file: Path) -> list[Path]:
        """The `__init__.py` files that a worker executes before `file`; the scanner leaves them out."""
        between = [folder for folder in file.parents if folder != self._folder and folder.is_relative_to(self._folder)]
        return [init for folder in between if (init := folder / "__init__.py").is_file()]


def _tree(file: Path) -> ast.AST:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
