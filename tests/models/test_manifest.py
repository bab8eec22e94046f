from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.models.errors import BuildFailed
from flash_tui.models.manifest import MAX_RESOURCES, parse_manifest
from flash_tui.models.states import EndpointKind

QUEUE = {"resource_type": "CpuLiveServerless", "functions": [{"name": "scale"}], "handler_file": "handler_scale.py"}
WEB = {
    "resource_type": "CpuLiveLoadBalancer",
    "is_load_balanced": True,
    "functions": [{"name": "health", "http_method": "GET", "http_path": "/health"}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=20,
)


def manifest(**resources: object) -> dict[str, Any]:
    return {"version": "1.0", "resources": resources}


def test_resources_say_their_kind_and_handler() -> None:
    parsed = parse_manifest(manifest(scale=QUEUE, web=WEB))
    assert parsed.resources["scale"].kind is EndpointKind.QUEUE
    assert parsed.resources["web"].routes == ("GET /health",)
    assert parsed.handler_file("web") == "handler_web.py"


def test_a_third_party_image_runs_in_the_cloud_only() -> None:
    parsed = parse_manifest(manifest(vllm={"resource_type": "LiveServerless", "client_mode": True}))
    assert not parsed.resources["vllm"].runs_locally


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "a\\b", "nul\x00", "x" * 201, ""])
def test_a_resource_whose_name_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(BuildFailed, match="file name"):
        parse_manifest(manifest(**{name: QUEUE}))


def test_a_handler_outside_the_artifact_is_refused() -> None:
    with pytest.raises(BuildFailed, match="file name"):
        parse_manifest(manifest(scale=QUEUE | {"handler_file": "/bin/sh"}))


def test_more_resources_than_any_app_has_are_refused() -> None:
    with pytest.raises(BuildFailed, match="more resources"):
        parse_manifest(manifest(**{f"r{number}": QUEUE for number in range(MAX_RESOURCES + 1)}))


@given(st.dictionaries(st.sampled_from(["version", "resources", "routes", "python_version"]), JSON))
def test_any_json_is_read_or_refused_with_a_place(raw: dict[str, Any]) -> None:
    try:
        places = [resource.file_path for resource in parse_manifest(raw).resources.values()]
    except BuildFailed as error:
        places = [error.where, error.hint]
    assert all(isinstance(place, str) for place in places)
