"""`completion`: a script for the shell, made from the parser, so that it cannot fall behind it."""

from __future__ import annotations

import argparse
from typing import cast

from flash_tui.cli.options import Invocation, Parser, Subparsers
from flash_tui.cli.parser import build_parser

Words = dict[tuple[str, ...], list[str]]
"""Command (`("app", "list")`) → what may follow it."""


def completion(invocation: Invocation) -> int:
    parser, _ = build_parser()
    words = collect(parser)
    render = {"bash": _bash, "zsh": _zsh, "fish": _fish}[invocation.arguments.shell]
    invocation.output.line(render(words))
    return 0


def collect(parser: Parser, prefix: tuple[str, ...] = ()) -> Words:
    """Each command with its sub-commands and long options."""
    found: Words = {prefix: []}
    for action in parser._actions:  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - argparse offers no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
            for name, inner in cast("Subparsers[Parser]", action).choices.items():
                found[prefix].append(name)
                found |= collect(inner, (*prefix, name))
        else:
            found[prefix] += [option for option in action.option_strings if option.startswith("--")]
            if action.choices is not None:
                found[prefix] += [str(choice) for choice in action.choices]
    return found


def _cases(words: Words) -> str:
    return "\n".join(f'    "{" ".join(key)}") words="{" ".join(value)}" ;;' for key, value in words.items())


def _bash(words: Words) -> str:
    return f"""_flash_tui() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" path="" word words=""
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case "$word" in -*) ;; *) path="${{path:+$path }}$word" ;; esac
  done
  case "$path" in
{_cases(words)}
    *) words="" ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _flash_tui flash-tui"""


def _zsh(words: Words) -> str:
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash(words)}"


def _fish(words: Words) -> str:
    lines: list[str] = []
    for key, following in words.items():
        seen = "; and ".join(f"__fish_seen_subcommand_from {name}" for name in key)
        condition = seen or "__fish_use_subcommand"
        for word in following:
            option = f"-l {word.removeprefix('--')}" if word.startswith("--") else f"-a {word}"
            lines.append(f"complete -c flash-tui -n '{condition}' {option}")
    return "\n".join(lines)
