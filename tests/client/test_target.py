"""A name or URL → where a platform is reached, and whose key goes there."""

from __future__ import annotations

from pathlib import Path

import pytest

from flash_tui.client.target import find_key, origin_target, resolve_target
from flash_tui.models.errors import Unauthorised, UsageError
from tests.builders import a_settings
from tests.client.networks import KEY, a_target


def a_home_with(tmp_path: Path, config: str) -> dict[str, str]:
    folder = tmp_path / ".runpod"
    folder.mkdir()
    (folder / "config.toml").write_text(config)
    return {"HOME": str(tmp_path)}


def test_an_origin_has_every_part_below_it() -> None:
    target = a_target("http://127.0.0.1:8080/")
    assert target.graphql_url == "http://127.0.0.1:8080/graphql"
    assert target.data_url == "http://127.0.0.1:8080/v2"
    assert target.rest_url == "http://127.0.0.1:8080/v1"
    assert target.extension_url == "http://127.0.0.1:8080/flash-tui/v1"


@pytest.mark.parametrize("text", ["nowhere", "ftp://host", "http://", "http://h:port", "http://u:p@h", "http://h?x=1"])
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a target"):
        origin_target(text, {"RUNPOD_API_KEY": KEY})


def test_an_origin_without_a_key_says_which_variable_is_missing() -> None:
    with pytest.raises(Unauthorised) as caught:
        origin_target("http://host", {"RUNPOD_API_KEY": " "})
    assert "RUNPOD_API_KEY" in caught.value.hint


@pytest.mark.anyio
async def test_runpod_is_the_official_hosts() -> None:
    settings = a_settings(target="runpod")
    target = await resolve_target(settings, environ={"RUNPOD_API_KEY": KEY})
    assert target.graphql_url == "https://api.runpod.io/graphql"
    assert target.data_url == "https://api.runpod.ai/v2"
    assert target.extension_url is None


def test_the_variable_goes_before_the_file(tmp_path: Path) -> None:
    environ = a_home_with(tmp_path, '[default]\napi_key = "from-file"') | {"RUNPOD_API_KEY": KEY}
    assert find_key(environ) == (KEY, "RUNPOD_API_KEY")


@pytest.mark.parametrize("config", ['[default]\napi_key = "kept"', 'apikey = "kept"'])
def test_the_key_of_either_official_tool_is_found(tmp_path: Path, config: str) -> None:
    key, source = find_key(a_home_with(tmp_path, config))
    assert (key, source) == ("kept", str(tmp_path / ".runpod" / "config.toml"))


@pytest.mark.parametrize("config", ["[default]\nother = 1\n", "", '[default]\napi_key = ""', "[default]\napi_key = 3"])
def test_a_file_without_a_key_asks_for_a_login(tmp_path: Path, config: str) -> None:
    with pytest.raises(Unauthorised) as caught:
        find_key(a_home_with(tmp_path, config))
    assert "flash-tui login" in caught.value.hint


def test_a_broken_file_is_named_without_its_content(tmp_path: Path) -> None:
    with pytest.raises(Unauthorised) as caught:
        find_key(a_home_with(tmp_path, f"api_key = {KEY}"))
    assert caught.value.where.endswith("config.toml")
    assert KEY not in str(caught.value.document())


def test_a_target_never_prints_its_key() -> None:
    assert KEY not in repr(a_target())


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("https://api.test/v2/ep", True),
        ("https://ep1.api.test/hello", True),
        ("https://api.test:444/v2", False),
        ("http://api.test/v2", False),
        ("http://ep1.api.test/hello", False),
        ("https://evilapi.test/", False),
        ("https://evil.test/?api.test", False),
    ],
)
def test_only_places_of_the_target_are_its_own(url: str, *, known: bool) -> None:
    assert a_target("https://api.test").knows(url) is known


def test_a_load_balanced_endpoint_is_a_name_in_the_cloud_and_a_path_on_plain_http() -> None:
    assert a_target("https://api.test").endpoint_url("ep1", is_load_balanced=True) == "https://ep1.api.test"
    assert a_target("http://h:1").endpoint_url("ep1", is_load_balanced=True) == "http://h:1/lb/ep1"
    assert a_target("http://h:1").endpoint_url("ep1", is_load_balanced=False) == "http://h:1/v2/ep1"
