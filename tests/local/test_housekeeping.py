"""What the platform lets go of by itself, now and then."""

from __future__ import annotations

import json
import os
from pathlib import Path

import anyio
import pytest

from flash_tui.local import limits
from flash_tui.local.housekeeping import keep_house
from flash_tui.models.errors import FlashTuiError
from flash_tui.models.identifiers import LayerKey
from flash_tui.runtime.layers import LayerStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def layers(tmp_path: Path) -> LayerStore:
    """Two layers that nobody has used for years, `held` and `left`."""
    store = LayerStore(tmp_path / "layers")
    for name in ("held", "left"):
        (store.root / name / "site").mkdir(parents=True)
        facts = store.root / name / "layer.json"
        facts.write_text(json.dumps({"size": 100}))
        os.utime(facts, (0, 0))
    store.hold(LayerKey("held"), store.root)
    return store


async def house_is_kept(collected: list[str], layers: LayerStore, *, times: int) -> None:
    """Until artifacts were collected so often."""

    async def collect() -> None:
        collected.append("artifacts")
        if len(collected) == times:
            group.cancel_scope.cancel()
        if len(collected) == 1:
            raise FlashTuiError("the disk is full")

    with anyio.fail_after(10):
        async with anyio.create_task_group() as group:
            group.start_soon(keep_house, collect, layers)


async def test_layers_that_no_build_holds_are_collected_again_and_again(
    layers: LayerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "HOUSEKEEPING_DELAY_S", 0.0)
    monkeypatch.setattr(limits, "HOUSEKEEPING_S", 0.0)
    collected: list[str] = []
    await house_is_kept(collected, layers, times=3)
    assert len(collected) == 3  # a chore that fails is done again
    assert [facts.parent.name for facts in layers.root.glob("*/layer.json")] == ["held"]


async def test_the_first_look_waits_until_the_platform_has_started(layers: LayerStore) -> None:
    assert limits.HOUSEKEEPING_DELAY_S >= 10
    with anyio.move_on_after(0.05):
        await keep_house(pytest.fail, layers)  # pyright: ignore[reportArgumentType]
    assert layers.find(LayerKey("left")) is not None
