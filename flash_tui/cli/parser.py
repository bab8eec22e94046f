"""The commands and their help, as one table of small functions. Standard library only."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from flash_tui import __version__
from flash_tui.cli import platform
from flash_tui.cli.options import (
    BUILD_HELP,
    HelpFormatter,
    ParseFailed,
    Parser,
    Subparsers,
    add_app,
    add_environment,
    add_json,
    add_project,
    add_target,
    add_yes,
    command,
    options_first,
)
from flash_tui.cli.resource_parsers import add_resources

_DESCRIPTION = """\
A terminal UI for people who ship Runpod Flash apps: save to live in a blink, one key promotes, one key takes it back.

  flash-tui [PROJECT] [--app A] [--env dev] [--no-watch] [--read-only] [--web]
      open the UI; if PROJECT (default: .) holds a Flash app, watch it and redeploy on save.
      A project named like a command is written ./demo."""

_EPILOG = """\
first steps:
  flash-tui demo                         a sample project, live on this machine, in one command
  flash-tui deploy                       this folder's app, to the first environment
  flash-tui call cpu_worker '{"text": "hello"}'
  flash-tui promote dev staging          the very build that serves in dev; nothing is built again

Everything runs on the local platform unless --target says otherwise: no account needed.
`flash-tui COMMAND --help` tells more and has examples. Exit codes: 0 done, 1 failed, 2 usage, 3 not found,
4 not authorised, 5 target unreachable, 130 interrupted."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of the command meant; a command line without a command opens the UI.

    Raises:
        ParseFailed: it makes no sense.
        SystemExit: help or version was asked for, and printed.
    """
    parser, names = build_parser()
    first = _first_word(argv)
    if first in names or (first is None and _asks_for_help(argv)):
        return parser.parse_args(_in_order(parser, argv))
    tui = _tui_parser()
    arguments = tui.parse_args(options_first(tui, argv))
    if first is not None and not Path(first).expanduser().exists():
        near = difflib.get_close_matches(first, names, n=1)
        guess = f"; did you mean the command `{near[0]}`?" if near else ""
        raise ParseFailed(f"there is no command and no folder {first!r}{guess}", parser.prog + " [PROJECT] | COMMAND")
    return arguments


def _in_order(parser: argparse.ArgumentParser, argv: Sequence[str]) -> list[str]:
    """`argv` with the options of the command it names before that command's arguments."""
    for index, word in enumerate(argv):
        inner = _commands_of(parser).get(word)
        if inner is not None:
            head, rest = argv[: index + 1], argv[index + 1 :]
            return [*head, *(_in_order(inner, rest) if _commands_of(inner) else options_first(inner, rest))]
    return list(argv)


def _commands_of(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    for action in parser._actions:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - argparse offers no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            return cast("Subparsers[Parser]", action).choices
    return {}


def _first_word(argv: Sequence[str]) -> str | None:
    """The first argument that is neither an option nor the value of one."""
    takes_value = False
    for word in argv:
        if takes_value:
            takes_value = False
        elif word == "--":
            return None
        elif not word.startswith("-"):
            return word
        else:
            takes_value = word in {"--target", "--app", "-a", "--env", "-e"}
    return None


def _asks_for_help(argv: Sequence[str]) -> bool:
    return any(word in {"-h", "--help", "--version"} for word in argv)


def _tui_parser() -> Parser:
    parser = Parser(prog="flash-tui", add_help=False)
    add_project(parser)
    add_app(parser)
    add_environment(parser)
    add_target(parser)
    parser.add_argument("--no-watch", action="store_true")
    parser.add_argument("--read-only", action="store_true")
    parser.add_argument("--web", action="store_true")
    parser.set_defaults(handler="flash_tui.cli.tui:open_tui")
    return parser


def build_parser() -> tuple[Parser, tuple[str, ...]]:
    """The whole parser, and the names of all commands."""
    parser = Parser(
        prog="flash-tui",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=HelpFormatter,
        usage="flash-tui [PROJECT] [OPTIONS] | flash-tui COMMAND …",
    )
    parser.add_argument("--version", action="version", version=f"flash-tui {__version__}")
    add_target(parser)
    commands: Subparsers[Parser] = parser.add_subparsers(
        title="commands", metavar="COMMAND", parser_class=Parser, prog="flash-tui"
    )
    for add in (_add_project_verbs, _add_release_verbs, add_resources, _add_use):
        add(commands)
    platform.add_parser(commands)
    return parser, tuple(commands.choices)


def _add_project_verbs(commands: Subparsers[Parser]) -> None:
    demo = command(
        commands,
        "demo",
        "flash_tui.cli.project:demo",
        "make a sample project, deploy it to dev and open the UI on it",
        details="What is in the folder already is never overwritten: a second `demo` goes on where the first stopped.",
        examples=("flash-tui demo", "flash-tui demo ~/try-flash"),
    )
    demo.add_argument("directory", metavar="DIR", nargs="?", default="~/flash-demo", help="default: ~/flash-demo")
    demo.add_argument("--no-tui", action="store_true", help="stop after the deployment")

    init = command(
        commands,
        "init",
        "flash_tui.cli.project:init",
        "write a sample project: a queue endpoint and a load-balanced one, plain Python, on a CPU",
        details="Files that exist are kept as they are.",
        examples=("flash-tui init", "flash-tui init my-app && cd my-app && flash-tui"),
    )
    init.add_argument("directory", metavar="DIR", nargs="?", default=".", help="default: .")
    add_json(init)

    build = command(
        commands,
        "build",
        "flash_tui.cli.project:build",
        "write .flash/artifact.tar.gz and .flash/flash_manifest.json",
        examples=("flash-tui build", "flash-tui build . -o /tmp/app.tar.gz --json"),
    )
    add_project(build)
    build.add_argument("-o", "--output", metavar="FILE", type=Path, help="write the artifact here instead")
    add_json(build)

    watch = command(
        commands,
        "watch",
        "flash_tui.cli.watch:watch",
        "redeploy on save, without the UI",
        details=(
            "Code of a folder that was never deployed from here runs at the first save or at `deploy`, not before.\n"
            "Lines on the control socket, with --child on stdin: pause, resume, deploy, cancel."
        ),
        examples=("flash-tui watch", "flash-tui watch --once --json", "flash-tui watch . -e dev --target runpod"),
    )
    add_project(watch)
    add_app(watch)
    add_environment(watch)
    watch.add_argument("--once", action="store_true", help="bring the environment to the folder's content, then end")
    watch.add_argument("--child", action="store_true", help="take commands from stdin, and end when it closes")
    add_json(watch, "print one event a line, as JSON,")
    watch.set_defaults(streams=True)


def _add_release_verbs(commands: Subparsers[Parser]) -> None:
    deploy = command(
        commands,
        "deploy",
        "flash_tui.cli.deploy:deploy",
        "build, upload, provision, wait until healthy",
        examples=("flash-tui deploy", "flash-tui deploy . -e staging --json", "flash-tui deploy --target runpod"),
    )
    add_project(deploy)
    add_app(deploy)
    add_environment(deploy)
    add_yes(deploy)
    deploy.add_argument("--resume", action="store_true", help="let a paused watch of this environment go on")
    add_json(deploy)

    promote = command(
        commands,
        "promote",
        "flash_tui.cli.deploy:promote",
        "put the build that serves in one environment into the next",
        details="Nothing is built again: what was tried is what ships.",
        examples=(
            "flash-tui promote                      first stage to the next",
            "flash-tui promote staging production --yes",
            "flash-tui promote --dry-run --json     what would change",
        ),
    )
    promote.add_argument("source", metavar="FROM", nargs="?", help="default: the pipeline's first stage")
    promote.add_argument("destination", metavar="TO", nargs="?", help="default: the stage after FROM")
    add_app(promote)
    promote.add_argument("--build", metavar="BUILD", help=f"not what serves, but {BUILD_HELP}")
    promote.add_argument("--dry-run", action="store_true", help="say what would change, change nothing")
    promote.add_argument("--all-the-way", action="store_true", help="stage by stage to the pipeline's last")
    add_yes(promote)
    add_json(promote)

    rollback = command(
        commands,
        "rollback",
        "flash_tui.cli.deploy:rollback",
        "put back the build that served before",
        details="Rolling back twice swaps. A watch of the environment is paused, else the next save would undo it.",
        examples=("flash-tui rollback dev", "flash-tui rollback production --to v12 --yes"),
    )
    rollback.add_argument("environment", metavar="ENV")
    add_app(rollback)
    rollback.add_argument("--to", metavar="BUILD", help=f"{BUILD_HELP}; one that has served there")
    add_yes(rollback)
    add_json(rollback)

    undeploy = command(
        commands,
        "undeploy",
        "flash_tui.cli.deploy:undeploy",
        "remove an environment's endpoints; its builds stay",
        examples=("flash-tui undeploy dev",),
    )
    undeploy.add_argument("environment", metavar="ENV")
    add_app(undeploy)
    add_yes(undeploy)
    add_json(undeploy)


def _add_use(commands: Subparsers[Parser]) -> None:
    call = command(
        commands,
        "call",
        "flash_tui.cli.call:call",
        "invoke an endpoint and print its answer",
        details="The JSON is a queue endpoint's input, or the body of a load-balanced endpoint's route.",
        examples=(
            """flash-tui call cpu_worker '{"text": "hello"}'""",
            "flash-tui call lb_worker --route 'GET /health'",
            'echo \'{"text": "hi"}\' | flash-tui call cpu_worker - -e staging',
            "flash-tui call cpu_worker @input.json --json",
        ),
    )
    call.add_argument("endpoint", metavar="ENDPOINT")
    call.add_argument("body", metavar="JSON", nargs="?", help="JSON, @FILE that holds it, or - for stdin")
    call.add_argument("--route", metavar="'POST /path'", help="which route of a load-balanced endpoint")
    add_environment(call)
    add_app(call)
    add_json(call)

    logs = command(
        commands,
        "logs",
        "flash_tui.cli.logs:logs",
        "show what workers and deployments wrote",
        examples=("flash-tui logs -f", "flash-tui logs cpu_worker -e staging --since 5m"),
    )
    logs.add_argument("endpoint", metavar="ENDPOINT", nargs="?")
    logs.add_argument("-f", "--follow", action="store_true", help="go on as lines are written")
    logs.add_argument("--since", metavar="AGE", help="only younger lines: 30s, 5m, 2h, 1d, or a time")
    add_environment(logs)
    add_app(logs)
    add_json(logs, "print one object a line, as JSON,")
    logs.set_defaults(streams=True)

    status = command(
        commands,
        "status",
        "flash_tui.cli.status:status",
        "say in a line each how the environments are",
        details="Exit code 0: all is well. 1: an environment has failed or an endpoint is unhealthy.",
        examples=("flash-tui status", "flash-tui status --watch"),
    )
    status.add_argument("--watch", action="store_true", help="go on as things change")
    add_app(status)
    add_json(status)

    login = command(commands, "login", "flash_tui.cli.login:login", "get and keep a key for the cloud")
    login.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    completion = command(
        commands,
        "completion",
        "flash_tui.cli.completion:completion",
        "print a script that completes flash-tui's commands",
        examples=(
            'eval "$(flash-tui completion bash)"',
            "flash-tui completion fish > ~/.config/fish/completions/flash-tui.fish",
        ),
    )
    completion.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")
