"""`flash-tui platform …`: the local platform."""

from __future__ import annotations

from flash_tui.cli.options import Parser, Subparsers, group


def add_parser(commands: Subparsers[Parser]) -> None:
    """The commands of the local platform. Called for `--help` too: loads nothing but the standard library."""
    group(commands, "platform", "the local platform")
