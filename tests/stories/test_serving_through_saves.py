"""Dev keeps serving while it is saved, well or badly: no request fails, none is answered by older code than is live."""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from tests.command import FlashTui, until
from tests.load import Load, Place, final, find_endpoint, status, submit
from tests.stories.saving import BROKEN, GOOD, QUEUE, Watch, in_place, number_it, watching

pytestmark = [
    pytest.mark.timeout(300),  # the first layers come over the network
]


@dataclass(frozen=True)
class Shop:
    """A deployed project under a watch."""

    command: FlashTui
    watch: Watch
    http: Place
    queue: Place
    numbers: Iterator[int]
    """For saves: each greater than all before."""


@pytest.fixture(scope="module")
def shop(platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    command = FlashTui(home=platform.home.root, layers=platform.home.layers)
    project = tmp_path_factory.mktemp("saves") / f"shop-{uuid4().hex[:8]}"
    command.run("init", str(project))
    number_it(project)
    command.run("deploy", cwd=project)
    http, queue = (find_endpoint(command, project, name) for name in ("lb_worker", "cpu_worker"))
    with watching(command, project, http) as watch:
        yield Shop(command, watch, http, queue, itertools.count(1))
    command.run("app", "delete", project.name, "--yes")


@contextmanager
def under_load(shop: Shop) -> Generator[None]:
    """Four requests in flight on each endpoint; fails if one of them did, or was answered by old code."""
    loads = {"load-balanced": Load(shop.http.http), "queue": Load(shop.queue.queue)}
    with ExitStack() as stack:
        for load in loads.values():
            stack.enter_context(load.running())
        yield
    lives = shop.watch.lives()
    for name, load in loads.items():
        print(load.summary(name))
        assert load.failures == [], name
        assert load.stale(lives) == [], name
        assert load.opened == len(load.callers), f"{name}: keep-alive connections broke"
        saves = {answer.save for answer in load.answers}
        assert saves <= {0, *(number for _, number in lives)}, f"{name}: code answered that never went live"
        assert lives[-1][1] in saves, name
    print(f"{len(lives)} builds went live")


def test_no_request_fails_through_good_and_broken_saves(shop: Shop) -> None:
    watch = shop.watch
    with under_load(shop):
        for way, kind in zip(itertools.cycle(GOOD), (*BROKEN, None), strict=False):
            live = watch.save(way, next(shop.numbers))
            served = watch.environment()
            assert (served["state"], served["build"]["version"]) == ("deployed", live["version"])
            if kind is not None:
                failed = watch.break_it(kind, next(shop.numbers))
                served = watch.environment()
                assert failed["version"] == served["build"]["version"] == live["version"]
                assert served["state"] == ("failed" if failed["stage"] == "boot" else "deployed")


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("saves", "seconds"), [(0, 30.0), (200, 0.0)])
def test_no_request_fails_through_many_saves(shop: Shop, saves: int, seconds: float) -> None:
    ways, kinds = itertools.cycle(GOOD), itertools.cycle(BROKEN)
    until_s = time.monotonic() + seconds
    with under_load(shop):
        for count in itertools.count(1):
            shop.watch.save(next(ways), next(shop.numbers))
            if count % 3 == 0:
                shop.watch.break_it(next(kinds), next(shop.numbers))
            if count >= saves and time.monotonic() > until_s:
                break


def test_what_was_begun_before_a_switch_ends_on_the_code_it_began_with(shop: Shop, tmp_path: Path) -> None:
    gate, old, new = tmp_path / "gate", next(shop.numbers), next(shop.numbers)
    shop.watch.save(in_place, old)
    with (
        closing(shop.queue.connection()) as queue,
        closing(shop.http.connection()) as http,
        ThreadPoolExecutor() as pool,
    ):
        begun = [submit(queue, gate=str(gate), seconds=2), submit(queue)]
        until(lambda: status(queue, begun[0]) == "IN_PROGRESS", what="the job to begin")
        request = pool.submit(http.ask, "GET", f"/save?gate={gate}")
        shop.watch.save(in_place, new)
        assert status(queue, begun[0]) == "IN_PROGRESS"
        assert not request.done()
        gate.touch()
        assert request.result() == {"save": old}
        jobs = [final(queue, job_id) for job_id in begun]
    assert [(job["status"], job["output"]["save"]) for job in jobs] == [("COMPLETED", old), ("COMPLETED", new)]


def test_taking_back_a_save_whose_workers_did_not_boot_ends_the_failure(shop: Shop) -> None:
    watch, number = shop.watch, next(shop.numbers)
    live = watch.save(in_place, number)
    watch.break_it("workers", next(shop.numbers))
    assert watch.environment()["state"] == "failed"
    in_place(watch.project, number)
    until(lambda: watch.environment()["state"] == "deployed", what="dev to be well again")
    assert watch.environment()["build"]["version"] == live["version"]


def test_no_request_fails_while_other_endpoints_come_and_go(shop: Shop) -> None:
    watch = shop.watch
    with under_load(shop):
        watch.save(in_place, next(shop.numbers))
        (watch.project / "extra.py").write_text(QUEUE.replace("cpu_worker", "extra").replace("analyze", "other"))
        until(lambda: len(watch.environment()["endpoints"]) == 3, what="an endpoint to come")
        (watch.project / "extra.py").unlink()
        until(lambda: len(watch.environment()["endpoints"]) == 2, what="it to go")


def test_no_request_fails_through_a_promotion_and_rollbacks(shop: Shop) -> None:
    command, project = shop.command, shop.watch.project
    shop.watch.save(in_place, next(shop.numbers))
    command.json("promote", "dev", "staging", "--yes", cwd=project)
    http, queue = (find_endpoint(command, project, name, "staging") for name in ("lb_worker", "cpu_worker"))
    loads = [Load(http.http), Load(queue.queue)]
    shop.watch.save(in_place, next(shop.numbers))
    with loads[0].running(), loads[1].running():
        for act in ("promote dev staging", "rollback staging", "rollback staging"):
            command.json(*act.split(), "--yes", cwd=project)
    assert [load.failures for load in loads] == [[], []]
