"""The client of one command: what it says while it starts the platform is narration."""

from __future__ import annotations

from flash_tui.api import Client
from flash_tui.cli.options import Invocation


def open_client(invocation: Invocation) -> Client:
    """For `async with`."""
    return Client(invocation.settings, narrate=invocation.output.say)
