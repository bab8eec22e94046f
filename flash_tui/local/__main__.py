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

    failures: list[FlashTuiError] = []
    try:
        anyio.run(run_daemon, find_home(os.environ), lambda: tell({"ready": True}))
    except* FlashTuiError as group:
        failures += _leaves(group)
    for failure in failures:
        logging.getLogger(__name__).error("%s: %s %s %s", failure.code, failure.what, failure.where, failure.hint)
    if failures:
        tell({"error": failures[0].document().model_dump(mode="json")})
    return failures[0].exit_code if failures else 0


def _leaves(group: BaseExceptionGroup[FlashTuiError]) -> list[FlashTuiError]:
    found: list[FlashTuiError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
