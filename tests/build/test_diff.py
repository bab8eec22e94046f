from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.build.diff import dependency_changes, manifest_changes, source_changes
from flash_tui.models.release import Change


def a_manifest(**resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": "1.0", "resources": resources}


def a_route(method: str, path: str, name: str = "handler") -> dict[str, Any]:
    return {"name": name, "http_method": method, "http_path": path}


def lines(changes: tuple[Change, ...]) -> list[str]:
    return [f"{change.kind}: {change.name} {change.change}" for change in changes]


def test_equal_manifests_have_no_changes() -> None:
    assert manifest_changes(a_manifest(a={"workersMax": 2}), a_manifest(a={"workersMax": 2})) == ()


def test_resources_come_and_go() -> None:
    changes = manifest_changes(a_manifest(old={}, kept={}), a_manifest(new={}, kept={}))
    assert lines(changes) == ["resource: new added", "resource: old removed"]


def test_the_first_build_adds_everything() -> None:
    assert lines(manifest_changes(None, a_manifest(a={}))) == ["resource: a added"]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ({"workersMax": 2}, {"workersMax": 3}, "setting: a max 2 ▸ 3"),
        ({}, {"minCudaVersion": "12.8"}, "setting: a min CUDA none ▸ 12.8"),
        ({"gpuIds": "ADA_24"}, {"instanceIds": "cpu3c-1-2"}, "setting: a gpu ADA_24 ▸ none"),
        (
            {"template": {"containerDiskInGb": 10}},
            {"template": {"containerDiskInGb": 64}},
            "setting: a disk (GB) 10 ▸ 64",
        ),
        ({"networkVolumes": [{"name": "m"}]}, {}, "setting: a volumes m ▸ none"),
        ({"functions": [{"name": "f"}]}, {"functions": [{"name": "g"}]}, "setting: a function f ▸ g"),
        ({"functions": [a_route("GET", "/x")]}, {"functions": [a_route("POST", "/x")]}, "route: a GET /x removed"),
        (
            {"functions": [a_route("GET", "/x", "one")]},
            {"functions": [a_route("GET", "/x", "two")]},
            "route: a GET /x changed",
        ),
        ({"env": {"KEY": "old"}}, {"env": {"KEY": "new"}}, "environment: a KEY changed"),
    ],
)
def test_a_change_is_told_in_words(before: dict[str, Any], after: dict[str, Any], line: str) -> None:
    assert line in lines(manifest_changes(a_manifest(a=before), a_manifest(a=after)))


def test_no_value_of_a_variable_is_shown() -> None:
    changes = manifest_changes(a_manifest(a={"env": {"KEY": "hunter2"}}), a_manifest(a={"env": {"KEY": "hunter3"}}))
    assert "hunter" not in str(changes)


def test_what_changes_with_every_build_is_no_change() -> None:
    before = a_manifest(a={"endpoint_id": "x", "aiKey": "y"}) | {"generated_at": "1", "source_fingerprint": "1"}
    assert manifest_changes(before, a_manifest(a={}) | {"generated_at": "2"}) == ()


def test_packages_come_go_and_move() -> None:
    changes = dependency_changes(["a==1", "b==1", "c==1"], ["b==2", "c==1", "d @ https://example.org/d.whl"])
    assert lines(changes) == [
        "dependency: a removed",
        "dependency: b 1 ▸ 2",
        "dependency: d @ https://example.org/d.whl added",
    ]


def test_files_come_go_and_change() -> None:
    changes = source_changes({"a": "1", "b": "1", "c": "1"}, {"b": "2", "c": "1", "d": "1"})
    assert lines(changes) == ["source: a removed", "source: b changed", "source: d added"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["resources", "functions", "env", "template", "networkVolumes", "x"]), inner)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.just("resources"), JSON), st.dictionaries(st.just("resources"), JSON))
def test_no_manifest_however_odd_breaks_it(before: dict[str, Any], after: dict[str, Any]) -> None:
    manifest_changes(before, after)
