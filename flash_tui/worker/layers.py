"""`sys.path` and `sys.modules` of a process: layers below, the user's folder on top."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable
from types import ModuleType

BUILD_MODULE = "runpod_flash/runtime/_flash_resource_config.py"
"""The official build writes it into its copy of the SDK; here that is a layer, and the build's file goes over it."""


def install(base: str, dependencies: str | None) -> None:
    """What the artifact brings goes before the standard library (as /app), what the image brings behind it."""
    if dependencies:
        sys.path.insert(0, dependencies)
    sys.path.append(base)


def put_on_top(folder: str) -> None:
    """Make `folder` the first place to look for modules; it may be a layer already."""
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    sys.path_importer_cache.pop(folder, None)


def shadowed(folder: str, at_start: frozenset[str]) -> list[str]:
    """Names in `folder` of modules that were imported from elsewhere: a fresh interpreter would have found the user's,
    for the SDK too. What an interpreter has imported before it runs anything (`at_start`) nobody can replace.
    """
    return sorted(
        name
        for name in _top_level_names(folder)
        if name in sys.modules and name not in at_start and not _is_from(sys.modules[name], folder)
    )


def forget(package: str) -> None:
    """Drop a package and all below it from `sys.modules`."""
    prefix = package + "."
    for name in [name for name in sys.modules if name == package or name.startswith(prefix)]:
        del sys.modules[name]


def overlay_build_module(folder: str) -> None:
    """Let `runpod_flash.runtime._flash_resource_config` be the one of the build in `folder`."""
    runtime = os.path.dirname(os.path.join(folder, BUILD_MODULE))
    if not os.path.exists(os.path.join(folder, BUILD_MODULE)):
        return
    package = importlib.import_module("runpod_flash.runtime")
    if runtime not in package.__path__:
        package.__path__.insert(0, runtime)


def _is_from(module: ModuleType, folder: str) -> bool:
    return str(getattr(module, "__file__", None) or "").startswith(folder + os.sep)


def _top_level_names(folder: str) -> Iterable[str]:
    """Names that `import` would find in `folder`; a folder without `__init__.py` gives way to any later package."""
    for entry in os.scandir(folder):
        name, suffix = os.path.splitext(entry.name)
        if suffix == ".py" and entry.is_file():
            yield name
        elif entry.is_dir() and os.path.exists(os.path.join(entry.path, "__init__.py")):
            yield entry.name
