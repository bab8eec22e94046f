"""Decisions of promote and rollback, as tables."""

from __future__ import annotations

import pytest

from flash_tui.deploy.plan import find_build, is_same_artifact, promotion_stages, rollback_build, served_in, serving
from flash_tui.models.app import Pipeline
from flash_tui.models.errors import Conflict, NotFound, UsageError
from flash_tui.models.states import EnvironmentState, Outcome
from tests.builders import a_build, a_deployment, a_digest, a_reference, an_environment

BUILDS = tuple(a_build(version) for version in (14, 13, 12, 11))
PIPELINE = Pipeline()


@pytest.mark.parametrize(
    "text", ["v12", "12", "build_12", a_digest(12), a_digest(12)[:6], a_digest(12)[:6].upper(), " 12 "]
)
def test_a_build_is_found_by_whatever_names_it(text: str) -> None:
    assert find_build(BUILDS, text).version == 12


@pytest.mark.parametrize("text", ["v99", "latest", "0ca2b", "", "v", "-12", "ffffff", "v\u0661\u0662"])
def test_what_names_no_build_says_how_to_name_one(text: str) -> None:
    with pytest.raises(NotFound) as caught:
        find_build(BUILDS, text)
    assert "v14" in caught.value.hint


def test_digits_that_fit_several_builds_are_refused() -> None:
    twins = (a_build(2, digest="abcdef" + "1" * 58), a_build(1, digest="abcdef" + "2" * 58))
    with pytest.raises(UsageError, match="v2, v1"):
        find_build(twins, "abcdef")


def test_six_digits_that_are_a_version_are_that_version() -> None:
    assert find_build((a_build(123456), a_build(7, digest="123456" + "0" * 58)), "123456").version == 123456


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (None, None, ("dev", "staging")),
        ("staging", None, ("staging", "production")),
        (None, "production", ("dev", "production")),
        ("preview", "staging", ("preview", "staging")),
    ],
)
def test_a_promotion_goes_one_stage_on_unless_told(source: str | None, target: str | None, expected) -> None:
    assert promotion_stages(PIPELINE, source, target) == expected


@pytest.mark.parametrize(("source", "target"), [("production", None), ("preview", None), ("dev", "dev")])
def test_a_promotion_to_nowhere_is_refused(source: str, target: str | None) -> None:
    with pytest.raises(UsageError):
        promotion_stages(PIPELINE, source, target)


def test_what_serves_is_promoted_in_any_state() -> None:
    assert serving(an_environment(build=13, state=EnvironmentState.FAILED)).version == 13


def test_nothing_can_be_taken_from_an_environment_that_serves_nothing() -> None:
    with pytest.raises(NotFound, match="nothing serves in dev"):
        serving(an_environment(build=None))


def test_a_rollback_goes_to_what_served_before() -> None:
    assert rollback_build(an_environment(build=14, previous=12), BUILDS, (), None).version == 12


def test_a_rollback_without_a_past_is_refused() -> None:
    with pytest.raises(Conflict, match="nothing served in dev before"):
        rollback_build(an_environment(build=14), BUILDS, (), None)


def test_a_rollback_takes_any_build_that_has_served_there() -> None:
    past = (a_deployment(2, to=13, was=11), a_deployment(1, environment="staging", to=12, was=None))
    environment = an_environment(build=14)
    assert rollback_build(environment, BUILDS, past, "v11").version == 11
    with pytest.raises(Conflict, match="v12 never served in dev"):
        rollback_build(environment, BUILDS, past, "v12")


def test_a_build_that_failed_to_boot_never_served() -> None:
    past = (a_deployment(1, to=13, was=11, outcome=Outcome.FAILED),)
    assert served_in(an_environment(build=14), past) == {"build_14", "build_11"}


@pytest.mark.parametrize("text", [None, "v12"])
def test_a_collected_build_is_no_rollback_target(text: str | None) -> None:
    builds = (a_build(14), a_build(12, gone=True))
    with pytest.raises(Conflict, match="v12 was collected"):
        rollback_build(an_environment(build=14, previous=12), builds, (), text)


def test_equal_bytes_under_another_id_are_the_same_artifact() -> None:
    copy = a_reference(14).model_copy(update={"id": "build_copy"})
    assert is_same_artifact(an_environment(build=14), copy)
    assert not is_same_artifact(an_environment(build=14, state=EnvironmentState.FAILED), copy)
    assert not is_same_artifact(an_environment(build=14), a_reference(13))
    assert not is_same_artifact(an_environment(build=14), a_reference(14))  # the platform decides
