"""A queue worker: the generated handler under the official job loop."""

from __future__ import annotations

import ast
import os
import sys
from types import ModuleType
from typing import Any

import runpod.serverless
from runpod.serverless.modules import rp_scale

from flash_tui.worker import handler_file
from flash_tui.worker.sdk import job_loop

LOOP_VARIABLE = "FLASH_TUI_WORKER_LOOP"
"""`official`: the job loop runs as shipped, sleeps included."""


def serve(folder: str, name: str) -> None:
    """Take jobs until told to stop."""
    module = handler_file.load(folder, name)
    if sys.version_info >= (3, 14):
        import multiprocessing  # noqa: PLC0415 - only where the default has become a server per worker

        multiprocessing.set_start_method("fork", force=True)
    if os.environ.get(LOOP_VARIABLE) != "official":
        try:
            job_loop.make_wakeable(rp_scale)
        except job_loop.Unrecognised as error:
            sys.stderr.write(f"flash-tui: the SDK's job loop runs as shipped, it is not the one known here: {error}\n")
    runpod.serverless.start(start_config(module, os.path.join(folder, name)))


def start_config(module: ModuleType, path: str) -> dict[str, Any]:
    """What the file would pass to `runpod.serverless.start` if it were run as a program; at least its handler.

    The image passes the handler alone and so loses `max_concurrency`.
    """
    with open(path, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "runpod.serverless.start" and node.args:
            config = compile(ast.Expression(node.args[0]), path, "eval")
            return eval(config, vars(module))  # noqa: S307 - the same file's code as was executed just now
    return {"handler": module.handler}
