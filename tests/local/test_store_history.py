"""What must hold whatever happens to an environment, and whenever the platform is killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from flash_tui.local.releases import records as release_records
from flash_tui.local.store import builds, deployments, endpoints, environments
from flash_tui.local.store.apps import list_apps
from flash_tui.local.store.database import Store, migrate
from flash_tui.models.build import Build
from flash_tui.models.deployment import ReleaseRequest
from flash_tui.models.errors import BootFailed, Conflict
from flash_tui.models.states import Cause, EnvironmentState, Outcome
from tests.local.state_builders import a_build, a_load_balanced_resource, a_resource, an_app


class EnvironmentHistory(RuleBasedStateMachine):
    """One environment under any order of acts, against a model of three lines: active, previous, how the last ended."""

    def __init__(self) -> None:
        super().__init__()
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA foreign_keys = ON")
        migrate(self.db, Path(":memory:"))
        app = an_app(self.db)
        self.id = environments.get_environment_named(self.db, app.id, "dev").id
        only_queue = a_build(self.db, app.id, "one", resize=a_resource())
        both = a_build(self.db, app.id, "two", resize=a_resource(), web=a_load_balanced_resource())
        self.builds: list[Build | None] = [only_queue, both, None]
        self.active: Build | None = None
        self.previous: Build | None = None
        self.state = EnvironmentState.PENDING
        self.under_way: tuple[release_records.Accepted, ReleaseRequest, Build | None] | None = None
        self.succeeded = 0
        self.ids: dict[str, str] = {}

    def teardown(self) -> None:
        self.db.close()

    @precondition(lambda self: self.under_way is None)
    @rule(choice=st.integers(0, 2))
    def begin(self, choice: int) -> None:
        build = self.builds[choice]
        request = ReleaseRequest(environment_id=self.id, build_id=build and build.id, cause=Cause.DEPLOY)
        self.under_way = (release_records.accept(self.db, request), request, build)

    @precondition(lambda self: self.under_way is not None)
    @rule()
    def commit(self) -> None:
        assert self.under_way is not None
        accepted, request, build = self.under_way
        release_records.commit(self.db, accepted, request, {})
        if build != self.active:
            self.previous, self.active = self.active, build
        self.state = EnvironmentState.PENDING if build is None else EnvironmentState.DEPLOYED
        self.succeeded += 1
        self.under_way = None

    @precondition(lambda self: self.under_way is not None)
    @rule(outcome=st.sampled_from([Outcome.FAILED, Outcome.CANCELLED, Outcome.SUPERSEDED]))
    def end(self, outcome: Outcome) -> None:
        assert self.under_way is not None
        error = BootFailed("no").document() if outcome is Outcome.FAILED else None
        release_records.close(self.db, self.under_way[0], outcome, error, {})
        self.state = EnvironmentState.FAILED if outcome is Outcome.FAILED else self.state
        self.under_way = None

    @precondition(lambda self: self.under_way is not None)
    @rule()
    def platform_is_killed(self) -> None:
        release_records.close_interrupted(self.db)
        self.state = EnvironmentState.FAILED
        self.under_way = None

    @invariant()
    def it_says_what_serves_and_what_served_before(self) -> None:
        found = environments.get_environment(self.db, self.id)
        assert found.active_build == (self.active and self.active.reference())
        assert found.previous_build == (self.previous and self.previous.reference())
        assert found.state is (self.state if self.under_way is None else EnvironmentState.DEPLOYING)
        assert (found.desired_build_id is None) or self.under_way is not None

    @invariant()
    def its_endpoints_are_those_of_what_serves_under_ids_that_stay(self) -> None:
        names = {one.name: one.id for one in endpoints.list_endpoints(self.db, self.id)}
        wanted = {} if self.active is None else builds.get_manifest(self.db, self.active.id)["resources"]
        assert names.keys() == wanted.keys()
        assert all(self.ids.setdefault(name, found) == found for name, found in names.items())

    @invariant()
    def its_records_are_closed_but_for_the_one_under_way(self) -> None:
        records = deployments.list_deployments(self.db, "shop", "dev", limit=1000)
        assert sum(record.outcome is None for record in records) == (self.under_way is not None)
        assert sum(record.outcome is Outcome.SUCCEEDED for record in records) == self.succeeded

    @invariant()
    def what_serves_and_what_it_could_go_back_to_is_retained(self) -> None:
        kept = builds.retained_builds(self.db, younger_than_s=-1)
        assert {build.id for build in (self.active, self.previous) if build is not None} <= kept


TestEnvironmentHistory = EnvironmentHistory.TestCase
TestEnvironmentHistory.settings = settings(max_examples=40, stateful_step_count=25)


def test_a_commit_after_somebody_elses_is_refused() -> None:
    machine = EnvironmentHistory()
    machine.begin(0)
    assert machine.under_way is not None
    environments.switch_build(machine.db, machine.id, machine.builds[1] and machine.builds[1].id, expected=None)
    with pytest.raises(Conflict):
        release_records.commit(machine.db, *machine.under_way[:2], {})
    machine.teardown()


_WRITER = """
import anyio, sys
from pathlib import Path
from flash_tui.local.store.apps import create_app
from flash_tui.local.store.database import Store

async def main():
    store = await Store.open(Path(sys.argv[1]))
    for number in range(100_000):
        await store.transact(lambda connection: create_app(connection, f"app-{number}"))
        print(number, flush=True)

anyio.run(main)
"""


def _killed_while_writing(path: Path) -> list[int]:
    """What a writer had acknowledged when it was killed."""
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(50)]
    os.kill(writer.pid, signal.SIGKILL)
    acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    writer.stdout.close()
    writer.wait()
    return acknowledged


@pytest.mark.anyio
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    acknowledged = _killed_while_writing(tmp_path / "platform.sqlite3")
    store = await Store.open(tmp_path / "platform.sqlite3")
    names = {app.name for app in await store.transact(list_apps)}
    await store.aclose()
    assert {f"app-{number}" for number in acknowledged} <= names
    assert len(names) <= len(acknowledged) + 1
