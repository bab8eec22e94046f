"""The home screen by its keys, from saved snapshots."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flash_tui.models.events import EnvironmentChanged, EnvironmentGone, LogsWritten
from flash_tui.models.snapshot import Link, LinkState, Snapshot
from flash_tui.models.states import EnvironmentState
from flash_tui.tui import intents
from tests.builders import (
    APP,
    NOW,
    a_line,
    a_photo_shop,
    a_settings,
    a_snapshot,
    ago,
    an_endpoint,
    an_environment,
    an_error,
)
from tests.tui.conftest import OpenStage

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (60, 16), (100, 30), (84, 46)])
async def test_what_is_never_dropped_is_there_at_every_size(open_stage: OpenStage, size: tuple[int, int]) -> None:
    async with open_stage(size=size) as stage:
        for word in ("dev", "staging", "production", "v14", "v12", "v11", "deployed", "ahead", "╫", "live in 412 ms"):
            assert word in stage.text
        assert stage.lines[-1].endswith("? keys")


async def test_a_tiny_terminal_says_what_it_needs(open_stage: OpenStage) -> None:
    async with open_stage(size=(50, 12)) as stage:
        assert "60 x 16" in stage.text


async def test_the_cursor_begins_on_the_first_stage(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        assert stage.bench.view.key == ("environment", APP, "dev")


async def test_the_cursor_stays_on_its_row_when_rows_come_above_it(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("1", "down", "down")
        key = stage.bench.view.key
        more = an_environment("dev", endpoints=tuple(an_endpoint(name) for name in ("aa", "ab", "api", "resize")))
        await stage.show(lambda snapshot: snapshot.with_event(EnvironmentChanged(environment=more)))
        assert stage.bench.view.key == key == ("endpoint", APP, "dev", "resize")


async def test_a_cursor_whose_row_goes_away_goes_to_its_neighbour(open_stage: OpenStage) -> None:
    snapshot = a_snapshot(an_environment("dev"), an_environment("qa"), an_environment("zz"))
    async with open_stage(snapshot) as stage:
        stage.bench.apps.select(("environment", APP, "qa"))
        await stage.show(lambda one: one.with_event(EnvironmentGone(app=APP, environment="qa")))
        assert stage.bench.view.key == ("environment", APP, "zz")


async def test_what_is_folded_stays_folded_when_state_arrives(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("left")
        assert "resize" not in "\n".join(line[:38] for line in stage.lines[9:20])
        await stage.show(lambda one: one.with_event(EnvironmentChanged(environment=an_environment("dev"))))
        assert ("endpoint", APP, "dev", "api") not in [row.key for row in stage.bench.apps.rows]


async def test_left_goes_to_the_parent_and_right_to_the_child(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("right")
        assert stage.bench.view.key == ("endpoint", APP, "dev", "api")
        await stage.press("left")
        assert stage.bench.view.key == ("environment", APP, "dev")


async def test_keys_act_on_the_environment_under_the_cursor(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        stage.bench.apps.select(("environment", APP, "staging"))
        await stage.pilot.pause()
        await stage.press("p")
        (question,) = stage.recorder.wished(intents.PlanPromotion)
        assert (question.source, question.target) == ("staging", "production")


async def test_escape_never_quits(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        for _ in range(12):
            await stage.press("escape")
        assert stage.app.is_running
        assert stage.app.return_code is None


async def test_escape_peels_one_layer_at_a_time(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("5", "f")
        assert stage.bench.zoomed is stage.bench.logs
        await stage.press("h")
        assert stage.bench.sheet is not None
        await stage.press("escape")
        assert stage.bench.sheet is None
        await stage.press("escape")
        assert stage.bench.pane is stage.bench.apps


async def test_q_quits(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("q")
        assert stage.app.return_code == 0


async def test_a_grey_key_says_why(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("x")
        assert "cancel: nothing runs" in stage.text


async def test_promoting_what_is_already_there_opens_nothing(open_stage: OpenStage) -> None:
    snapshot = a_snapshot(an_environment("dev", build=14), an_environment("staging", build=14))
    async with open_stage(snapshot) as stage:
        await stage.press("p")
        assert stage.bench.sheet is None
        assert "staging already runs v14" in stage.text


async def test_read_only_changes_nothing(open_stage: OpenStage) -> None:
    async with open_stage(read_only=True) as stage:
        for key in ("p", "u", "r", "X"):
            await stage.press(key)
            assert stage.bench.sheet is None
        assert not stage.recorder.wished(intents.DeployNow)
        assert "read only" in stage.lines[0]


async def test_offline_keeps_everything_and_says_so(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        lost = Link(LinkState.LOST, ago(seconds=3), "", NOW)
        await stage.show(lambda one: replace(one, link=lost))
        assert "Local platform unreachable since" in stage.text
        assert "deployed*" in stage.text
        assert "held, no new lines" in stage.text
        await stage.press("p")
        assert not stage.recorder.wished(intents.PlanPromotion)
        await stage.press("ctrl+r")
        assert stage.recorder.wished(intents.Refresh)


async def test_back_online_the_mark_is_gone(open_stage: OpenStage) -> None:
    async with open_stage(replace(a_photo_shop(), link=Link(LinkState.LOST, NOW))) as stage:
        await stage.show(lambda one: replace(one, link=Link(LinkState.LIVE)))
        assert "unreachable" not in stage.text
        assert "*" not in stage.lines[4]


async def test_before_anything_is_known_nothing_is_claimed(open_stage: OpenStage) -> None:
    async with open_stage(Snapshot()) as stage:
        assert "no apps yet" not in stage.text
        assert stage.bench.sheet is None


async def test_the_detail_follows_the_cursor(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("right")
        assert "http://127.0.0.1:8787/lb/epapi" in stage.text
        assert "GET /photos/{id}" in stage.text


async def test_narrow_enter_shows_the_detail_in_the_tree_s_place_and_escape_goes_back(open_stage: OpenStage) -> None:
    async with open_stage(size=(80, 24)) as stage:
        await stage.press("enter")
        assert stage.bench.detail.has_focus
        assert "put here" in stage.text
        await stage.press("escape")
        assert stage.bench.apps.has_focus
        assert "1 apps" in stage.text


async def test_a_failed_environment_says_what_still_serves(open_stage: OpenStage) -> None:
    failed = an_environment("dev", state=EnvironmentState.FAILED, error=an_error())
    async with open_stage(a_snapshot(failed)) as stage:
        assert "NameError: name 'widht' is not defined" in stage.text
        assert "v14 still serves dev." in stage.text


async def test_typing_filters_the_tree_and_escape_clears(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("slash")
        await stage.type("resiz")
        await stage.press("enter")
        names = [row.name for row in stage.bench.apps.rows]
        assert names == [APP, "dev", "resize"]
        await stage.press("escape")
        assert len(stage.bench.apps.rows) > len(names)


async def test_a_filter_that_finds_nothing_says_so(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("slash")
        await stage.type("zzz")
        assert "match zzz, esc clears" in stage.text


async def test_markup_and_escapes_in_names_and_logs_stay_text(open_stage: OpenStage) -> None:
    evil = "[bold]\x1b]52;c;aGk=\x07x\x1b[2J"
    snapshot = a_snapshot(
        an_environment(endpoints=(an_endpoint(evil),)), lines=(a_line(f"{evil} printed", endpoint="api"),)
    )
    async with open_stage(snapshot) as stage:
        assert "[bold]x" in stage.text
        assert "\x1b" not in stage.text


async def test_logs_follow_and_really_stop(open_stage: OpenStage) -> None:
    lines = tuple(a_line(f"line {number}") for number in range(200))
    async with open_stage(a_snapshot(an_environment(), lines=lines)) as stage:
        assert "line 199" in stage.text
        await stage.press("5", "k", "k")
        before = stage.lines[26:36]
        more = LogsWritten(lines=tuple(a_line(f"more {number}") for number in range(7)))
        await stage.show(lambda one: one.with_event(more))
        assert stage.lines[26:36] == before
        assert "7 new" in stage.text
        await stage.press("G")
        assert "more 6" in stage.text
        assert "following" in stage.text


async def test_logs_are_those_of_the_selected_endpoint(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("right")
        assert "api in dev" in stage.text
        assert "job 5f2d started" not in stage.text


async def test_c_copies_the_obvious(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("right", "c")
        assert stage.app.clipboard == "http://127.0.0.1:8787/lb/epapi"
        assert "copied the URL" in stage.text


async def test_n_goes_to_the_next_problem(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("n")
        assert stage.bench.view.key == ("app", "voice-lab")


async def test_the_theme_changes_and_the_words_stay(open_stage: OpenStage) -> None:
    async with open_stage(settings=a_settings(theme="light")) as stage:
        assert stage.app.theme == "flash-light"
        before = stage.lines[2:30]
        await stage.press("T")
        assert stage.app.theme == "flash-high-contrast"
        assert stage.lines[8:30] == before[6:]


async def test_a_person_s_own_key_works_and_is_shown(open_stage: OpenStage) -> None:
    async with open_stage(settings=a_settings(keymap={"environment.history": "ctrl+y"})) as stage:
        assert "ctrl+y history" in stage.text
        await stage.press("ctrl+y")
        assert stage.bench.sheet is not None


async def test_no_timer_runs_at_rest(open_stage: OpenStage) -> None:
    old = an_environment("dev", updated_at=ago(days=2))
    async with open_stage(a_snapshot(old)) as stage:
        running = [timer for timer in stage.app._timers if timer._active.is_set()]
        assert not running
