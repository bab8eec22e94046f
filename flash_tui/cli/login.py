"""`login`: a key for the cloud, approved by a person in the browser, kept where the official tools keep theirs."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import anyio.to_thread

from flash_tui.cli.options import Invocation
from flash_tui.client.login import log_in, store_key
from flash_tui.models.errors import UsageError

_CLOUD = "runpod"


async def login(invocation: Invocation) -> int:
    arguments, output = invocation.arguments, invocation.output
    target: str = getattr(arguments, "target", _CLOUD)

    def show(address: str) -> None:
        output.say(f"approve the login here: {address}")
        if not arguments.no_browser:
            webbrowser.open(address)

    key = await log_in(target, show)
    if not key.isascii() or not key.isprintable() or '"' in key or "\\" in key:
        raise UsageError("the target gave a key that is no key", where=target)
    if target != _CLOUD:
        output.say("this target's key is not kept; give it to commands by the variable RUNPOD_API_KEY:")
        output.line(f"export RUNPOD_API_KEY={key}")
        return 0
    path = Path.home() / ".runpod" / "config.toml"
    await anyio.to_thread.run_sync(store_key, path, key)
    output.say(f"the key is kept in {path}; try: flash-tui status --target runpod")
    return 0
