"""A queue worker: the generated handler under the official job loop."""

from __future__ import annotations

import runpod.serverless

from flash_tui.worker import handler_file


def serve(folder: str, name: str) -> None:
    """Take jobs until told to stop."""
    module = handler_file.load(folder, name)
    runpod.serverless.start({"handler": module.handler})
