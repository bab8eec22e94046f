"""What the parsers of all commands share. Standard library only: `--help` loads nothing else.

A command names its handler as text (`module:function`), so that only the module of the command that runs is loaded.
A handler takes one `Invocation` and gives the exit code; it may be a plain or an async function.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from flash_tui.cli.output import Output
    from flash_tui.settings import Settings

Subparsers = argparse._SubParsersAction  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - argparse has no public name for it

BUILD_HELP = "a build: v14, 14, its id, or six and more digits of its digest"


@dataclass(frozen=True, slots=True)
class Invocation:
    """All a handler gets."""

    arguments: argparse.Namespace
    settings: Settings
    output: Output


class ParseFailed(Exception):
    """The command line makes no sense. `usage` is the one-line usage of the command meant."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Keeps our line breaks, and the lines of options as wide as the rest."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28, width=110)


class Parser(argparse.ArgumentParser):
    """Tells instead of exiting, so that `--json` can be honoured for usage errors too."""

    def error(self, message: str) -> NoReturn:
        raise ParseFailed(message, self.format_usage().removeprefix("usage: ").strip())


def options_first(parser: argparse.ArgumentParser, words: Sequence[str]) -> list[str]:
    """`words` of one command with its options before its arguments.

    argparse gives an optional argument up at the first option: `call api --route 'POST /x' '{}'` would not parse.
    """
    actions = parser._actions  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - argparse offers no other way
    if "--" in words or any(action.nargs == argparse.REMAINDER for action in actions):
        return list(words)
    takes_value = {name: action.nargs != 0 for action in actions for name in action.option_strings}
    options: list[str] = []
    arguments: list[str] = []
    waiting = iter(words)
    for word in waiting:
        if word == "-" or not word.startswith("-"):
            arguments.append(word)
            continue
        options.append(word)
        if takes_value.get(word, False):
            options += [value for value in (next(waiting, None),) if value is not None]
    return [*options, *arguments]


def command(
    subparsers: Subparsers[Parser],
    name: str,
    handler: str | None,
    summary: str,
    *,
    details: str = "",
    examples: Sequence[str] = (),
) -> Parser:
    """A command with its help: what it does in a line, more of it, and examples to copy.

    `handler` is `module:function`; None for a command that only groups others.
    """
    epilog = "examples:\n" + "\n".join(f"  {example}" for example in examples) if examples else None
    parser = subparsers.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + "." + (f"\n\n{details}" if details else ""),
        epilog=epilog,
        formatter_class=HelpFormatter,
    )
    if handler is not None:
        parser.set_defaults(handler=handler)
        add_target(parser)
    return parser


def group(subparsers: Subparsers[Parser], name: str, summary: str, *, details: str = "") -> Subparsers[Parser]:
    """A command that has commands: `app list`, `platform start`."""
    parser = command(subparsers, name, None, summary, details=details)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)


def add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--target",
        metavar="TARGET",
        default=argparse.SUPPRESS,
        help="platform to talk to: local, runpod or the URL of one (default: the project's, else local)",
    )


def add_json(parser: argparse.ArgumentParser, what: str = "print one JSON document") -> None:
    parser.add_argument("--json", action="store_true", help=f"{what} on stdout; words go to stderr")


def add_project(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("project", metavar="PROJECT", nargs="?", default=".", help="the project's folder (default: .)")


def add_app(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-a", "--app", metavar="APP", help="the app (default: the project's, else the folder's name)")


def add_environment(parser: argparse.ArgumentParser, default: str = "the pipeline's first stage") -> None:
    parser.add_argument("-e", "--env", dest="environment", metavar="ENV", help=f"the environment (default: {default})")


def add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-y", "--yes", action="store_true", help="ask nothing, also for a protected environment")
