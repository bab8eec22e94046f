"""What the platform does now and then: let go of artifacts nobody can go back to, and of layers nobody uses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from flash_tui.local import limits
from flash_tui.models.errors import FlashTuiError
from flash_tui.runtime.layers import LayerStore

_log = logging.getLogger(__name__)


async def keep_house(collect_artifacts: Callable[[], Awaitable[None]], layers: LayerStore) -> None:
    """Until cancelled. Artifacts first: a build that is let go of holds its layers no longer."""
    await anyio.sleep(limits.HOUSEKEEPING_DELAY_S)
    while True:
        collect_layers = partial(layers.collect, limits.LAYER_AGE_S, limits.LAYER_STORE_BYTES)
        for chore in (collect_artifacts, collect_layers):
            try:
                await chore()
            except FlashTuiError as error:
                _log.warning("housekeeping: %s %s", error.what, error.where)
        await anyio.sleep(limits.HOUSEKEEPING_S)
