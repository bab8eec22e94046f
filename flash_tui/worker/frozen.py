"""Undo what the SDK froze at import: URLs, ids, keys, log levels, read from an environment that was not the job's."""

from __future__ import annotations

import importlib
import logging
import sys


def thaw() -> None:
    """Import the SDK anew."""
    kept = "runpod.serverless.utils"
    for name in [n for n in sys.modules if n.startswith("runpod.") and not n.startswith(kept)]:
        del sys.modules[name]
    importlib.reload(sys.modules["runpod"])
    for name in [n for n in sys.modules if n.partition(".")[0] == "runpod_flash"]:
        del sys.modules[name]
    logging.root.handlers.clear()
    importlib.import_module("runpod_flash.endpoint")
    importlib.import_module("runpod_flash.runtime.lb_handler")
