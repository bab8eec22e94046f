from __future__ import annotations

import pytest

from flash_tui.build.sdk import allows, asked_python, choose_generation, project_dependencies
from flash_tui.models.errors import BuildFailed
from flash_tui.runtime import pins


@pytest.mark.parametrize(
    ("requirement", "allowed"),
    [
        ("runpod-flash", True),
        ("runpod-flash>=1.19", True),
        ("runpod-flash >=1.19, <2", True),
        ("runpod-flash[cli]~=1.20", True),
        ("runpod-flash~=1.20.0", True),
        ("runpod-flash~=1.20.2", False),
        ("runpod-flash~=1.19.0", False),
        ("runpod-flash==1.20.*", True),
        ("runpod-flash==1.20.1", True),
        ("runpod-flash==1.20.1.0", True),
        ("runpod-flash==1.20", False),
        ("runpod-flash!=1.20.*", False),
        ("runpod-flash!=1.20.0", True),
        ("runpod-flash<1.20.1", False),
        ("runpod-flash<=1.20.1", True),
        ("runpod-flash>1.20.1", False),
        ("runpod-flash (>=1.19)", True),
        ("runpod-flash>=1.19; python_version > '3.9'", True),
        ("runpod-flash @ https://example.org/x.whl", False),
    ],
)
def test_specifiers_are_judged_as_packaging_does(requirement: str, *, allowed: bool) -> None:
    assert allows(requirement, "1.20.1") is allowed


def test_what_requirements_txt_comes_to_decides() -> None:
    assert choose_generation("1.20.0", ["runpod-flash>=1.21"]) == "1.20"


def test_else_the_newest_that_the_project_allows() -> None:
    assert choose_generation(None, ["requests", "Runpod_Flash<1.21"]) == "1.20"


def test_else_the_newest_pinned() -> None:
    assert choose_generation(None, ["requests"]) == pins.NEWEST


@pytest.mark.parametrize(
    ("resolved", "dependencies", "where"),
    [
        ("1.18.2", [], "requirements.txt"),
        ("2.0.0", [], "requirements.txt"),
        (None, ["runpod-flash<1.19"], "pyproject.toml"),
    ],
)
def test_an_sdk_of_another_generation_is_named_beside_ours(
    resolved: str | None, dependencies: list[str], where: str
) -> None:
    with pytest.raises(BuildFailed, match=pins.pinned_version(pins.NEWEST)) as failure:
        choose_generation(resolved, dependencies)
    assert (resolved or "<1.19") in failure.value.what
    assert failure.value.file == where


@pytest.mark.parametrize(
    ("text", "dependencies"),
    [
        (b'[project]\ndependencies = ["runpod-flash>=1.2"]', ("runpod-flash>=1.2",)),
        (b"[project]\nname = 'x'", ()),
        (b"[project]\ndependencies = 1", ()),
        (b"project = 1", ()),
        (b"not toml", ()),
        (b"\xff", ()),
        (None, ()),
    ],
)
def test_project_dependencies_are_read_or_nothing(text: bytes | None, dependencies: tuple[str, ...]) -> None:
    assert project_dependencies(text) == dependencies


@pytest.mark.parametrize(
    ("sources", "python"),
    [
        ([b'Endpoint(name="a", python_version="3.12")'], "3.12"),
        ([b'Endpoint(python_version="3.12")', b'Endpoint(python_version="3.12")'], "3.12"),
        ([b'Endpoint(python_version="3.12")', b'Endpoint(python_version="3.11")'], None),
        ([b"Endpoint(python_version=VERSION)"], None),
        ([b"python_version = ("], None),
        ([b"# python_version"], None),
        ([], None),
    ],
)
def test_the_python_that_endpoints_ask_for_is_read_from_their_source(sources: list[bytes], python: str | None) -> None:
    assert asked_python(sources) == python
