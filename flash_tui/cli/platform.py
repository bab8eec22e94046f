"""`flash-tui platform …`: the local platform."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flash_tui.cli.options import Invocation, Parser, Subparsers, add_json, add_yes, command, group

if TYPE_CHECKING:
    from flash_tui.client.local_platform import PlatformAddress

_FOLLOW_S = 0.2


def add_parser(commands: Subparsers[Parser]) -> None:
    """The commands of the local platform. Called for `--help` too: loads nothing but the standard library."""
    platform = group(
        commands,
        "platform",
        "the local platform: start, stop, status, env, run, logs, approve, reset",
        details="It starts by itself when a command needs it, and goes on until it is stopped.",
    )
    for name, summary in (
        ("start", "start it, unless it runs"),
        ("stop", "stop it and its workers; what is deployed comes back with it"),
        ("status", "say whether it runs, and where"),
    ):
        add_json(command(platform, name, f"flash_tui.cli.platform:{name}", summary))
    env = command(
        platform,
        "env",
        "flash_tui.cli.platform:env",
        "print `export …` lines that point the official tools at it",
        details="Among them is its key, so mind where the lines go.",
        examples=('eval "$(flash-tui platform env)"',),
    )
    add_json(env)
    run = command(
        platform,
        "run",
        "flash_tui.cli.platform:run",
        "run one command with the official tools pointed at it",
        examples=("flash-tui platform run -- flash deploy", "flash-tui platform run -- python client.py"),
    )
    run.add_argument("command", metavar="-- COMMAND", nargs=argparse.REMAINDER)
    logs = command(platform, "logs", "flash_tui.cli.platform:logs", "show what the platform itself wrote")
    logs.add_argument("-n", "--lines", type=int, default=50, metavar="N", help="the last N lines (default: 50)")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines are written")
    approve = command(
        platform,
        "approve",
        "flash_tui.cli.platform:approve",
        "let a program that asked for it have the platform's key",
        details="`flash login` asks for it. Without REQUEST, the requests that wait are listed.",
        examples=(
            "flash-tui platform approve",
            "flash-tui platform approve login_4fj2k9",
            "… approve login_4fj2k9 --deny",
        ),
    )
    approve.add_argument("request", metavar="REQUEST", nargs="?", help="the id that `flash login` shows in its address")
    approve.add_argument("--deny", action="store_true", help="say no instead")
    add_json(approve)
    reset = command(
        platform,
        "reset",
        "flash_tui.cli.platform:reset",
        "stop it and delete all it holds: apps, builds, history, volumes",
    )
    add_yes(reset)
    add_json(reset)


async def start(invocation: Invocation) -> int:
    """Start it, unless it runs."""
    address = await _address(invocation)
    if invocation.output.as_json:
        invocation.output.document(_status_document(invocation, address))
    else:
        invocation.output.line(f"the local platform runs at {address.url}, pid {address.pid}")
    return 0


async def stop(invocation: Invocation) -> int:
    """Stop it, if it runs."""
    from flash_tui.client import local_platform  # noqa: PLC0415 - loads httpx and pydantic, which --help need not

    stopped = await local_platform.stop(invocation.settings.home)
    if invocation.output.as_json:
        invocation.output.document({"stopped": stopped})
    else:
        invocation.output.line("the local platform is stopped" if stopped else "the local platform was not running")
    return 0


async def status(invocation: Invocation) -> int:
    """Whether it runs, and where."""
    from flash_tui.client import local_platform  # noqa: PLC0415 - see stop

    address = await local_platform.find(invocation.settings.home)
    document = _status_document(invocation, address)
    if invocation.output.as_json:
        invocation.output.document(document)
    elif address is None:
        invocation.output.line(f"the local platform of {document['home']} is not running")
    else:
        from flash_tui.models import human  # noqa: PLC0415 - see stop

        age = human.age(address.document.started_at, datetime.now(UTC))
        invocation.output.line(f"the local platform runs at {address.url}, pid {address.pid}, started: {age}")
    return 0


async def env(invocation: Invocation) -> int:
    """The lines of a shell that point the official tools at it."""
    from flash_tui.client import local_platform  # noqa: PLC0415 - see stop

    variables = local_platform.official_environment(await _address(invocation))
    if invocation.output.as_json:
        invocation.output.document(variables)
        return 0
    for name, value in variables.items():
        invocation.output.line(f"export {name}={shlex.quote(value)}")
    return 0


async def run(invocation: Invocation) -> int:
    """Become the given command, with the variables set: its signals and its exit code are its own."""
    from flash_tui.client import local_platform  # noqa: PLC0415 - see stop
    from flash_tui.models.errors import NotFound, UsageError  # noqa: PLC0415 - see stop

    words: list[str] = list(invocation.arguments.command)
    if words[:1] == ["--"]:
        words = words[1:]
    if not words:
        raise UsageError("no command to run", hint="flash-tui platform run -- COMMAND [ARGUMENT …]")
    variables = local_platform.official_environment(await _address(invocation))
    sys.stdout.flush()
    try:
        os.execvpe(words[0], words, {**os.environ, **variables})  # noqa: S606 - the user's own command
    except OSError as error:
        raise NotFound(f"cannot run {words[0]}: {error.strerror}", hint="is it installed and on the PATH?") from error


async def logs(invocation: Invocation) -> int:
    """The last lines of its log; with --follow also the next ones."""
    from flash_tui.client import local_platform  # noqa: PLC0415 - see stop

    home = invocation.settings.home
    for line in local_platform.log_tail(home, invocation.arguments.lines):
        invocation.output.line(line)
    if invocation.arguments.follow:
        async for line in local_platform.follow_log(home, _FOLLOW_S):
            invocation.output.line(line)
    return 0


async def approve(invocation: Invocation) -> int:
    """List the requests for the key, or answer one."""
    from flash_tui.client import logins  # noqa: PLC0415 - see stop

    address, output = await _address(invocation), invocation.output
    wanted: str | None = invocation.arguments.request
    if wanted is None:
        waiting = await logins.pending_logins(address)
        if output.as_json:
            output.document(waiting)
        else:
            output.table(("REQUEST", "UNTIL"), [(one.id, f"{one.expires_at:%H:%M:%S} UTC") for one in waiting])
        return 0
    answered = await logins.answer_login(address, wanted, approve=not invocation.arguments.deny)
    if output.as_json:
        output.document(answered)
    else:
        output.line(f"{answered.id} is {answered.status.lower()}")
    return 0


async def reset(invocation: Invocation) -> int:
    """Delete all it holds, after a yes."""
    from flash_tui.client import local_platform  # noqa: PLC0415 - see stop

    home = invocation.settings.home
    if not invocation.arguments.yes and not _confirmed(f"Delete all apps, builds and volumes in {home.platform}?"):
        invocation.output.say("nothing was deleted")
        return 1
    await local_platform.reset(home)
    if invocation.output.as_json:
        invocation.output.document({"deleted": str(home.platform)})
    else:
        invocation.output.line(f"deleted {home.platform}")
    return 0


def _confirmed(question: str) -> bool:
    from flash_tui.models.errors import UsageError  # noqa: PLC0415 - see stop

    if not sys.stdin.isatty():
        raise UsageError("there is nobody to ask", hint="--yes says that it is meant")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


async def _address(invocation: Invocation) -> PlatformAddress:
    from flash_tui.client import local_platform  # noqa: PLC0415 - see stop

    return await local_platform.ensure_running(invocation.settings.home, invocation.output.say)


def _status_document(invocation: Invocation, address: PlatformAddress | None) -> dict[str, object]:
    return {
        "running": address is not None,
        "pid": address.pid if address else None,
        "url": address.url if address else None,
        "home": str(invocation.settings.home.root),
        "version": address.document.version if address else None,
        "uptime_s": round(address.document.uptime_s(datetime.now(UTC)), 1) if address else None,
    }
