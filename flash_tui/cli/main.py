"""`flash-tui`: finds the command, runs its handler, and turns every error into words and an exit code.

Nothing heavy is loaded before the command is known: `--help` loads neither pydantic nor httpx nor textual.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NoReturn, cast

from flash_tui.cli.options import Invocation, ParseFailed
from flash_tui.cli.output import Output
from flash_tui.cli.parser import parse

USAGE, INTERRUPTED, FAILED = 2, 130, 1


def main() -> NoReturn:
    """The program's entry. Never returns: the exit code is part of the contract."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        # Ended from outside is interrupted: children are reaped and files put in order as for Ctrl-C.
        signal.signal(number, _interrupt)
    sys.exit(run(sys.argv[1:]))


def _interrupt(_number: int, _frame: object) -> None:
    signal.raise_signal(signal.SIGINT)


def run(argv: Sequence[str]) -> int:
    """Run one command line; the exit code."""
    output = Output(as_json=_asks_for_json(argv))
    try:
        arguments = parse(argv)
    except ParseFailed as failure:
        return _parse_failed(failure, output)
    except SystemExit as end:  # argparse has printed the help or the version
        return int(end.code or 0)
    output.as_json = bool(getattr(arguments, "json", False))
    output.streams = bool(getattr(arguments, "streams", False))
    try:
        return _dispatch(arguments, output)
    except KeyboardInterrupt:
        return _interrupted(output)
    except BrokenPipeError:
        # The reader of our stdout went away (`| head`): not an error, and nobody to tell it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except BaseException as error:  # noqa: BLE001 - the error boundary
        return _failed(error, output)


def _asks_for_json(argv: Sequence[str]) -> bool:
    """Whether `--json` stands on a command line that may not even parse; behind `--` it is another program's."""
    ours = argv[: argv.index("--")] if "--" in argv else argv
    return "--json" in ours


def _dispatch(arguments: argparse.Namespace, output: Output) -> int:
    from flash_tui.settings import read_settings  # noqa: PLC0415 - loads pydantic, 40 ms that --help need not pay

    project = Path(getattr(arguments, "project", ".") or ".")
    settings = read_settings(
        project,
        os.environ,
        app=getattr(arguments, "app", None),
        target=getattr(arguments, "target", None),
    )
    for problem in settings.problems:
        output.say(f"{output.coloured('warning:', 'yellow')} {problem}")
    invocation = Invocation(arguments=arguments, settings=settings, output=output)
    result = load_handler(arguments.handler)(invocation)
    if isinstance(result, int):
        return result
    import anyio  # noqa: PLC0415 - only commands that wait for something need a loop

    return anyio.run(_finish, result)


async def _finish(result: Awaitable[int]) -> int:
    """Interrupted, it is cancelled scope by scope: Ctrl-C as the loop has it breaks through shields, and a release that
    was asked for a moment ago could not be withdrawn. A second Ctrl-C does just that.

    Raises:
        KeyboardInterrupt: it was interrupted.
    """
    import anyio  # noqa: PLC0415 - see _dispatch

    ends: list[int | Exception] = []
    async with anyio.create_task_group() as group:

        async def cancel_when_interrupted() -> None:
            with anyio.open_signal_receiver(signal.SIGINT) as signals:
                await anext(signals)
            group.cancel_scope.cancel()

        group.start_soon(cancel_when_interrupted)
        try:
            ends.append(await result)
        except Exception as error:  # noqa: BLE001 - raised below, not as a group
            ends.append(error)
        group.cancel_scope.cancel()
    match ends:
        case [int(code)]:
            return code
        case [Exception() as error]:
            raise error
        case _:
            raise KeyboardInterrupt


def load_handler(reference: str) -> Callable[[Invocation], int | Awaitable[int]]:
    """The function that `module:function` names."""
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


def _parse_failed(failure: ParseFailed, output: Output) -> int:
    from flash_tui.models.errors import UsageError  # noqa: PLC0415 - see _dispatch

    hint = f"usage: {failure.usage}" if failure.usage else "`flash-tui --help` lists the commands"
    output.error(UsageError(str(failure), hint=hint).document())
    return USAGE


def _interrupted(output: Output) -> int:
    from flash_tui.models.errors import Interrupted  # noqa: PLC0415 - see _dispatch

    output.error(Interrupted("interrupted", hint="nothing was left half done; run it again to go on").document())
    return INTERRUPTED


def _failed(error: BaseException, output: Output) -> int:
    """Words and exit code for one of our errors, also inside the groups that task groups raise."""
    from flash_tui.models.errors import FlashTuiError  # noqa: PLC0415 - see _dispatch

    causes = _leaves(error)
    if any(isinstance(cause, KeyboardInterrupt) for cause in causes):
        return _interrupted(output)
    ours = [cause for cause in causes if isinstance(cause, FlashTuiError)]
    if ours and len(ours) == len(causes):
        output.error(ours[0].document())
        return ours[0].exit_code
    return _bug(causes[0], output)


def _bug(error: BaseException, output: Output) -> int:
    """An error nobody expected: told whole, since whoever reports it has nothing else."""
    import traceback  # noqa: PLC0415 - never needed in a good run

    from flash_tui.models.errors import FlashTuiError  # noqa: PLC0415 - see _dispatch

    failure = FlashTuiError(
        f"flash-tui broke: {type(error).__name__}: {error}",
        hint="this is a bug of flash-tui; the lines above say where",
        traceback="".join(traceback.format_exception(error)),
    )
    output.error(failure.document())
    return FAILED


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return [leaf for inner in group.exceptions for leaf in _leaves(inner)]
    return [error]
