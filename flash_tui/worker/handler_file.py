"""Load a generated handler by its path, as the worker image does: `import` cannot say `handler_web-api`."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from types import ModuleType, TracebackType

from flash_tui.worker import oversized


def load(folder: str, name: str) -> ModuleType:
    """Execute `name` in `folder`; the module stays out of `sys.modules`, as in the image.

    Raises:
        SystemExit: user code raised; its traceback, from its first frame on, was printed.
    """
    path = os.path.join(folder, name)
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"flash-tui: {name} is no Python file")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        traceback.print_exception(type(error), error, _from_user_code(error.__traceback__, folder))
        hint = oversized.hint(error)
        if hint:
            sys.stderr.write(f"hint: {hint}\n")
        raise SystemExit(1) from None
    return module


def _from_user_code(where: TracebackType | None, folder: str) -> TracebackType | None:
    """The part of a traceback that begins in `folder`; all of it if none does."""
    begin = where
    while begin is not None and not begin.tb_frame.f_code.co_filename.startswith(folder + os.sep):
        begin = begin.tb_next
    return begin or where
