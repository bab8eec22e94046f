"""Load a generated handler by its path, as the worker image does: `import` cannot say `handler_web-api`."""

from __future__ import annotations

import importlib.util
import os
from types import ModuleType


def load(folder: str, name: str) -> ModuleType:
    """Execute `name` in `folder`; the module stays out of `sys.modules`, as in the image."""
    path = os.path.join(folder, name)
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
