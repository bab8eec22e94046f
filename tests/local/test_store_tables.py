"""Rows ↔ models: names, versions, compare-and-set, retention, records that outlive what they are about."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flash_tui.local.store import apps, builds, deployments, endpoints, environments, logins, templates, volumes
from flash_tui.local.store.database import migrate
from flash_tui.local.store.endpoints import Lifecycle
from flash_tui.models.errors import Conflict, ErrorDocument, NotFound, UsageError
from flash_tui.models.identifiers import EnvironmentId
from flash_tui.models.manifest import parse_manifest
from flash_tui.models.states import Cause, EndpointKind, EnvironmentState, Outcome
from tests.local.state_builders import (
    a_build,
    a_digest,
    a_load_balanced_resource,
    a_manifest,
    a_record,
    a_release,
    a_resource,
    an_app,
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA foreign_keys = ON")
    migrate(connection, tmp_path)
    yield connection
    connection.close()


def test_an_app_lists_its_environments_in_the_order_asked_for(db: sqlite3.Connection) -> None:
    app = an_app(db, "shop", "staging")
    assert environments.ensure_environments(db, app.id, ("dev", "staging", "production"))
    assert apps.get_app(db, "shop").environments == ("dev", "staging", "production")
    assert not environments.ensure_environments(db, app.id, ("dev", "staging", "production"))


def test_an_unknown_app_is_not_found_in_the_official_words(db: sqlite3.Connection) -> None:
    with pytest.raises(NotFound, match="app not found"):
        apps.get_app(db, "nobody")


@pytest.mark.parametrize("name", ["", "a/b", "..", "a\nb", " a", "x" * 101])
def test_a_name_that_fits_no_url_is_refused(db: sqlite3.Connection, name: str) -> None:
    with pytest.raises(UsageError):
        apps.create_app(db, name)


def test_versions_count_per_app_and_the_same_digest_is_the_same_build(db: sqlite3.Connection) -> None:
    shop, other = an_app(db), an_app(db, "other")
    assert [a_build(db, shop.id, text).version for text in ("one", "two", "one")] == [1, 2, 1]
    assert a_build(db, other.id, "two").version == 1
    assert [build.version for build in builds.list_builds(db, shop.id)] == [2, 1]


def test_a_collected_build_is_whole_again_when_it_is_registered_again(db: sqlite3.Connection) -> None:
    app = an_app(db)
    build = a_build(db, app.id)
    builds.mark_gone(db, frozenset({build.id}))
    assert builds.get_build(db, build.id).gone
    assert not a_build(db, app.id).gone


def test_the_commit_moves_active_and_previous_and_clears_the_error(db: sqlite3.Connection) -> None:
    app = an_app(db)
    one, two = a_build(db, app.id, "one"), a_build(db, app.id, "two")
    first = a_release(db, app.id, "dev", one)
    environments.set_state(db, first.id, EnvironmentState.FAILED, error=ErrorDocument(code="boot_failed", what="no"))
    second = a_release(db, app.id, "dev", two)
    assert (second.state, second.error) == (EnvironmentState.DEPLOYED, None)
    assert (second.active_build, second.previous_build) == (two.reference(), one.reference())
    assert builds.get_build(db, two.id).runs_in == ("dev",)


def test_rolling_back_twice_swaps(db: sqlite3.Connection) -> None:
    app = an_app(db)
    one, two = a_build(db, app.id, "one"), a_build(db, app.id, "two")
    for build in (one, two, one):
        environment = a_release(db, app.id, "dev", build)
    assert (environment.active_build, environment.previous_build) == (one.reference(), two.reference())


def test_an_undeployed_environment_is_pending_and_remembers_what_served(db: sqlite3.Connection) -> None:
    app = an_app(db)
    one = a_build(db, app.id)
    a_release(db, app.id, "dev", one)
    environment = a_release(db, app.id, "dev", None, Cause.UNDEPLOY)
    assert (environment.state, environment.active_build) == (EnvironmentState.PENDING, None)
    assert environment.previous_build == one.reference()


def test_a_commit_on_something_else_than_expected_is_a_conflict(db: sqlite3.Connection) -> None:
    app = an_app(db)
    one, two = a_build(db, app.id, "one"), a_build(db, app.id, "two")
    environment = a_release(db, app.id, "dev", one)
    with pytest.raises(Conflict, match="it serves v1"):
        environments.switch_build(db, environment.id, two.id, expected=two.id)


def test_an_older_generation_is_refused_and_an_equal_one_is_not(db: sqlite3.Connection) -> None:
    app = an_app(db)
    build = a_build(db, app.id)
    dev = environments.get_environment_named(db, app.id, "dev")
    environments.switch_build(db, dev.id, build.id, expected=None, generation=7)
    with pytest.raises(Conflict, match="generation 7"):
        environments.switch_build(db, dev.id, build.id, expected=build.id, generation=6)
    assert environments.switch_build(db, dev.id, build.id, expected=build.id, generation=7).generation == 7


def test_an_endpoint_keeps_its_id_while_its_resource_comes_and_goes(db: sqlite3.Connection) -> None:
    app = an_app(db)
    dev = environments.get_environment_named(db, app.id, "dev").id
    both = parse_manifest(a_manifest(resize=a_resource(), web=a_load_balanced_resource()))
    resize, web = endpoints.release_endpoints(db, dev, both)
    assert (web.kind, web.routes) == (EndpointKind.LOAD_BALANCED, ("GET /hello",))
    assert endpoints.release_endpoints(db, dev, parse_manifest(a_manifest(web=a_load_balanced_resource()))) == (web,)
    assert [e.id for e in endpoints.release_endpoints(db, dev, both)] == [resize.id, web.id]
    assert endpoints.release_endpoints(db, dev, None) == ()


def test_reserved_endpoints_do_not_serve_until_the_release_commits(db: sqlite3.Connection) -> None:
    app = an_app(db)
    dev = environments.get_environment_named(db, app.id, "dev").id
    (reserved,) = endpoints.reserve_endpoints(db, dev, parse_manifest(a_manifest()))
    assert reserved.lifecycle is Lifecycle.RETIRED
    assert endpoints.list_endpoints(db, dev) == ()
    (released,) = endpoints.release_endpoints(db, dev, parse_manifest(a_manifest()))
    assert released.id == reserved.id
    assert endpoints.resolve_endpoint(db, "shop", "dev", "resize") == released


def test_the_version_of_an_endpoint_counts_changes_of_settings_only(db: sqlite3.Connection) -> None:
    app = an_app(db)
    dev = environments.get_environment_named(db, app.id, "dev").id
    for workers, version in ((1, 1), (1, 1), (3, 2)):
        manifest = parse_manifest(a_manifest(resize=a_resource(workersMax=workers)))
        assert endpoints.release_endpoints(db, dev, manifest)[0].version == version


def test_a_manifest_with_absurd_numbers_is_stored_within_bounds(db: sqlite3.Connection) -> None:
    app = an_app(db)
    dev = environments.get_environment_named(db, app.id, "dev").id
    absurd = a_resource(workersMin=-5, workersMax=10**30, idleTimeout=0, scalerValue=10**30, max_concurrency=-1)
    (released,) = endpoints.release_endpoints(db, dev, parse_manifest(a_manifest(resize=absurd)))
    assert (released.workers_min, released.workers_max, released.max_concurrency) == (0, 1_000_000, 1)


def test_records_outlive_their_app(db: sqlite3.Connection) -> None:
    app = an_app(db)
    build = a_build(db, app.id)
    a_release(db, app.id, "dev", build)
    apps.delete_app(db, app.id)
    (record,) = deployments.list_deployments(db, "shop")
    assert (record.to_build, record.outcome) == (build.reference(), Outcome.SUCCEEDED)


def test_the_first_outcome_of_a_record_holds(db: sqlite3.Connection) -> None:
    app = an_app(db)
    dev = environments.get_environment_named(db, app.id, "dev")
    record = deployments.begin_deployment(db, dev, cause=Cause.SAVE, to_build=None, note="api.py")
    (running,) = deployments.running_deployments(db, dev.id)
    assert (running.deployment, running.environment_id) == (record, dev.id)
    deployments.end_deployment(db, record.id, Outcome.SUCCEEDED, timings_ms={"boot": 12.5})
    ended = deployments.end_deployment(db, record.id, Outcome.CANCELLED)
    assert (ended.outcome, ended.timings_ms) == (Outcome.SUCCEEDED, {"boot": 12.5})
    assert deployments.running_deployments(db) == ()


def test_the_last_five_builds_that_served_and_the_newest_are_retained(db: sqlite3.Connection) -> None:
    app = an_app(db)
    made = [a_build(db, app.id, str(number)) for number in range(20)]
    for build in made[:9]:
        a_release(db, app.id, "dev", build)
    a_release(db, app.id, "staging", made[1])
    kept = builds.retained_builds(db, younger_than_s=-1)
    assert sorted(made.index(build) for build in made if build.id in kept) == [1, 4, 5, 6, 7, 8, 15, 16, 17, 18, 19]


def test_a_build_of_a_running_release_and_a_fresh_one_are_retained(db: sqlite3.Connection) -> None:
    app = an_app(db)
    made = [a_build(db, app.id, str(number)) for number in range(8)]
    dev = environments.get_environment_named(db, app.id, "dev")
    deployments.begin_deployment(db, dev, cause=Cause.ROLLBACK, to_build=made[0].reference())
    assert made[0].id in builds.retained_builds(db, younger_than_s=-1)
    assert builds.retained_builds(db, younger_than_s=60) == {build.id for build in made}


def test_the_manifest_as_built_is_not_touched_by_what_a_deployment_adds(db: sqlite3.Connection) -> None:
    app = an_app(db)
    build = a_build(db, app.id)
    builds.set_deployed_manifest(db, build.id, a_manifest(resize=a_resource(aiKey="secret")))
    assert builds.get_manifest(db, build.id) == a_manifest()
    assert builds.get_deployed_manifest(db, build.id)["resources"]["resize"]["aiKey"] == "secret"
    assert builds.get_record(db, build.id) == a_record("one")


def test_a_template_is_merged_and_cloned(db: sqlite3.Connection) -> None:
    first = templates.save_template(db, {"name": "a", "env": [{"key": "K", "value": "1"}]})
    assert templates.save_template(db, {"name": "b"}, first) == first
    copy = templates.clone_template(db, first)
    assert copy is not None
    found = templates.find_template(db, copy)
    assert found == {"id": copy, "name": "b", "env": [{"key": "K", "value": "1"}]}
    assert templates.template_env(found) == {"K": "1"}


def test_a_volume_is_told_by_name_and_data_center(db: sqlite3.Connection) -> None:
    app = an_app(db)
    models, is_new = volumes.ensure_volume(db, "models", 20, "EU-RO-1")
    assert is_new
    assert volumes.ensure_volume(db, "models", 50, "EU-RO-1") == (models, False)
    dev = environments.get_environment_named(db, app.id, "dev")
    volumes.attach_volume(db, dev.id, models.id)
    assert volumes.volumes_of(db, dev.id) == (models,)


def test_a_release_makes_and_attaches_the_volumes_its_resources_ask_for(db: sqlite3.Connection) -> None:
    app = an_app(db)
    dev = environments.get_environment_named(db, app.id, "dev").id
    wanted = [{"name": "models", "size": 20, "dataCenterId": "EU-RO-1"}]
    manifest = parse_manifest(a_manifest(a=a_resource(networkVolumes=wanted), b=a_resource(networkVolumes=wanted)))
    endpoints.release_endpoints(db, dev, manifest)
    endpoints.release_endpoints(db, dev, manifest)
    assert [(volume.name, volume.size_gb) for volume in volumes.volumes_of(db, dev)] == [("models", 20)]


def test_a_login_is_consumed_once(db: sqlite3.Connection) -> None:
    login = logins.create_login(db)
    assert logins.pending_logins(db) == (login,)
    logins.move_login(db, login.id, logins.LoginStatus.PENDING, logins.LoginStatus.APPROVED)
    logins.move_login(db, login.id, logins.LoginStatus.APPROVED, logins.LoginStatus.CONSUMED)
    with pytest.raises(Conflict):
        logins.move_login(db, login.id, logins.LoginStatus.APPROVED, logins.LoginStatus.CONSUMED)


def test_what_is_not_there_is_not_found(db: sqlite3.Connection) -> None:
    assert builds.find_build_by_digest(db, an_app(db).id, a_digest("none")) is None
    with pytest.raises(NotFound):
        environments.get_environment(db, EnvironmentId("env_none"))
