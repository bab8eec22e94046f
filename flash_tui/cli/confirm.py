"""Asking before what cannot be unseen. Without a terminal there is nobody to ask: `--yes` says it beforehand."""

from __future__ import annotations

import sys

from flash_tui.cli.options import Invocation
from flash_tui.models.errors import FlashTuiError, UsageError


class Declined(FlashTuiError):
    """The person said no."""

    code = "conflict"


def confirm_environment(invocation: Invocation, environment: str, act: str) -> None:
    """A protected environment changes only when its name is typed, or with `--yes`.

    Raises:
        UsageError: nobody can be asked.
        Declined: something else was typed.
    """
    if invocation.settings.rules(environment).protected:
        confirm_name(invocation, environment, f"{environment} is protected. {act}.")


def confirm_name(invocation: Invocation, name: str, warning: str) -> None:
    """Go on only if `name` is typed, or with `--yes`. See `confirm_environment`."""
    if invocation.arguments.yes:
        return
    hint = f"say --yes to do it without being asked: {name} is meant"
    if not sys.stdin.isatty() or not invocation.output.narrates_to_terminal:
        raise UsageError(f"{warning} Nobody is here to confirm it", where=name, hint=hint)
    invocation.output.say(warning)
    typed = _ask(f"Type {name} to go on: ")
    if typed != name:
        raise Declined("not confirmed: nothing was changed", where=name)


def _ask(question: str) -> str:
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()
