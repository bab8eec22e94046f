"""Artifacts on disk: received with limits, kept once, unpacked once, collected when nobody can go back to them."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from flash_tui.local.artifacts import retention
from flash_tui.local.artifacts.artifacts import Artifacts
from flash_tui.local.artifacts.layer_pairs import LayerPairs, incompatible_file
from flash_tui.local.store.apps import delete_app
from flash_tui.local.store.builds import NewBuild, get_build, register_build
from flash_tui.local.store.database import Store
from flash_tui.models.build import Build, BuildUpload, RuntimePlatform
from flash_tui.models.errors import BuildFailed, FlashTuiError, NotFound, UsageError
from flash_tui.models.identifiers import Digest
from flash_tui.runtime.interpreters import own_interpreter
from tests.local.layer_doubles import BASE, DEPENDENCIES, SmallLayers, a_whole_file, an_upload
from tests.local.state_builders import a_release, an_app

pytestmark = pytest.mark.anyio


@pytest.fixture
def layers(tmp_path: Path) -> SmallLayers:
    return SmallLayers(tmp_path / "layers")


@pytest.fixture
async def artifacts(tmp_path: Path, store: Store, layers: SmallLayers) -> Artifacts:
    opened = Artifacts(tmp_path / "artifacts", store, LayerPairs(layers))
    await opened.open()
    return opened


async def chunks(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def register(store: Store, upload: BuildUpload, *, is_ours: bool = True) -> Build:
    record = upload.record if is_ours else None
    new = NewBuild(upload.digest, upload.size_bytes, upload.manifest, record)

    def work(connection) -> Build:
        return register_build(connection, an_app(connection).id, new)[0]

    return await store.transact(work)


async def a_stored_build(store: Store, artifacts: Artifacts, layers: SmallLayers) -> Build:
    upload, tail = an_upload(layers)
    await artifacts.keep_parts(upload, tail)
    return await register(store, upload)


async def test_parts_are_unpacked_once_and_run_over_both_layers(
    store: Store, artifacts: Artifacts, layers: SmallLayers
) -> None:
    build = await a_stored_build(store, artifacts, layers)
    prepared = await artifacts.prepare(build.id)
    assert (prepared.app_dir / "worker.py").read_text() == "print('one')\n"
    assert prepared.pair.interpreter == own_interpreter().path
    assert (prepared.pair.base / "sdk.py").is_file()
    assert prepared.pair.dependencies == layers.root / DEPENDENCIES / "site"
    assert await artifacts.prepare(build.id) is prepared


async def test_many_at_once_prepare_the_same_folder(store: Store, artifacts: Artifacts, layers: SmallLayers) -> None:
    build = await a_stored_build(store, artifacts, layers)
    found: set[int] = set()

    async def prepare() -> None:
        found.add(id(await artifacts.prepare(build.id)))

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(prepare)
    assert len(found) == 1


async def test_unpacked_code_is_read_only(store: Store, artifacts: Artifacts, layers: SmallLayers) -> None:
    build = await a_stored_build(store, artifacts, layers)
    prepared = await artifacts.prepare(build.id)
    assert (prepared.app_dir / "lib" / "deep.py").stat().st_mode & 0o222 == 0


async def test_the_whole_file_comes_out_of_the_parts(store: Store, artifacts: Artifacts, layers: SmallLayers) -> None:
    build = await a_stored_build(store, artifacts, layers)
    whole = await artifacts.whole_file(build.id)
    assert whole.stat().st_size == build.size_bytes
    with tarfile.open(whole) as archive:
        assert {"./worker.py", "./library.py"} <= set(archive.getnames())


async def test_parts_that_do_not_come_to_their_digest_are_refused(artifacts: Artifacts, layers: SmallLayers) -> None:
    upload, tail = an_upload(layers)
    with pytest.raises(UsageError, match="announced digest"):
        await artifacts.keep_parts(upload, tail + b"x")
    assert not await artifacts.holds(upload.digest)


async def test_a_layer_that_is_not_here_is_named(artifacts: Artifacts, layers: SmallLayers) -> None:
    upload, tail = an_upload(layers)
    (layers.root / DEPENDENCIES / "site").rename(layers.root / "elsewhere")
    with pytest.raises(NotFound) as caught:
        await artifacts.keep_parts(upload, tail)
    assert caught.value.where == f"layer {DEPENDENCIES}"


async def test_a_whole_artifact_of_ours_is_kept_as_parts(
    store: Store, artifacts: Artifacts, layers: SmallLayers, tmp_path: Path
) -> None:
    upload, tail = an_upload(layers)
    content = a_whole_file(layers, tmp_path, upload, tail).read_bytes()
    received = await artifacts.receive(chunks(content), len(content))
    assert received.digest == upload.digest
    assert await artifacts.record_of(received.digest) == upload.record
    assert list((tmp_path / "artifacts" / "whole").iterdir()) == []
    note = tmp_path / "artifacts" / "holds" / f"{upload.digest}.json"
    assert layers.holders[BASE] == layers.holders[DEPENDENCIES] == {note}
    assert note.is_file()
    build = await register(store, upload)
    assert (await artifacts.prepare(build.id)).pair.dependencies is not None


async def test_a_whole_artifact_of_ours_without_its_layer_brings_its_own_packages(
    store: Store, artifacts: Artifacts, layers: SmallLayers, tmp_path: Path
) -> None:
    upload, tail = an_upload(layers)
    content = a_whole_file(layers, tmp_path, upload, tail).read_bytes()
    (layers.root / DEPENDENCIES / "site").rename(layers.root / "elsewhere")
    received = await artifacts.receive(chunks(content), len(content))
    assert await artifacts.record_of(received.digest) == upload.record
    prepared = await artifacts.prepare((await register(store, upload)).id)
    assert prepared.pair.dependencies == prepared.app_dir
    assert {"library.py", "worker.py"} <= {path.name for path in prepared.app_dir.iterdir()}


def an_official_file(sdk: str = "1.20.2") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in (("worker.py", "x = 1"), ("runpod_flash/__init__.py", f'__version__ = "{sdk}"\n')):
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


async def test_an_artifact_of_the_official_tool_runs_over_the_base_of_its_own_sdk(
    store: Store, artifacts: Artifacts, layers: SmallLayers
) -> None:
    content = an_official_file()
    received = await artifacts.receive(chunks(content), len(content))
    assert await artifacts.record_of(received.digest) is None
    upload, _ = an_upload(layers)
    made = upload.model_copy(update={"digest": received.digest})
    prepared = await artifacts.prepare((await register(store, made, is_ours=False)).id)
    assert prepared.pair.base.name.startswith("base-1.20-")
    assert prepared.pair.dependencies == prepared.app_dir
    (held,) = [key for key, holders in layers.holders.items() if holders]
    assert held == prepared.pair.base.name
    await artifacts.remove(received.digest)
    assert not layers.holders[held]


@pytest.mark.parametrize("announced", [10, 2_000_000_000])
async def test_an_upload_is_refused_when_too_long_or_no_gzip(
    artifacts: Artifacts, tmp_path: Path, announced: int
) -> None:
    with pytest.raises(UsageError):
        await artifacts.receive(chunks(b"not gzip" * 100), announced)
    assert [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()] == []


async def test_a_disk_that_cannot_be_written_is_named_with_what_to_do(artifacts: Artifacts, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "artifacts" / "incoming")
    with pytest.raises(FlashTuiError, match="cannot be stored") as caught:
        await artifacts.receive(chunks(b"\x1f\x8b"), 10)
    assert "free the disk" in caught.value.hint


async def test_what_is_damaged_on_the_disk_is_not_run(
    store: Store, artifacts: Artifacts, layers: SmallLayers, tmp_path: Path
) -> None:
    build = await a_stored_build(store, artifacts, layers)
    (tail,) = (tmp_path / "artifacts" / "parts").glob("*.tail")
    tail.write_bytes(tail.read_bytes()[:-4] + b"\x00\x00\x00\x00")
    with pytest.raises(BuildFailed, match="checksum"):
        await artifacts.prepare(build.id)
    assert list((tmp_path / "artifacts" / "incoming").iterdir()) == []


async def test_a_start_drops_what_was_half_done(tmp_path: Path, artifacts: Artifacts) -> None:
    half = tmp_path / "artifacts" / "incoming" / "half"
    half.mkdir()
    (half / "file").write_text("x")
    half.chmod(0o500)
    await artifacts.open()
    assert not half.exists()


async def test_a_build_nobody_can_go_back_to_is_collected_with_its_hold_on_layers(
    store: Store, artifacts: Artifacts, layers: SmallLayers
) -> None:
    build = await a_stored_build(store, artifacts, layers)
    await artifacts.prepare(build.id)
    await store.transact(lambda c: c.execute("UPDATE apps SET last_version = 100"))
    assert await retention.collect(store, artifacts, grace_s=-60) == (build.model_copy(update={"gone": True}),)
    assert not await artifacts.holds(Digest(str(build.digest)))
    assert layers.holders[BASE] == layers.holders[DEPENDENCIES] == set()
    with pytest.raises(NotFound, match="gone"):
        await artifacts.prepare(build.id)


async def test_what_serves_and_what_is_fresh_is_not_collected(
    store: Store, artifacts: Artifacts, layers: SmallLayers
) -> None:
    build = await a_stored_build(store, artifacts, layers)
    await store.transact(lambda c: c.execute("UPDATE apps SET last_version = 100"))
    assert await retention.collect(store, artifacts, grace_s=60) == ()
    app_id = await store.transact(lambda c: c.execute("SELECT id FROM apps").fetchone()["id"])
    await store.transact(lambda c: a_release(c, app_id, "dev", get_build(c, build.id)))
    assert await retention.collect(store, artifacts, grace_s=-60) == ()
    assert (await artifacts.prepare(build.id)).app_dir.is_dir()


async def test_artifacts_of_a_deleted_app_are_collected(
    store: Store, artifacts: Artifacts, layers: SmallLayers
) -> None:
    build = await a_stored_build(store, artifacts, layers)
    await store.transact(lambda c: delete_app(c, c.execute("SELECT id FROM apps").fetchone()["id"]))
    await retention.collect(store, artifacts, grace_s=-60)
    assert not await artifacts.holds(Digest(str(build.digest)))
    assert layers.holders[DEPENDENCIES] == set()


@pytest.mark.parametrize(
    ("name", "python", "system", "is_refused"),
    [
        ("a/_x.cpython-312-x86_64-linux-gnu.so", "3.11", "linux", True),
        ("a/_x.cpython-311-x86_64-linux-gnu.so", "3.11", "linux", False),
        ("a/_x.abi3.so", "3.11", "linux", False),
        ("a/_x.abi3.so", "3.12", "macos", True),
        ("a/x.py", "3.11", "macos", False),
    ],
)
def test_only_what_is_compiled_for_another_system_is_refused(
    tmp_path: Path, name: str, python: str, system: str, is_refused: bool
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / name).touch()
    made_for = RuntimePlatform(python="3.12", os="linux", architecture="x86_64")
    here = RuntimePlatform(python=python, os=system, architecture="x86_64")
    assert incompatible_file(tmp_path, made_for, here) == (name if is_refused else None)


async def test_a_whole_file_nobody_asks_for_any_more_is_removed(
    store: Store, artifacts: Artifacts, layers: SmallLayers
) -> None:
    whole = await artifacts.whole_file((await a_stored_build(store, artifacts, layers)).id)
    await artifacts.remove_assembled(unused_since=whole.stat().st_mtime - 1)
    assert whole.exists()
    os.utime(whole, (0, 0))
    await artifacts.remove_assembled(unused_since=1)
    assert not whole.exists()
