"""Source → artifact: what is made, what is reused, what fails and how it is told."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flash_tui.build.builder import Builder, write_outputs
from flash_tui.models.build import BuiltArtifact
from flash_tui.models.errors import BuildFailed
from flash_tui.models.release import StageReport
from flash_tui.runtime.archive import read_record
from tests.projects import a_project, queue_endpoint, write

pytestmark = pytest.mark.anyio

OpenBuilder = Callable[..., Builder]


def content_of(built: BuiltArtifact) -> bytes:
    return Path(built.path).read_bytes()


async def test_an_artifact_holds_code_handlers_manifest_and_the_sdk(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample")
    built = await write_outputs(await open_builder(root).build(), root)
    with tarfile.open(built.path) as archive:
        names = set(archive.getnames())
    assert built.resources == ("reverse", "web-api")
    assert {"./reverse.py", "./handler_reverse.py", "./handler_web-api.py", "./flash_manifest.json"} <= names
    assert "./runpod_flash/endpoint.py" in names
    assert json.loads((root / ".flash/flash_manifest.json").read_text())["project_name"] == "sample"
    assert read_record(Path(built.path)) is not None


async def test_an_unchanged_project_gives_the_same_build_at_once(open_builder: OpenBuilder, tmp_path: Path) -> None:
    builder = open_builder(a_project(tmp_path / "sample"))
    first = await builder.build()
    stages: list[StageReport] = []
    again = await builder.build(stages.append)
    assert (again.digest, again.tail) == (first.digest, first.tail)
    assert {report.stage for report in stages} == {"check"}


async def test_equal_sources_give_equal_bytes_in_two_folders(open_builder: OpenBuilder, tmp_path: Path) -> None:
    made: list[bytes] = []
    for place in ("one", "two/deeper"):
        root = a_project(tmp_path / place)
        made.append(content_of(await write_outputs(await open_builder(root).build(), root)))
    assert made[0] == made[1]


async def test_a_project_without_endpoints_fails_with_a_way_out(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = write(tmp_path / "empty", {"module.py": "VALUE = 1\n"})
    with pytest.raises(BuildFailed, match="no endpoints found") as failure:
        await open_builder(root).build()
    assert "flash-tui init" in failure.value.hint


async def test_a_syntax_error_names_file_line_and_caret(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"broken.py": "VALUE = 1\ndef broken(:\n    pass\n"})
    with pytest.raises(BuildFailed) as failure:
        await open_builder(root).build()
    assert (failure.value.file, failure.value.line) == ("broken.py", 2)
    assert "^" in (failure.value.traceback or "")


async def test_an_error_at_import_comes_with_the_users_frames(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"pkg/__init__.py": "", "pkg/bad.py": "VALUE = 1\nraise ValueError('no')\n"})
    with pytest.raises(BuildFailed) as failure:
        await open_builder(root).build()
    assert (failure.value.file, failure.value.line) == ("pkg/bad.py", 2)
    assert "ValueError: no" in (failure.value.traceback or "")


async def test_two_resources_of_one_name_fail(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"second.py": queue_endpoint("reverse", function="other")})
    with pytest.raises(BuildFailed, match="reverse"):
        await open_builder(root).build()
