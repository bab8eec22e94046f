"""Sheets by their keys."""

from __future__ import annotations

import pytest

from flash_tui.models.errors import BootFailed, FlashTuiError
from flash_tui.models.events import EnvironmentChanged
from flash_tui.models.job import QueueAnswer
from flash_tui.models.snapshot import Snapshot
from flash_tui.models.states import JobStatus
from flash_tui.tui import intents
from tests.builders import APP, a_change, a_photo_shop, a_plan, a_snapshot, an_environment
from tests.tui.conftest import OpenStage, Stage

pytestmark = pytest.mark.anyio

TO_STAGING = a_plan("dev", "staging", build=14, replaces=12)
TO_PRODUCTION = a_plan()


async def to_production(stage: Stage) -> None:
    stage.bench.apps.select(("environment", APP, "staging"))
    await stage.pilot.pause()
    await stage.press("p")


async def test_promoting_shows_what_changes_before_enter_counts(open_stage: OpenStage) -> None:
    async with open_stage(answers={intents.PlanPromotion: TO_STAGING}) as stage:
        await stage.press("p")
        assert "Promote v14 from dev to staging" in stage.text
        assert "max workers 2 ▸ 3" in stage.text
        assert "returns to v12" in stage.text
        assert not stage.recorder.wished(intents.Promote)
        await stage.press("enter")
        assert stage.recorder.wished(intents.Promote)[0].plan is TO_STAGING


async def test_a_protected_environment_needs_its_name_typed(open_stage: OpenStage) -> None:
    async with open_stage(answers={intents.PlanPromotion: TO_PRODUCTION}) as stage:
        await to_production(stage)
        await stage.press("enter")
        await stage.type("productoin")
        await stage.press("enter")
        assert not stage.recorder.wished(intents.Promote)
        assert "letter 8 differs" in stage.text
        await stage.press(*["backspace"] * 3)
        await stage.type("ion")
        await stage.press("enter")
        assert stage.recorder.wished(intents.Promote)


async def test_letters_of_the_name_are_no_verbs(open_stage: OpenStage) -> None:
    async with open_stage(answers={intents.PlanPromotion: TO_PRODUCTION}) as stage:
        await to_production(stage)
        await stage.type("puq")
        assert stage.bench.sheet is not None
        assert len(stage.recorder.wished(intents.PlanPromotion)) == 1


async def test_a_second_enter_does_nothing(open_stage: OpenStage) -> None:
    async with open_stage(answers={intents.PlanPromotion: TO_STAGING}) as stage:
        await stage.press("p", "enter", "enter")
        assert len(stage.recorder.wished(intents.Promote)) == 1


async def test_the_sheet_goes_when_the_promotion_is_done(open_stage: OpenStage) -> None:
    answers = {intents.PlanPromotion: TO_STAGING, intents.Promote: None}
    async with open_stage(answers=answers) as stage:
        await stage.press("p", "enter")
        assert stage.bench.sheet is None
        assert stage.bench.apps.has_focus


async def test_a_failed_promotion_stays_readable(open_stage: OpenStage) -> None:
    error = BootFailed("embed did not become healthy in 5 s", where="production", hint="l shows its logs")
    answers = {intents.PlanPromotion: TO_STAGING, intents.Promote: error}
    async with open_stage(answers=answers) as stage:
        await stage.press("p", "enter")
        assert "embed did not become healthy in 5 s" in stage.text
        assert "l shows its logs" in stage.text
        assert "v12 still serves staging." in stage.text
        await stage.press("escape")
        assert stage.bench.sheet is None


async def test_nothing_can_be_confirmed_that_was_not_looked_at(open_stage: OpenStage) -> None:
    async with open_stage(answers={intents.PlanPromotion: TO_STAGING}) as stage:
        await stage.press("p")
        newer = EnvironmentChanged(environment=an_environment("dev", build=15))
        await stage.show(lambda one: one.with_event(newer))
        assert "dev serves v15 now" in stage.text
        await stage.press("enter")
        assert not stage.recorder.wished(intents.Promote)


async def test_escape_uncovers_exactly_what_was_there(open_stage: OpenStage) -> None:
    async with open_stage(answers={intents.PlanPromotion: TO_STAGING}) as stage:
        before = stage.lines
        await stage.press("p", "escape")
        assert stage.lines == before


async def test_rolling_back_asks_likewise(open_stage: OpenStage) -> None:
    plan = a_plan("", "dev", build=13, replaces=14)
    async with open_stage(answers={intents.PlanRollback: plan}) as stage:
        await stage.press("u")
        assert "Roll back dev to v13" in stage.text
        await stage.press("enter")
        assert stage.recorder.wished(intents.RollBack)


async def test_a_build_and_a_target_can_be_chosen(open_stage: OpenStage) -> None:
    async with open_stage(answers={intents.PlanPromotion: TO_PRODUCTION}) as stage:
        await stage.press("P", "right")
        assert "Promote which build to production" in stage.text
        await stage.press("down", "enter")
        (question,) = stage.recorder.wished(intents.PlanPromotion)
        assert question.target == "production"
        assert question.build.version == 13


async def test_undeploy_begins_on_cancel(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("X", "enter")
        assert not stage.recorder.wished(intents.Undeploy)
        assert stage.bench.sheet is None
        await stage.press("X", "tab", "enter")
        assert stage.recorder.wished(intents.Undeploy)[0].environment == "dev"


async def test_an_invocation_sends_what_was_typed_and_shows_the_answer(open_stage: OpenStage) -> None:
    answer = QueueAnswer(
        endpoint="resize", environment="dev", build=14, status=JobStatus.COMPLETED, output={"width": 320}
    )
    async with open_stage(answers={intents.Invoke: answer}) as stage:
        stage.bench.apps.select(("endpoint", APP, "dev", "resize"))
        await stage.pilot.pause()
        await stage.press("i")
        stage.app.query_one("#input").text = '{"url": "x"}'
        await stage.press("ctrl+j")
        (call,) = stage.recorder.wished(intents.Invoke)
        assert (call.endpoint, call.body) == ("resize", {"url": "x"})
        assert "completed" in stage.text
        assert '"width": 320' in stage.text


async def test_the_last_payload_is_kept_for_each_endpoint(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        stage.bench.apps.select(("endpoint", APP, "dev", "resize"))
        await stage.pilot.pause()
        await stage.press("i")
        stage.app.query_one("#input").text = '{"kept": 1}'
        await stage.press("ctrl+j", "escape", "i")
        assert "kept" in stage.text


async def test_what_is_no_json_is_not_sent(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("right", "i")
        stage.app.query_one("#input").text = "{"
        await stage.press("ctrl+j")
        assert not stage.recorder.wished(intents.Invoke)
        assert "line 1:" in stage.text


async def test_routes_are_picked(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("right", "i", "ctrl+g", "ctrl+j")
        assert stage.recorder.wished(intents.Invoke)[0].route == "POST /photos"


async def test_a_refused_call_says_what_where_and_what_to_do(open_stage: OpenStage) -> None:
    error = FlashTuiError("no worker became healthy", where="dev resize", hint="l shows its logs")
    async with open_stage(answers={intents.Invoke: error}) as stage:
        await stage.press("right", "i", "ctrl+j")
        for word in (error.what, error.where, error.hint):
            assert word in stage.text


async def test_history_is_newest_first_and_filters(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("H")
        assert "photo-shop, all environments" in stage.text
        assert stage.text.index("438 ms") < stage.text.index("1.9 s")
        await stage.press("slash")
        await stage.type("promote")
        assert "2 of 6" in stage.text


async def test_history_offers_the_way_back_to_a_row(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("h", "down", "u")
        (question,) = stage.recorder.wished(intents.PlanRollback)
        assert question.to.version == 13


async def test_a_diff_groups_what_changed(open_stage: OpenStage) -> None:
    changes = (a_change(), a_change("route", "POST /bulk", "added"), a_change("source", "api.py", "changed"))
    async with open_stage(answers={intents.CompareBuilds: changes}) as stage:
        await stage.press("d")
        assert "v12 ▸ v14" in stage.text
        assert stage.text.index("resources") < stage.text.index("routes") < stage.text.index("api.py")


async def test_where_there_is_no_app_the_first_run_says_what_to_press(open_stage: OpenStage) -> None:
    async with open_stage(Snapshot(is_known=True, has_project=True)) as stage:
        assert "Save a file, see it live." in stage.text
        await stage.press("enter")
        assert stage.recorder.wished(intents.DeployNow)


async def test_the_first_run_goes_when_an_app_comes(open_stage: OpenStage) -> None:
    async with open_stage(Snapshot(is_known=True, has_project=False)) as stage:
        await stage.press("enter")
        assert stage.recorder.wished(intents.MakeSample)
        await stage.show(a_snapshot(an_environment()))
        assert stage.bench.sheet is None


async def test_the_palette_goes_to_a_place_by_name(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("colon")
        await stage.type("staging embed")
        await stage.press("enter")
        assert stage.bench.view.key == ("endpoint", APP, "staging", "embed")


async def test_colon_q_quits(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("colon", "q", "enter")
        assert stage.app.return_code == 0


async def test_the_keys_sheet_runs_what_was_searched(open_stage: OpenStage) -> None:
    async with open_stage() as stage:
        await stage.press("question_mark")
        await stage.type("history of")
        await stage.press("enter")
        assert "all environments" in stage.text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_the_board_stays_under_every_sheet(open_stage: OpenStage, size: tuple[int, int]) -> None:
    answers = {intents.PlanPromotion: TO_STAGING, intents.PlanRollback: a_plan("", "dev", build=13, replaces=14)}
    async with open_stage(a_photo_shop(), size=size, answers=answers) as stage:
        for key in ("p", "u", "P", "U", "h", "H", "d", "i", "colon", "question_mark", "y", "X"):
            await stage.press(key)
            assert stage.bench.sheet is not None, key
            assert all(label in stage.text for label in ("v14", "v12", "v11", "live in 412 ms")), key
            while stage.bench.sheet is not None:
                await stage.press("escape")
