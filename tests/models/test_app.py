from __future__ import annotations

import pytest

from flash_tui.models.app import Pipeline


@pytest.mark.parametrize(
    ("stage", "following"), [("dev", "staging"), ("staging", "production"), ("production", None), ("other", None)]
)
def test_a_build_is_promoted_to_the_stage_that_follows(stage: str, following: str | None) -> None:
    assert Pipeline().after(stage) == following


def test_environments_stand_in_pipeline_order_and_strangers_behind() -> None:
    assert Pipeline().order(("zoo", "production", "dev", "lab")) == ("dev", "production", "lab", "zoo")
