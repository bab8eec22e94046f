"""Generations: newest wins, nothing is lost, older failures are not shown."""
# ruff: noqa: ARG002 - the fake takes what the real one takes

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash_tui.models.errors import BuildFailed, TargetUnreachable
from flash_tui.models.release import StageReport
from flash_tui.models.states import Outcome, Stage
from flash_tui.models.watch_events import WatchEvent
from flash_tui.watch.decide import MAX_SUPERSEDED, MAX_SUPERSEDING_S, State, next_step
from flash_tui.watch.generation import Released, Report, Ticket, Uploaded
from flash_tui.watch.session import Session

pytestmark = pytest.mark.anyio
DEADLINE_S = 10


@dataclass(frozen=True)
class FakeBuild:
    files: Mapping[str, str]
    timings_ms: Mapping[str, float] = field(default_factory=lambda: {"check": 4.0, "discover": 34.04, "pack": 3.0})


class FakeWork:
    """Builds and releases at once, unless a gate is closed."""

    def __init__(self) -> None:
        self.folder: dict[str, str] = {"a.py": "1"}
        self.may_build, self.may_commit = anyio.Event(), anyio.Event()
        self.may_build.set()
        self.may_commit.set()
        self.building, self.releasing = anyio.Event(), anyio.Event()
        self.build_error: Exception | None = None
        self.notes: tuple[str, ...] = ()
        self.live: list[str] = []
        self.builds = self.running = 0

    async def build(self, report: Report) -> FakeBuild:
        self.builds += 1
        self.running += 1
        assert self.running == 1, "two builds at a time"
        try:
            files = dict(self.folder)
            self.building.set()
            await self.may_build.wait()
            if self.build_error is not None:
                raise self.build_error
            for note in self.notes:
                report(StageReport(Stage.PACK, note=note))
            return FakeBuild(files)
        finally:
            self.running -= 1

    async def upload(self, prepared: FakeBuild, report: Report) -> Uploaded:
        content = prepared.files["a.py"]
        return Uploaded(f"build-{content}", None, f"digest-{content}")

    async def release(self, uploaded: Uploaded, ticket: Ticket, report: Report, stop: anyio.Event) -> Released:
        self.releasing.set()
        async with anyio.create_task_group() as group:

            async def until_stopped() -> None:
                await stop.wait()
                group.cancel_scope.cancel()

            group.start_soon(until_stopped)
            await self.may_commit.wait()
            group.cancel_scope.cancel()
        if not self.may_commit.is_set():
            return Released(Outcome.CANCELLED)
        self.live.append(ticket.files["a.py"])
        return Released(Outcome.SUCCEEDED, timings_ms={"switch": 8.0, "boot": 71.0})

    async def went_live(self, ticket: Ticket, uploaded: Uploaded) -> None:
        pass


class Bench:
    """A session, its fake work and the events it has told."""

    def __init__(self, *, deployed: bool = True, clock: Callable[[], float] = lambda: 0.0) -> None:
        self.work = FakeWork()
        self.events: list[WatchEvent] = []
        self._told = anyio.Event()
        files = dict(self.work.folder)
        self.session = Session(self.work, self._take, seen=files, live=files if deployed else None, clock=clock)

    def _take(self, event: WatchEvent) -> None:
        self.events.append(event)
        self._told.set()
        self._told = anyio.Event()

    def save(self, content: str) -> None:
        self.work.folder["a.py"] = content
        self.session.saw(dict(self.work.folder), saved_at=0.0, stages_ms={"notice": 16.0, "settle": 20.0})

    def told(self) -> list[str]:
        return [event.event for event in self.events]

    async def until(self, event: str, count: int = 1) -> WatchEvent:
        with anyio.fail_after(DEADLINE_S):
            while self.told().count(event) < count:
                await self._told.wait()
        return [seen for seen in self.events if seen.event == event][count - 1]


async def everybody_had_their_turn() -> None:
    """Nothing here waits for time or files: after some rounds of the loop all that can happen has happened."""
    for _ in range(40):
        await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Bench]:
    async with anyio.create_task_group() as group:
        group.start_soon(bench.session.run)
        yield bench
        group.cancel_scope.cancel()


async def test_a_save_goes_live_with_all_its_stages_in_order() -> None:
    async with running(Bench()) as bench:
        bench.save("2")
        live = await bench.until("live")
    assert bench.told() == ["change", "build", "deploy", "live"]
    assert live.paths == ("a.py",)
    assert list(live.stages_ms or {}) == ["notice", "settle", "check", "discover", "pack", "boot", "switch"]


async def test_what_is_to_be_noted_about_a_build_is_told_with_it() -> None:
    async with running(Bench()) as bench:
        bench.work.notes = ("torch is not packed",)
        bench.save("2")
        assert (await bench.until("build")).notes == ("torch is not packed",)
        bench.work.notes = ()
        bench.save("3")
        assert (await bench.until("build", 2)).notes is None


async def test_a_folder_never_deployed_from_here_is_left_alone_until_the_first_save() -> None:
    async with running(Bench(deployed=False)) as bench:
        await everybody_had_their_turn()
        assert bench.work.builds == 0
        bench.save("2")
        await bench.until("live")
    assert bench.work.live == ["2"]


async def test_what_changed_while_nobody_watched_is_deployed_at_the_start() -> None:
    bench = Bench()
    bench.session.state.live = {"a.py": "0"}
    async with running(bench):
        await bench.until("live")
    assert bench.work.live == ["1"]


async def test_a_newer_save_supersedes_a_build_in_flight() -> None:
    bench = Bench()
    bench.work.may_build = anyio.Event()
    async with running(bench):
        bench.save("2")
        await bench.work.building.wait()
        bench.save("3")
        superseded = await bench.until("superseded")
        bench.work.may_build.set()
        await bench.until("live")
    assert superseded.reason == "by generation 2"
    assert bench.work.live == ["3"]


async def test_a_newer_save_supersedes_a_release_before_its_commit() -> None:
    bench = Bench()
    bench.work.may_commit = anyio.Event()
    async with running(bench):
        bench.save("2")
        await bench.work.releasing.wait()
        bench.save("3")
        await bench.until("superseded")
        bench.work.may_commit.set()
        await bench.until("live")
    assert bench.work.live == ["3"]


async def test_continuous_saves_do_not_starve_the_deployment() -> None:
    bench = Bench()
    bench.work.may_build = anyio.Event()
    async with running(bench):
        for number in range(MAX_SUPERSEDED + 1):
            bench.work.building = anyio.Event()
            bench.save(f"save {number}")
            await bench.work.building.wait()
        bench.save("the last")
        await everybody_had_their_turn()
        bench.work.may_build.set()
        await bench.until("live", count=2)
    assert bench.work.live == [f"save {MAX_SUPERSEDED}", "the last"]


async def test_a_failure_keeps_its_files_for_the_next_save() -> None:
    bench = Bench()
    bench.work.build_error = BuildFailed("no such module", file="a.py", line=3)
    async with running(bench):
        bench.save("2")
        failed = await bench.until("failed")
        bench.work.build_error = None
        bench.work.folder["b.py"] = "fixed elsewhere"
        bench.save("2")
        live = await bench.until("live")
    assert failed.error is not None
    assert (failed.error.file, failed.error.line, failed.stage) == ("a.py", 3, "check")
    assert live.paths == ("a.py", "b.py")


async def test_an_older_failure_is_not_shown_when_something_newer_waits() -> None:
    bench = Bench()
    bench.session.state.superseded, bench.session.state.superseded_since = MAX_SUPERSEDED, 0.0
    bench.work.may_build = anyio.Event()
    async with running(bench):
        bench.save("2")
        await bench.work.building.wait()
        bench.save("3")
        bench.work.build_error = BuildFailed("half a file")
        bench.work.may_build.set()
        await bench.until("superseded")
        bench.work.build_error = None
        await bench.until("live")
    assert "failed" not in bench.told()


async def test_the_same_content_again_is_no_change() -> None:
    async with running(Bench()) as bench:
        bench.save("1")
        unchanged = await bench.until("unchanged")
    assert unchanged.reason == "the same content as before"
    assert bench.work.builds == 0


async def test_going_back_to_what_is_live_ends_a_failure_without_a_build() -> None:
    bench = Bench()
    bench.work.build_error = BuildFailed("broken")
    async with running(bench):
        bench.save("2")
        await bench.until("failed")
        bench.save("1")
        unchanged = await bench.until("unchanged")
    assert unchanged.reason == "the same content as what is live"
    assert bench.work.builds == 1


async def test_saves_during_a_pause_are_deployed_when_it_ends() -> None:
    async with running(Bench()) as bench:
        bench.session.pause("dev was rolled back to v3")
        bench.save("2")
        bench.save("3")
        await everybody_had_their_turn()
        assert bench.work.builds == 0
        bench.session.resume()
        await bench.until("live")
    assert bench.told() == ["paused", "change", "change", "resumed", "build", "deploy", "live"]
    assert bench.work.live == ["3"]


async def test_resuming_after_a_rollback_puts_the_folder_back() -> None:
    async with running(Bench()) as bench:
        bench.save("2")
        await bench.until("live")
        bench.session.pause("dev was rolled back to v1")
        bench.session.served("build-1", 1)
        bench.session.resume()
        await bench.until("live", count=2)
    assert bench.work.live == ["2", "2"]


async def test_a_person_can_deploy_what_did_not_change() -> None:
    async with running(Bench(deployed=False)) as bench:
        bench.session.deploy()
        await bench.until("live")
    assert bench.work.live == ["1"]


async def test_cancelling_gives_up_until_the_next_save() -> None:
    bench = Bench()
    bench.work.may_build = anyio.Event()
    async with running(bench):
        bench.save("2")
        await bench.work.building.wait()
        bench.session.cancel()
        assert (await bench.until("superseded")).reason == "cancelled"
        bench.work.may_build.set()
        await everybody_had_their_turn()
        assert bench.work.builds == 1
        bench.save("3")
        await bench.until("live")
    assert bench.work.live == ["3"]


async def test_a_platform_that_goes_away_is_waited_for() -> None:
    bench = Bench(clock=anyio.current_time)
    bench.work.build_error = TargetUnreachable("the platform does not answer")
    async with running(bench):
        bench.save("2")
        waiting = await bench.until("waiting")
        bench.work.build_error = None
        await bench.until("live")
    assert waiting.reason == "the platform does not answer; trying again"
    assert bench.told().count("waiting") == 1


async def test_what_was_saved_behind_the_sessions_back_is_what_is_live() -> None:
    bench = Bench()
    async with running(bench):
        bench.work.folder["a.py"] = "3"
        bench.session.saw({"a.py": "2"}, saved_at=0.0, stages_ms={})
        await bench.until("live")
        bench.save("3")
        await bench.until("unchanged")
    assert bench.work.live == ["3"]
    assert bench.work.builds == 1


def test_the_guard_also_counts_time() -> None:
    state = State(seen={"a": "3"}, live={}, running={"a": "2"}, superseded=1, superseded_since=10.0)
    assert next_step(state, 10.0 + MAX_SUPERSEDING_S / 2) == "supersede"
    assert next_step(state, 10.0 + MAX_SUPERSEDING_S) == "wait"


OPERATIONS = st.sampled_from(
    ["save", "save", "save", "break", "mend", "pause", "resume", "deploy", "cancel", "let", "hold"]
)


async def _play(operations: list[str]) -> Bench:
    bench = Bench()
    async with running(bench):
        for number, operation in enumerate(operations):
            match operation:
                case "save":
                    bench.save(str(number + 2))
                case "break":
                    bench.work.build_error = BuildFailed("broken")
                case "mend":
                    bench.work.build_error = None
                case "pause":
                    bench.session.pause("asked for")
                case "let":
                    bench.work.may_build.set()
                case "hold":
                    bench.work.may_build = anyio.Event() if bench.work.running == 0 else bench.work.may_build
                case _:
                    getattr(bench.session, operation)()
            if number % 3 == 0:
                await everybody_had_their_turn()
        bench.work.build_error = None
        bench.work.may_build.set()
        bench.session.resume()
        bench.save("the last")
        await everybody_had_their_turn()
    return bench


@settings(max_examples=60)
@given(st.lists(OPERATIONS, max_size=25))
def test_whatever_happens_the_last_content_goes_live_and_never_an_older_one_after_it(operations: list[str]) -> None:
    bench = anyio.run(_play, operations)
    assert bench.work.live[-1] == "the last"
    order = [int(content) for content in bench.work.live[:-1]]
    assert order == sorted(order)
