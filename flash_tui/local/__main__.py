"""`python -m flash_tui.local`: be the platform of FLASH_TUI_HOME.

With `--detach` the process leaves its starter at once, whose child it then no longer is. With `--ready-fd N` it writes
one line to that descriptor: `{"ready": true}` once it answers requests, or `{"error": …}`.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence

import anyio

from flash_tui.models.errors import FlashTuiError
from flash_tui.paths import find_home

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def main(argv: Sequence[str]) -> int:
    """Run until stopped; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m flash_tui.local")
    parser.add_argument("--detach", action="store_true", help="leave the starter's process tree")
    parser.add_argument("--ready-fd", type=int, help="descriptor that hears when the platform answers")
    arguments = parser.parse_args(argv)
    if arguments.detach and os.fork():
        os._exit(0)
    logging.basicConfig(level=logging.INFO, format=_LOG_FORMAT, stream=sys.stderr)
    return _run(arguments.ready_fd)


def _run(ready: int | None) -> int:
    from flash_tui.local.daemon import run_daemon  # noqa: PLC0415 - after the fork: the starter waits for less

    def tell(message: object) -> None:
        nonlocal ready
        if ready is not None:
            descriptor, ready = ready, None
            with os.fdopen(descriptor, "w", encoding="utf-8") as pipe:
                pipe.write(json.dumps(message) + "\n")

    try:
        anyio.run(run_daemon, find_home(os.environ), lambda: tell({"ready": True}))
    except FlashTuiError as error:
        logging.getLogger(__name__).error("%s: %s %s", error.code, error.what, error.hint)  # noqa: TRY400 - it is ours
        tell({"error": error.document().model_dump(mode="json")})
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
