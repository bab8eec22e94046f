"""The official protocol's answers in our nouns, as tables."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from flash_tui.client.data_plane import Health, HealthWorkers
from flash_tui.client.operations import OfficialApp, OfficialEndpoint, OfficialEnvironment
from flash_tui.client.record_book import Records
from flash_tui.client.translation import endpoint_state, translate_builds, translate_endpoint, translate_environment
from flash_tui.models.deployment import Deployment
from flash_tui.models.states import Cause, EndpointKind, EndpointState, EnvironmentState, Outcome, WorkerState
from tests.builders import APP, a_deployment, a_reference
from tests.client.networks import a_target

NEWER = {"id": "b-late", "createdAt": "2026-01-02T00:00:00Z"}
OLDER = {"id": "b-early", "createdAt": "2026-01-01T00:00:00"}


def an_official_environment(**fields: object) -> OfficialEnvironment:
    return OfficialEnvironment.model_validate({"id": "env_1", "name": "dev", **fields})


def records_of(*deployments: Deployment) -> Records:
    return Records(deployments={item.id: item for item in deployments})


def test_versions_count_builds_by_their_creation() -> None:
    app = OfficialApp.model_validate({"id": "a", "name": APP, "flashBuilds": [OLDER, NEWER, {"id": "b-dateless"}]})
    builds = translate_builds(app, Records())
    assert [(build.id, build.version) for build in builds] == [("b-late", 3), ("b-early", 2), ("b-dateless", 1)]
    assert builds[0].created_at == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "active", "last", "expected"),
    [
        (None, None, None, "pending"),
        ("PENDING", None, None, "pending"),
        (None, "b1", None, "deployed"),
        ("ACTIVE", "b1", None, "deployed"),
        ("deploying", "b1", None, "deploying"),
        ("FAILED", "b1", None, "failed"),
        ("hibernating", "b1", None, "hibernating"),
        ("ACTIVE", "b1", Outcome.FAILED, "failed"),
        ("ACTIVE", "b1", Outcome.CANCELLED, "deployed"),
    ],
)
def test_state_tells_of_the_last_act(word: str | None, active: str | None, last: Outcome | None, expected: str) -> None:
    records = records_of(a_deployment(1, outcome=last)) if last is not None else Records()
    official = an_official_environment(state=word, activeBuildId=active)
    assert translate_environment(APP, official, (), (), records).state == EnvironmentState(expected)


def test_an_act_under_way_is_deploying() -> None:
    official = an_official_environment(activeBuildId="b1")
    environment = translate_environment(APP, official, (), (), records_of(a_deployment(1, outcome=None)))
    assert environment.state is EnvironmentState.DEPLOYING


def test_previous_is_what_served_before_the_last_success() -> None:
    failed = a_deployment(2, to=15, was=14, outcome=Outcome.FAILED)
    records = records_of(a_deployment(1, to=14, was=13, cause=Cause.DEPLOY), failed)
    environment = translate_environment(APP, an_official_environment(activeBuildId="b"), (), (), records)
    assert environment.previous_build == a_reference(13)


@pytest.mark.parametrize(
    ("workers_min", "workers", "expected"),
    [
        (0, {}, EndpointState.HEALTHY),
        (1, {}, EndpointState.STARTING),
        (0, {"initializing": 1}, EndpointState.STARTING),
        (0, {"throttled": 1}, EndpointState.STARTING),
        (0, {"unhealthy": 1}, EndpointState.UNHEALTHY),
        (1, {"unhealthy": 1, "running": 1}, EndpointState.HEALTHY),
        (1, {"idle": 1}, EndpointState.HEALTHY),
    ],
)
def test_an_endpoint_that_may_have_no_workers_is_healthy_when_it_exists(
    workers_min: int, workers: dict[str, int], expected: EndpointState
) -> None:
    assert endpoint_state(workers_min, Health(workers=HealthWorkers(**workers))) is expected


def test_an_endpoint_carries_its_counts_and_the_resources_name() -> None:
    official = OfficialEndpoint(id="ep1", name="web -fb", type="LB", workers_max=3)
    health = Health(workers=HealthWorkers(running=1, ready=2, initializing=1))
    endpoint = translate_endpoint(a_target(), official, health, {"web": ("GET /",)})
    assert (endpoint.name, endpoint.kind, endpoint.routes) == ("web", EndpointKind.LOAD_BALANCED, ("GET /",))
    assert [worker.state for worker in endpoint.workers] == [
        WorkerState.RUNNING,
        WorkerState.IDLE,
        WorkerState.INITIALIZING,
    ]


def test_an_endpoint_that_cannot_be_asked_is_shown_all_the_same() -> None:
    endpoint = translate_endpoint(a_target(), OfficialEndpoint(id="ep1"), None, {})
    assert (endpoint.name, endpoint.workers) == ("ep1", ())
