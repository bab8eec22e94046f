"""`sys.path` and `sys.modules` of a process: layers below, the user's folder on top."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable

BUILD_MODULE = "runpod_flash/runtime/_flash_resource_config.py"
"""The official build writes it into its copy of the SDK; here that is a layer, and the build's file goes over it."""


def install(base: str, dependencies: str | None) -> None:
    """What the artifact brings goes before the standard library (as /app), what the image brings behind it."""
    if dependencies:
        sys.path.insert(0, dependencies)
    sys.path.append(base)


def put_on_top(folder: str) -> None:
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    sys.path_importer_cache.pop(folder, None)


def forget_shadowed(folder: str, at_start: frozenset[str]) -> list[str]:
    """Make room for user modules that bear the name of something already imported; returns those names.

    A fresh interpreter with `folder` first on its path would have found the user's.
    """
    names = [name for name in _top_level_names(folder) if name in sys.modules and name not in at_start]
    for name in names:
        forget(name)
    return names


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


def _top_level_names(folder: str) -> Iterable[str]:
    """Names that `import` would find in `folder`; a folder without `__init__.py` gives way to any later package."""
    for entry in os.scandir(folder):
        name, suffix = os.path.splitext(entry.name)
        if suffix == ".py" and entry.is_file():
            yield name
        elif entry.is_dir() and os.path.exists(os.path.join(entry.path, "__init__.py")):
            yield entry.name
