"""From wish to verb, and back as answer, refusal or notice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio
import pytest

from flash_tui.models.errors import Conflict
from flash_tui.models.release import ReleaseResult
from flash_tui.models.snapshot import Notice, NoticeKind
from flash_tui.models.states import EnvironmentState
from flash_tui.tui import intents
from flash_tui.tui.conductor import Conductor
from flash_tui.tui.feed import Feed
from flash_tui.tui.store import Store
from tests.builders import APP, NOW, a_plan, a_reference, a_settings, an_error
from tests.tui.fake_client import FakeClient, FakeTarget
from tests.tui.test_feed import a_state

pytestmark = pytest.mark.anyio


class IdleFeed:
    """A feed that is connected and silent."""

    def __init__(self, target: FakeTarget | None) -> None:
        self.client = FakeClient(target) if target else None

    async def run(self) -> None:
        """Nothing arrives."""


class Asker:
    """In a sheet's place."""

    def __init__(self) -> None:
        self.is_running = True
        self.heard: list[Any] = []

    def post_message(self, message: Any) -> None:
        self.heard.append(message)


@asynccontextmanager
async def conducting(target: FakeTarget | None) -> AsyncIterator[tuple[Conductor, Store]]:
    store = Store(lambda _: None, lambda callback: callback())
    conductor = Conductor(a_settings(), store, cast("Feed", IdleFeed(target)), None, lambda: NOW)
    async with anyio.create_task_group() as group:
        group.start_soon(conductor.run)
        yield conductor, store
        await conductor.stop()


def a_result(**fields: Any) -> ReleaseResult:
    given = {
        "app": APP,
        "environment": "production",
        "state": EnvironmentState.DEPLOYED,
        "build": {**a_reference(12).model_dump(), "size_bytes": 1},
        "previous_build": a_reference(11),
        "endpoints": (),
        "deployment": None,
        "timings_ms": {},
        **fields,
    }
    return ReleaseResult.model_validate(given)


async def conduct(target: FakeTarget | None, intent: intents.Intent) -> tuple[list[Any], tuple[Notice, ...]]:
    """Carry out one wish; what its asker heard, and the notices."""
    asker = Asker()
    intent.asker = cast("Any", asker)
    async with conducting(target) as (conductor, store):
        conductor.take(intent)
        await anyio.wait_all_tasks_blocked()
        return asker.heard, store.snapshot.notices


async def test_a_plan_comes_back_to_who_asked() -> None:
    target = FakeTarget(a_state())
    target.results["promotion_plan"] = a_plan()
    heard, _ = await conduct(target, intents.PlanPromotion(APP, "staging", "production"))
    assert heard[0].result == a_plan()
    assert target.calls == [("promotion_plan", ("staging", "production", APP, None))]


async def test_a_promotion_that_succeeds_offers_to_undo_it() -> None:
    target = FakeTarget(a_state())
    target.results["promote"] = a_result()
    heard, notices = await conduct(target, intents.Promote(a_plan()))
    assert isinstance(heard[0], intents.Answered)
    assert (notices[0].text, notices[0].key) == ("v12 live in production", "u")
    assert notices[0].undoes == (APP, "production")


async def test_a_release_that_failed_is_a_refusal_with_its_error() -> None:
    target = FakeTarget(a_state())
    target.results["promote"] = a_result(error=an_error("did not boot", code="boot_failed"))
    heard, _ = await conduct(target, intents.Promote(a_plan()))
    assert heard[0].error.what == "did not boot"


async def test_an_error_goes_to_the_notice_row_when_nobody_waits_for_it() -> None:
    target = FakeTarget(a_state())
    target.results["deploy"] = Conflict("dev was changed by somebody else", hint="look, then try again")
    async with conducting(target) as (conductor, store):
        conductor.take(intents.DeployNow())
        await anyio.wait_all_tasks_blocked()
        (notice,) = store.snapshot.notices
        assert notice.kind is NoticeKind.FAILED
        assert notice.detail == "look, then try again"


async def test_a_fault_of_ours_ends_no_program() -> None:
    target = FakeTarget(a_state())
    target.results["call"] = ZeroDivisionError("division by zero")
    heard, _ = await conduct(target, intents.Invoke(APP, "dev", "api", {}, None))
    assert "ZeroDivisionError" in heard[0].error.what


async def test_without_a_connection_a_wish_is_refused_at_once() -> None:
    heard, _ = await conduct(None, intents.PlanRollback(APP, "dev"))
    assert heard[0].error.code == "unreachable"


async def test_cancel_stops_the_act_and_says_so() -> None:
    target = FakeTarget(a_state())

    async def never(*_: object) -> None:
        await anyio.sleep_forever()

    target.results["promote"] = never
    async with conducting(target) as (conductor, store):
        conductor.take(intents.Promote(a_plan()))
        await anyio.wait_all_tasks_blocked()
        conductor.take(intents.CancelAct(APP, "production"))
        await anyio.wait_all_tasks_blocked()
        assert store.snapshot.notices[0].text == "cancelled, production is as before"
