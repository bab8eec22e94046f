from __future__ import annotations

from collections import Counter

import pytest
from textual.binding import Binding

from flash_tui.tui.acts import Acts
from flash_tui.tui.keymap import BY_ID, GROUPS, VERBS, Keymap, bindings
from flash_tui.tui.palette import entries, search
from flash_tui.tui.view import View
from tests.builders import a_photo_shop, a_settings
from tests.tui.conftest import OpenStage

CONTEXTS = (
    ("main", "pane", "list", "tree"),
    ("main", "pane", "logs"),
    ("main", "pane"),
    ("pane", "sheet"),
    ("sheet", "invoke"),
)


def keys_of(contexts: tuple[str, ...]) -> list[str]:
    return [key for verb in VERBS if verb.context in contexts for key in verb.keys.split(",")]


@pytest.mark.parametrize("contexts", CONTEXTS, ids="+".join)
def test_no_key_is_bound_twice_where_it_works(contexts: tuple[str, ...]) -> None:
    assert [key for key, times in Counter(keys_of(contexts)).items() if times > 1] == []


def test_z_is_bound_to_nothing() -> None:
    assert not {"z", "Z"} & {key for verb in VERBS for key in verb.keys.split(",")}


def test_ids_are_noun_and_verb() -> None:
    assert len(BY_ID) == len(VERBS)
    assert all(verb.id.count(".") == 1 and verb.group in GROUPS for verb in VERBS)


def test_textual_s_bindings_carry_the_ids() -> None:
    found = {
        binding.id
        for context in {verb.context for verb in VERBS}
        for binding in bindings(context)
        if isinstance(binding, Binding)
    }
    assert found == set(BY_ID)


def test_every_verb_is_in_the_palette() -> None:
    found = entries(View(a_photo_shop(), a_settings()), Keymap({}))
    assert {entry.verb_id for entry in found if entry.verb_id} == set(BY_ID)


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("prom", "promote"),
        (":q", "quit"),
        ("env stag", "env staging"),
        ("logs, f", "logs, full screen"),
        ("prd", "env production"),
    ],
)
def test_the_palette_finds_what_is_meant(typed: str, first: str) -> None:
    found = search(entries(View(a_photo_shop(), a_settings()), Keymap({})), typed)
    assert found[0].text == first


def test_an_override_is_what_is_shown() -> None:
    keymap = Keymap({"environment.promote": "ctrl+t", "no.such": "x"})
    assert keymap.key("environment.promote") == "ctrl+t"
    assert keymap.unknown == ("no.such",)


@pytest.mark.anyio
async def test_every_main_verb_does_something(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        assert Acts(stage.bench).verbs == {verb.id for verb in VERBS if verb.context == "main"}


@pytest.mark.anyio
async def test_every_verb_is_in_the_sheet_of_keys(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        entries = stage.bench.acts.entries()
        assert {entry.verb_id for entry in entries} | {entry.partner for entry in entries if entry.partner} == set(
            BY_ID
        )
        await stage.press("question_mark")
        assert [entry.label for entry in entries if entry.label.split(",")[0] not in stage.text] == []
