"""`flash-tui [PROJECT]`: hands over to the terminal UI."""

from __future__ import annotations

import gc
import shlex
import sys

from flash_tui.cli.options import Invocation
from flash_tui.models.errors import UsageError


def open_tui(invocation: Invocation) -> int:
    """Run the UI until it is closed; its exit code.

    Raises:
        UsageError: there is no terminal to draw on, or `--web` and nothing to serve it.
    """
    arguments = invocation.arguments
    if arguments.web:
        return _serve()
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the UI needs a terminal", hint="`flash-tui --help` lists the commands that need none")
    gc.disable()  # until the first frame is out, when the app freezes and enables it: 5 % of the time to it
    from flash_tui.tui.app import run  # noqa: PLC0415 - textual, 150 ms that no other command needs

    return run(
        invocation.settings,
        environment=arguments.environment,
        watch=not arguments.no_watch,
        read_only=arguments.read_only,
    )


def _serve() -> int:
    """The same UI in a browser, through textual-serve where it is installed."""
    try:
        from textual_serve.server import Server  # noqa: PLC0415  # pyright: ignore[reportMissingImports, reportUnknownVariableType] - optional
    except ImportError as error:
        hint = "install textual-serve beside flash-tui: `uv tool install flash-tui --with textual-serve`"
        raise UsageError("--web needs the package textual-serve", hint=hint) from error
    words = [sys.executable, "-m", "flash_tui", *(word for word in sys.argv[1:] if word != "--web")]
    Server(shlex.join(words)).serve()  # pyright: ignore[reportUnknownMemberType]
    return 0
