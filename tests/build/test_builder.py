"""Source → artifact: what is made, what is reused, what fails and how it is told."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tarfile
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from flash_tui.build import discover
from flash_tui.build.builder import Builder, PreparedBuild, write_outputs
from flash_tui.build.discover import Discoverer
from flash_tui.models.build import BuiltArtifact
from flash_tui.models.errors import BuildFailed
from flash_tui.models.release import StageReport
from flash_tui.runtime.archive import extract_tail, read_record
from flash_tui.runtime.interpreters import own_interpreter
from tests.projects import a_project, queue_endpoint, write

pytestmark = pytest.mark.anyio

OpenBuilder = Callable[..., Builder]


async def build_of(builder: Builder) -> PreparedBuild:
    """One build as a command makes it."""
    async with builder:
        return await builder.build()


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
    assert {report.stage for report in stages if not report.note} == {"check"}


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


REQUIRED = "idna\nitsdangerous>=2\n"


async def test_nothing_changed_starts_neither_interpreter_nor_uv(
    open_builder: OpenBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = a_project(tmp_path / "sample", requirements=REQUIRED)
    first = await build_of(open_builder(root))
    monkeypatch.setattr(discover.Zygote, "start", None)
    monkeypatch.setattr(anyio, "open_process", None)
    again = await open_builder(root).build()
    assert (again.digest, again.record, again.manifest) == (first.digest, first.record, first.manifest)
    assert content_of(await write_outputs(again, root)) == content_of(await write_outputs(first, root))


async def test_another_code_starts_no_uv_and_asks_for_no_requirements(
    open_builder: OpenBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = a_project(tmp_path / "sample", requirements=REQUIRED)
    first = await build_of(open_builder(root))
    monkeypatch.setattr(anyio, "open_process", None)
    monkeypatch.setattr(Discoverer, "requirements", None)
    write(root, {"new.py": "VALUE = 1\n"})
    second = await open_builder(root).build()
    assert second.layer == first.layer
    assert second.digest != first.digest


async def test_a_change_back_gives_the_first_digest_again(open_builder: OpenBuilder, tmp_path: Path) -> None:
    builder = open_builder(a_project(tmp_path / "sample"))
    first = await builder.build()
    write(tmp_path / "sample", {"reverse.py": queue_endpoint() + "\nVALUE = 1\n"})
    second = await builder.build()
    a_project(tmp_path / "sample")
    third = await builder.build()
    assert (third.digest, third.source_digest) == (first.digest, first.source_digest)
    assert (second.digest == first.digest, second.source_digest == first.source_digest) == (False, False)


async def test_the_digest_survives_a_removed_layer_store(
    layers: Path, open_builder: OpenBuilder, tmp_path: Path
) -> None:
    root = a_project(tmp_path / "sample", requirements=REQUIRED)
    first = await open_builder(root).build()
    other = tmp_path / "another store"
    key = first.record.base_layer
    shutil.copytree(layers / key, other / key, symlinks=True, copy_function=os.link)
    second = await open_builder(root, layers=other).build()
    assert second.packed.path.is_relative_to(other)
    assert (second.digest, second.source_digest) == (first.digest, first.source_digest)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"\xff", b'{"format": 1}'])
async def test_a_damaged_memory_of_the_last_build_is_ignored(
    open_builder: OpenBuilder, tmp_path: Path, damage: bytes
) -> None:
    root = a_project(tmp_path / "sample")
    first = await build_of(open_builder(root))
    (root / ".flash/flash-tui.json").write_bytes(damage)
    assert (await open_builder(root).build()).digest == first.digest


async def test_an_artifact_that_was_damaged_is_written_again(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample")
    builder = open_builder(root)
    built = await write_outputs(await builder.build(), root)
    good = content_of(built)
    Path(built.path).write_bytes(good[:-1] + b"?")  # noqa: ASYNC240
    assert content_of(await write_outputs(await builder.build(), root)) == good


async def test_an_artifact_goes_where_it_is_asked_to(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample")
    built = await write_outputs(await open_builder(root).build(), root, tmp_path / "elsewhere.tar.gz")
    assert built.path == str(tmp_path / "elsewhere.tar.gz")
    assert not (root / ".flash/artifact.tar.gz").exists()


async def test_a_place_that_cannot_be_written_is_named(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {".flash": "a file in the way"})
    build = await open_builder(root).build()
    with pytest.raises(BuildFailed, match="cannot be written"):
        await write_outputs(build, root)
    with pytest.raises(BuildFailed, match="cannot be written"):
        await write_outputs(build, root, tmp_path / "missing" / "a.tar.gz")
    assert (root / ".flash").read_text() == "a file in the way"


@pytest.mark.parametrize("name", ["hidden.py", "hidden/__init__.py", "test_hidden.py"])
async def test_what_is_imported_and_ignored_is_looked_for_in_every_build(
    open_builder: OpenBuilder, tmp_path: Path, name: str
) -> None:
    root = a_project(tmp_path / "sample", {name: "", ".gitignore": "hidden*\n"})
    builder = open_builder(root)
    await builder.build()
    module = name.partition("/")[0].removesuffix(".py")
    write(root, {"reverse.py": queue_endpoint() + f"    import {module}\n"})
    with pytest.raises(BuildFailed, match="ignore rules"):
        await builder.build()


async def test_an_ignored_module_that_is_imported_is_the_official_error(
    open_builder: OpenBuilder, tmp_path: Path
) -> None:
    files = {"reverse.py": "import hidden\n" + queue_endpoint(), "hidden.py": "", ".gitignore": "hidden.py\n"}
    with pytest.raises(BuildFailed, match="ignore rules") as failure:
        await open_builder(a_project(tmp_path / "sample", files)).build()
    assert "hidden.py" in failure.value.what


async def test_exit_at_import_is_a_failure_and_no_lost_endpoint(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"stop.py": "import sys\nsys.exit(0)\n"})
    with pytest.raises(BuildFailed) as failure:
        await open_builder(root).build()
    assert (failure.value.file, failure.value.line) == ("stop.py", 2)


async def test_a_failure_is_followed_by_a_good_build(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"bad.py": "1 / 0\n"})
    builder = open_builder(root)
    for source in ("1 / 0\n", "def (\n"):
        write(root, {"bad.py": source})
        with pytest.raises(BuildFailed):
            await builder.build()
    write(root, {"bad.py": "VALUE = 1\n"})
    assert list((await builder.build()).manifest["resources"]) == ["reverse", "web-api"]


async def test_a_build_that_is_cancelled_leaves_the_builder_usable(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"slow.py": "import time\ntime.sleep(60)\n"})
    builder = open_builder(root)
    with anyio.move_on_after(30) as scope:
        await builder.build(lambda report: scope.cancel() if report.stage == "discover" else None)
    (root / "slow.py").unlink()
    assert (await builder.build()).manifest["resources"]
    assert scope.cancelled_caught


@pytest.mark.usefixtures("own_interpreters")
async def test_a_warm_interpreter_that_was_killed_is_replaced(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample")
    builder = open_builder(root)
    await builder.build()
    zygote = builder._discoverer._zygote
    assert zygote is not None
    os.kill(zygote.pid, signal.SIGKILL)
    write(root, {"new.py": "VALUE = 1\n"})
    assert (await builder.build()).manifest["resources"]


async def test_new_requirements_make_a_new_layer(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", requirements="idna\n")
    builder = open_builder(root)
    first = await builder.build()
    write(
        root, {"extra.py": 'from runpod_flash import Endpoint\nx = Endpoint(name="x", dependencies=["itsdangerous"])\n'}
    )
    second = await builder.build()
    assert (first.layer.folder / "idna").is_dir()
    assert (second.layer.folder / "itsdangerous").is_dir()
    assert not (second.layer.folder / "pydantic").exists()


async def test_what_is_too_large_to_pack_is_noted(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", requirements="idna\ntorch>=2\n")
    build = await open_builder(root).build()
    assert any("torch" in note for note in build.notes)
    assert not (build.layer.folder / "torch").exists()


async def test_the_sdk_that_requirements_ask_for_decides(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"pyproject.toml": '[project]\ndependencies = ["runpod-flash<1.19"]\n'})
    with pytest.raises(BuildFailed, match=r"asks for runpod-flash <1\.19"):
        await open_builder(root).build()


async def test_the_shipped_requirements_do_not_name_the_sdk(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", requirements="runpod-flash\nidna\n")
    build = await open_builder(root).build()
    extract_tail(build.tail, write(tmp_path / "app", {"x": ""}))
    assert (tmp_path / "app/requirements.txt").read_text() == "idna\n"


async def test_a_module_that_hides_a_package_is_noted(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"idna.py": "VALUE = 1\n"}, requirements="idna\n")
    assert "idna of the project hides the installed package of that name" in (await open_builder(root).build()).notes


async def test_a_link_out_of_the_project_is_not_packed_and_noted(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample")
    (root / "passwords.txt").symlink_to("/etc/passwd")
    build = await open_builder(root).build()
    assert "passwords.txt" not in build.snapshot.entries
    assert any("passwords.txt" in note for note in build.notes)


async def test_notes_are_reported_once_each_also_of_an_unchanged_build(
    open_builder: OpenBuilder, tmp_path: Path
) -> None:
    builder = open_builder(a_project(tmp_path / "sample", requirements="idna\ntorch>=2\n"), python="3.13")
    for _ in range(2):
        said: list[str] = []
        build = await builder.build(lambda report, said=said: said.append(report.note))
        notes = [note for note in said if note]
        assert notes == list(build.notes) == list(dict.fromkeys(notes))
        assert len(notes) >= 2


async def test_a_python_that_is_not_installed_is_noted_and_ours_taken(
    open_builder: OpenBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flash_tui.build.plan.find_interpreter", lambda *_, **__: None)
    build = await open_builder(a_project(tmp_path / "sample"), python="3.13").build()
    assert build.record.platform == own_interpreter().platform
    assert any("Python 3.13 is asked for" in note for note in build.notes)


async def test_for_the_cloud_the_layer_is_linux_and_the_python_of_its_images(
    open_builder: OpenBuilder, tmp_path: Path
) -> None:
    root = a_project(tmp_path / "sample", requirements="pyyaml\n")
    build = await open_builder(root, target="runpod").build()
    assert str(build.record.platform) == "linux-x86_64-py3.12"
    assert list((build.layer.folder / "yaml").glob("*cpython-312-x86_64-linux-gnu.so"))


async def test_the_environment_file_is_a_part_of_the_input(open_builder: OpenBuilder, tmp_path: Path) -> None:
    source = 'import os\nfrom runpod_flash import Endpoint\nx = Endpoint(name=os.environ["NAME"], cpu="cpu3c-1-2")\n'
    root = a_project(
        tmp_path / "sample", {"x.py": source + '@x.get("/v")\ndef v() -> int: ...\n', ".env": "NAME=one\n"}
    )
    builder = open_builder(root)
    assert "one" in (await builder.build()).manifest["resources"]
    write(root, {".env": "NAME=two\n"})
    assert "two" in (await builder.build()).manifest["resources"]


async def test_what_modules_print_is_kept(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"loud.py": "print('loading the model')\n"})
    assert "loading the model" in (await open_builder(root).build()).printed


async def test_only_what_a_change_reaches_is_affected(open_builder: OpenBuilder, tmp_path: Path) -> None:
    files = {"words.py": "VALUE = 1\n", "reverse.py": "import words\n" + queue_endpoint()}
    builder = open_builder(a_project(tmp_path / "sample", files))
    before = await builder.build()
    write(tmp_path / "sample", {"words.py": "VALUE = 2\n"})
    after = await builder.build()
    assert await builder.affected(before, after) == {"reverse"}
    assert await builder.affected(after, after) == frozenset()


async def test_builds_at_once_take_turns(open_builder: OpenBuilder, tmp_path: Path) -> None:
    builder = open_builder(a_project(tmp_path / "sample"))
    digests: list[str] = []

    async def build() -> None:
        digests.append((await builder.build()).digest)

    async with anyio.create_task_group() as group:
        group.start_soon(build)
        group.start_soon(build)
    assert len(set(digests)) == 1


async def test_warming_runs_none_of_the_users_code(open_builder: OpenBuilder, tmp_path: Path) -> None:
    root = a_project(tmp_path / "sample", {"mark.py": f"open({str(tmp_path / 'ran')!r}, 'w')\n"})
    builder = open_builder(root)
    await builder.warm()
    assert not (tmp_path / "ran").exists()
    await builder.build()
    assert (tmp_path / "ran").exists()


@pytest.mark.usefixtures("own_interpreters")
async def test_nothing_is_left_in_the_scratch_folder(open_builder: OpenBuilder, tmp_path: Path) -> None:
    builder = open_builder(a_project(tmp_path / "sample"))
    async with builder:
        await builder.build()
    scratch = tmp_path / "home" / "scratch"
    assert not scratch.exists() or not list(scratch.iterdir())
