"""`kill -9` of any part at any time: all converges, nothing is left behind, nothing that was acknowledged is lost."""

from __future__ import annotations

import itertools
import random
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.command import FlashTui, until
from tests.load import Load, Place, final, find_endpoint, status, submit
from tests.processes import family, kill, parents, zombies
from tests.stories.saving import Watch, dev, held, in_place, number_it, watching

pytestmark = [
    pytest.mark.timeout(300),  # the first layers come over the network
    pytest.mark.skipif(sys.platform != "linux", reason="looks at the process table"),
]


@dataclass(frozen=True)
class Shop:
    """A deployed project in a home of its own."""

    command: FlashTui
    project: Path
    http: Place
    queue: Place
    numbers: Iterator[int]
    """For saves: each greater than all before."""

    @contextmanager
    def watched(self) -> Generator[Watch]:
        with watching(self.command, self.project, self.http) as watch:
            yield watch

    def dev(self) -> Any:
        """The document of dev; the platform has to run."""
        return dev(self.http, self.project.name)

    def platform(self) -> Any:
        """What the platform says of itself."""
        with closing(self.http.platform()) as platform:
            return platform.ask("GET", "/flash-tui/v1/platform")

    def worker(self, endpoint: str) -> int:
        """The process that serves it; 0 while there is none."""
        found = next(one for one in self.dev()["endpoints"] if one["name"] == endpoint)
        return next((one["pid"] for one in found["workers"] if one["state"] in {"idle", "running"}), 0)

    def pids(self, endpoint: str) -> set[int]:
        """Processes of all its workers, the new and the old."""
        found = next(one for one in self.dev()["endpoints"] if one["name"] == endpoint)
        return {one["pid"] for one in found["workers"] if one["pid"]}

    def answer(self) -> int:
        """The number of the code that answers a request."""
        with closing(self.http.connection()) as http:
            return http.ask("GET", "/save")["save"]

    def gate(self, name: str) -> Path:
        return self.command.home.parent / f"gate-{name}-{next(self.numbers)}"


@pytest.fixture(scope="module")
def own_shop(tmp_path_factory: pytest.TempPathFactory, layer_store_folder: Path) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("killed")
    command, project = FlashTui(home=folder / "home", layers=layer_store_folder), folder / "shop"
    command.run("init", str(project))
    number_it(project)
    command.run("deploy", cwd=project)
    http, queue = (find_endpoint(command, project, name) for name in ("lb_worker", "cpu_worker"))
    yield Shop(command, project, http, queue, itertools.count(1))
    command.run("platform", "stop", code=None)
    until(lambda: not command.processes(), what="all processes of the home to end")


@pytest.fixture
def shop(own_shop: Shop) -> Iterator[Shop]:
    """In the end both endpoints are served by one worker each, and nobody else is about."""
    yield own_shop
    until(lambda: [len(one["workers"]) for one in own_shop.dev()["endpoints"]] == [1, 1], what="one worker each")
    daemon = own_shop.command.platform_pid()
    until(lambda: set(own_shop.command.processes()) <= family(daemon), what="orphans to end")
    until(lambda: not zombies(family(daemon)), what="zombies to be collected")
    assert [one["state"] for one in own_shop.dev()["endpoints"]] == ["healthy", "healthy"]


@contextmanager
def under_load(shop: Shop) -> Generator[None]:
    """Requests that may be repeated, and jobs: none may fail, whoever dies."""
    loads = {"load-balanced": Load(shop.http.reader), "queue": Load(shop.queue.queue)}
    with loads["load-balanced"].running(), loads["queue"].running():
        yield
    for name, load in loads.items():
        print(load.summary(name))
        assert load.failures == [], name
        assert load.opened == len(load.callers), name


@pytest.mark.parametrize("endpoint", ["lb_worker", "cpu_worker"])
def test_a_killed_worker_is_replaced_and_no_request_is_lost(shop: Shop, endpoint: str) -> None:
    with under_load(shop):
        old = shop.worker(endpoint)
        kill(old)
        until(lambda: shop.worker(endpoint) not in {0, old}, what="another worker")
    assert (shop.dev()["state"], shop.dev()["error"]) == ("deployed", None)


def test_a_killed_zygote_is_replaced_with_all_its_workers(shop: Shop) -> None:
    old = {name: shop.worker(name) for name in ("lb_worker", "cpu_worker")}
    zygotes = parents(old.values())
    with under_load(shop):
        kill(*zygotes)
        for name, pid in old.items():
            until(lambda name=name, pid=pid: shop.worker(name) not in {0, pid}, what=f"another {name}")
    assert not family(*old.values())


def test_no_acknowledged_job_is_lost_with_the_platform(shop: Shop) -> None:
    gate = shop.gate("job")
    with closing(shop.queue.connection()) as queue:
        jobs = [submit(queue, gate=str(gate)) for _ in range(3)]
        until(lambda: status(queue, jobs[0]) == "IN_PROGRESS", what="the first job to begin")
        before = shop.dev()
        kill(shop.command.platform_pid())
    until(lambda: not shop.command.processes(), what="the workers to end with their platform")
    shop.command.run("platform", "start")
    after = shop.dev()
    assert [after[key] for key in ("state", "error", "build")] == [before[key] for key in ("state", "error", "build")]
    gate.touch()
    with closing(shop.queue.connection()) as queue:
        assert [final(queue, job)["status"] for job in jobs] == ["COMPLETED"] * 3


def test_a_release_cut_off_by_the_platforms_death_is_told_and_the_old_build_serves(shop: Shop) -> None:
    gate, number, before = shop.gate("boot"), next(shop.numbers), shop.dev()["build"]
    held(shop.project, number, gate)
    with shop.command.started("deploy", "--json", cwd=shop.project) as deploy:
        until(lambda: shop.dev()["state"] == "deploying", what="the release to boot")
        kill(shop.command.platform_pid())
        assert deploy.wait(30) == 5
    shop.command.run("platform", "start")
    after = shop.dev()
    assert (after["state"], after["error"]["code"], after["build"]) == ("failed", "interrupted", before)
    newest = shop.command.json("history", "dev", cwd=shop.project)[0]
    assert (newest["outcome"], newest["error"]["code"]) == ("failed", "interrupted")
    gate.touch()
    assert shop.command.json("deploy", cwd=shop.project)["state"] == "deployed"
    assert shop.answer() == number


def test_a_watch_brings_the_platform_back_and_its_save_goes_live(shop: Shop) -> None:
    gate, number = shop.gate("boot"), next(shop.numbers)
    with shop.watched() as watch:
        held(shop.project, number, gate)
        until(lambda: watch.environment()["state"] == "deploying", what="the release to boot")
        kill(shop.command.platform_pid())
        watch.until("waiting")
        gate.touch()
        live = until(lambda: watch.live(number), what="the save to go live")
    assert (shop.dev()["state"], shop.dev()["build"]["version"]) == ("deployed", live["version"])
    assert shop.answer() == number


def test_a_watch_that_is_killed_leaves_nothing_and_the_next_one_takes_over(shop: Shop) -> None:
    gate, number = shop.gate("boot"), next(shop.numbers)
    with under_load(shop):
        with shop.watched() as watch:
            watch.save(in_place, next(shop.numbers))
            held(shop.project, number, gate)
            until(lambda: watch.environment()["state"] == "deploying", what="the release to boot")
            theirs = family(watch.process.pid)
            kill(watch.process.pid)
            until(lambda: not family(*theirs), what="what the watch has started to end with it")
        gate.touch()
        with shop.watched() as watch:
            until(lambda: shop.answer() == number, what="what was saved to go live")
    assert shop.answer() == number


def test_a_watch_whose_zygote_is_killed_builds_on(shop: Shop) -> None:
    with shop.watched() as watch:
        watch.save(in_place, next(shop.numbers))
        zygotes = family(watch.process.pid) - {watch.process.pid}
        assert zygotes
        kill(*zygotes)
        watch.save(in_place, next(shop.numbers))
        until(lambda: not zombies([watch.process.pid]), what="zombies to be collected")


def test_a_new_worker_that_is_killed_as_it_boots_fails_its_release_alone(shop: Shop) -> None:
    with shop.watched() as watch, under_load(shop):
        live = watch.save(in_place, next(shop.numbers))
        held(shop.project, next(shop.numbers), shop.gate("never"))
        booting = until(lambda: booting_workers(watch.environment()), what="the new workers to boot")
        kill(booting[0])
        failed = watch.until("failed")
        assert (failed["stage"], failed["version"]) == ("boot", live["version"])
        assert "SIGKILL" in str(failed["error"])
        assert watch.environment()["state"] == "failed"
        watch.save(in_place, next(shop.numbers))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [1, 2])
def test_all_converges_whatever_is_killed_whenever(shop: Shop, seed: int) -> None:
    chance, accepted, rounds_left = random.Random(seed), list[str](), 100
    while rounds_left:
        with shop.watched() as watch:
            while rounds_left and watch.process.poll() is None:
                rounds_left -= 1
                accepted += kill_one(shop, watch, chance)
        until(lambda: not family(watch.process.pid), what="the watch to end")
    with closing(shop.queue.connection()) as queue:
        jobs = [final(queue, job_id) for job_id in accepted]
    assert [job for job in jobs if job["status"] != "COMPLETED" and "given up after" not in job["error"]] == []


def kill_one(shop: Shop, watch: Watch, chance: random.Random) -> list[str]:
    """Hand in jobs, save, kill somebody while that is under way, and see it go live or fail; ids of the jobs."""
    number, victim, before, seen = (
        next(shop.numbers),
        chance.choice(sorted(VICTIM_PIDS)),
        shop.answer(),
        len(watch.heard),
    )
    jobs = submitted(shop)
    in_place(shop.project, number)
    time.sleep(chance.uniform(0, 0.5))
    gone = VICTIM_PIDS[victim](shop, watch) & set(shop.command.processes())
    stage = shop.dev()["state"]
    kill(*gone)
    print(f"{number} is saved, {victim} {sorted(gone)} is killed while {stage}")
    until(lambda: not family(*gone), what=f"{victim} to be gone")
    if victim in {"platform", "zygote"}:
        shop.command.run("platform", "start")
    if victim == "watch":
        with shop.watched():
            until(lambda: shop.answer() == number, what=f"{number} to go live")
    until(lambda: shop.answer() == number or watch.has_said("failed", seen), what=f"{number} to go live, or to fail")
    if watch.has_said("failed", seen):
        assert (shop.dev()["state"], shop.answer()) == ("failed", before)
    return jobs


VICTIM_PIDS: dict[str, Callable[[Shop, Watch], set[int]]] = {
    "lb_worker": lambda shop, _: shop.pids("lb_worker"),
    "cpu_worker": lambda shop, _: shop.pids("cpu_worker"),
    "zygote": lambda shop, _: parents(shop.pids("lb_worker")),
    "platform": lambda shop, _: {shop.platform()["pid"]},
    "watch": lambda _, watch: {watch.process.pid},
    "builder": lambda _, watch: family(watch.process.pid) - {watch.process.pid},
}
"""Who is killed: what it is called, and which processes that are. Some may be gone before they are killed."""


def submitted(shop: Shop) -> list[str]:
    """Ids of a few jobs that were accepted."""
    with closing(shop.queue.connection()) as queue:
        return [submit(queue, seconds=0.2) for _ in range(3)]


def booting_workers(environment: Any) -> list[int]:
    """Processes of workers that are not ready."""
    workers = [worker for endpoint in environment["endpoints"] for worker in endpoint["workers"]]
    return [worker["pid"] for worker in workers if worker["state"] == "initializing" and worker["pid"]]
