"""`Client`: every verb of flash-tui as an async method. The command line and the terminal UI use nothing else.

    async with Client(settings) as client:
        result = await client.deploy("dev")

Importing this loads no network code; entering the client does, and starts the local platform if that is the target.
Errors are of the family in `models.errors`; a release that fails is a result with `error` set.
"""

from __future__ import annotations

from flash_tui.api.acts import Acts
from flash_tui.api.requests import Requests

__all__ = ["Client"]


class Client(Acts, Requests):
    """All verbs, for the project and target of its settings; an async context manager.

    `app` and `environment` default to the project's app and the pipeline's first stage. Every method raises `NotFound`,
    `TargetUnreachable` and `Unauthorised` as they apply.
    """
