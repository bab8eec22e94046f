"""The layer store: installs aside, publishes by rename, packs to the same bytes whenever it is made."""

from __future__ import annotations

import json
import os
import time
import zlib
from pathlib import Path

import anyio
import pytest

from flash_tui.models.errors import BuildFailed, FlashTuiError
from flash_tui.models.identifiers import LayerKey
from flash_tui.runtime import layers, pins
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import Layer, LayerStore
from flash_tui.runtime.packing import is_excluded, pack_folder, shipped_files
from flash_tui.runtime.resolution import Resolution

pytestmark = pytest.mark.anyio

OWN = own_interpreter()
SMALL = ["itsdangerous", "idna"]
"""Packages of the base layer: with it installed, uv's cache has them."""


@pytest.fixture(scope="session")
async def base(layer_store_folder: Path) -> Layer:
    return await LayerStore(layer_store_folder).base(pins.NEWEST, OWN)


@pytest.fixture
def store(tmp_path: Path) -> LayerStore:
    return LayerStore(tmp_path / "layers")


async def test_the_base_layer_alone_can_run_the_sdk(base: Layer, tmp_path: Path) -> None:
    script = f"import sys; sys.path.append({str(base.folder)!r}); import runpod_flash.cli.commands.build"
    done = await anyio.run_process([str(OWN.path), "-I", "-S", "-B", "-W", "ignore", "-c", script], cwd=tmp_path)
    assert done.returncode == 0


async def test_the_base_layer_comes_with_byte_code(base: Layer) -> None:
    assert list((base.folder / "runpod_flash" / "__pycache__").glob(f"endpoint.cpython-{OWN.tag[2:]}.pyc"))


async def test_nothing_can_be_added_to_a_layer(base: Layer) -> None:
    folders = [base.folder, *(path for path in base.folder.rglob("*") if path.is_dir())]
    assert [path for path in folders if path.stat().st_mode & 0o222] == []


async def test_a_generation_that_is_not_pinned_is_refused(store: LayerStore) -> None:
    with pytest.raises(BuildFailed, match=r"runpod-flash 1\.2 is none"):
        await store.base("1.2", OWN)


async def test_dependencies_hold_the_requirements_and_the_source_of_the_sdk(store: LayerStore, base: Layer) -> None:
    layer = await store.dependencies(SMALL, base, OWN)
    names = {path.name for path in layer.folder.iterdir()}
    assert {"itsdangerous", "idna", "runpod_flash"} <= names
    assert "pydantic" not in names
    assert layer.sdk_version == base.sdk_version


async def test_the_packed_layer_is_the_same_when_made_again(tmp_path: Path, base: Layer) -> None:
    made: list[tuple[str, bytes]] = []
    for name in ("one", "two/elsewhere"):
        store = LayerStore(tmp_path / name)
        layer = await store.dependencies([*SMALL, "uvicorn"], base, OWN)
        made.append((layer.key, (await store.packed(layer)).path.read_bytes()))
    assert made[0] == made[1]


async def test_packed_bytes_are_made_once_and_inflate_to_what_they_say(store: LayerStore, base: Layer) -> None:
    layer = await store.dependencies(["idna"], base, OWN)
    packed = await store.packed(layer)
    made_at = packed.path.stat().st_mtime_ns
    assert await store.packed(layer) == packed
    assert packed.path.stat().st_mtime_ns == made_at
    inflated = zlib.decompressobj(-15).decompress(packed.path.read_bytes())
    assert (len(inflated), zlib.crc32(inflated)) == (packed.size, packed.crc)


async def test_a_packed_file_that_was_cut_is_made_again(store: LayerStore, base: Layer) -> None:
    layer = await store.dependencies([], base, OWN)
    packed = await store.packed(layer)
    packed.path.write_bytes(b"cut")
    assert await store.packed(layer) == packed
    assert packed.path.stat().st_size == packed.length


async def test_no_byte_code_and_no_traces_of_this_machine_are_shipped(store: LayerStore, base: Layer) -> None:
    layer = await store.dependencies([*SMALL, "uvicorn"], base, OWN)
    packed = await store.packed(layer)
    content = zlib.decompressobj(-15).decompress(packed.path.read_bytes())
    assert b".pyc\0" not in content
    assert str(OWN.path).encode() not in content
    assert not [name for name, _ in shipped_files(layer.folder) if name.endswith(("direct_url.json", "uv_cache.json"))]


@pytest.mark.parametrize(
    ("name", "excluded"),
    [
        ("torch", True),
        ("torch-2.9.0.dist-info", True),
        ("torch-2.9.0+cpu.dist-info", True),
        ("Triton", True),
        ("torchmetrics", False),
        ("torch_geometric-2.1.dist-info", False),
        ("runpod_flash", False),
        ("runpod_flash-1.21.0.dist-info", True),
        ("numpy-2.0.dist-info", False),
    ],
)
def test_what_the_official_tool_leaves_out_is_left_out(name: str, *, excluded: bool) -> None:
    assert is_excluded(name) is excluded


async def test_an_installed_layer_is_found_without_uv(
    store: LayerStore, base: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = await store.dependencies(SMALL, base, OWN)
    monkeypatch.setattr(layers, "run_uv", None)
    monkeypatch.setattr("flash_tui.runtime.resolution.run_uv", None)
    assert await store.dependencies(SMALL, base, OWN) == layer


async def test_two_who_ask_at_once_get_one_layer(store: LayerStore, base: Layer) -> None:
    said: list[str] = []

    async def ask() -> None:
        await LayerStore(store.root).dependencies(SMALL, base, OWN, said.append)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    assert said.count("compiling byte code …") == 1
    assert list((store.root / "aside").iterdir()) == []


async def test_an_install_that_is_cancelled_leaves_nothing(store: LayerStore, base: Layer) -> None:
    with anyio.CancelScope() as scope:
        await store.dependencies(SMALL, base, OWN, lambda text: scope.cancel() if "installing" in text else None)
    assert scope.cancelled_caught
    assert list((store.root / "aside").iterdir()) == []
    assert not list(store.root.glob("*/layer.json"))


async def test_requirements_that_cannot_be_met_fail_in_words(store: LayerStore, base: Layer) -> None:
    with pytest.raises(BuildFailed) as failure:
        await store.dependencies(["idna<2", "idna>3"], base, OWN)
    assert "idna" in failure.value.what
    assert failure.value.where == "requirements.txt"


async def test_without_an_index_and_a_cache_one_sentence_says_so(
    tmp_path: Path, base: Layer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    with pytest.raises(FlashTuiError, match="the package index does not answer") as failure:
        await LayerStore(tmp_path / "layers").dependencies(SMALL, base, OWN)
    assert "\n" not in failure.value.what


@pytest.mark.parametrize("line", ["-r other.txt", "--index-url https://example.org", "-e ."])
async def test_an_option_among_the_requirements_is_refused(store: LayerStore, base: Layer, line: str) -> None:
    with pytest.raises(BuildFailed, match="is an option"):
        await store.dependencies([line], base, OWN)


async def test_a_store_that_cannot_be_written_is_named(tmp_path: Path, base: Layer) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FlashTuiError, match="layer store cannot be written"):
        await LayerStore(tmp_path / "file" / "layers").dependencies([], base, OWN)


def test_the_sdk_version_is_read_from_a_resolution() -> None:
    assert Resolution(("idna==3.1", "runpod-flash==1.20.0")).sdk_version == "1.20.0"
    assert Resolution(("idna==3.1",)).sdk_version is None


def test_every_generation_is_pinned_exactly() -> None:
    for generation in pins.GENERATIONS:
        assert pins.generation_of(pins.pinned_version(generation)) == generation
        assert all("==" in line for line in pins.pins(generation).splitlines())
        assert "://" not in pins.pins(generation)


def a_layer(store: LayerStore, name: str, unused_s: float, size_bytes: int = 1_000) -> LayerKey:
    """A made-up layer that was last used `unused_s` ago."""
    site = store.root / name / "site"
    site.mkdir(parents=True)
    (site / "module.py").write_bytes(bytes(size_bytes))
    site.chmod(0o555)
    facts = store.root / name / "layer.json"
    facts.write_text(json.dumps({"sdk_version": "1.21.0"}))
    os.utime(facts, (time.time() - unused_s,) * 2)
    return LayerKey(name)


async def test_an_old_layer_is_collected_unless_held(store: LayerStore, tmp_path: Path) -> None:
    old, held, used = a_layer(store, "old", 10_000), a_layer(store, "held", 10_000), a_layer(store, "used", 4_000)
    note = tmp_path / "build_1.json"
    note.touch()
    store.hold(held, note)
    assert await store.collect(9_000, 1 << 30) == (old,)
    assert (store.find(old), store.find(held) is None, store.find(used) is None) == (None, False, False)
    store.release(held, note)
    assert not store.is_held(held)


async def test_a_hold_ends_with_the_file_that_it_was_for(store: LayerStore, tmp_path: Path) -> None:
    layer, note = a_layer(store, "held", 10_000), tmp_path / "build_1.json"
    note.touch()
    store.hold(layer, note)
    assert await store.collect(9_000, 1 << 30) == ()
    note.unlink()
    assert await store.collect(9_000, 1 << 30) == (layer,)


async def test_what_killed_installs_left_is_collected(store: LayerStore) -> None:
    left, fresh = store.root / "aside" / "left", store.root / "aside" / "fresh"
    for folder in (left, fresh):
        folder.mkdir(parents=True)
    os.utime(left, (time.time() - 100_000,) * 2)
    await store.collect(1, 1)
    assert (left.exists(), fresh.exists()) == (False, True)


async def test_a_store_that_is_not_there_has_nothing_to_collect(tmp_path: Path) -> None:
    assert await LayerStore(tmp_path / "none").collect(1, 1) == ()


async def test_the_longest_unused_go_first_when_space_is_short(store: LayerStore) -> None:
    oldest, older, _ = (a_layer(store, name, age) for name, age in (("a", 9_000), ("b", 8_000), ("c", 7_000)))
    assert await store.collect(1e9, 1_500) == (oldest, older)


async def test_a_layer_used_within_the_hour_is_never_collected(store: LayerStore) -> None:
    a_layer(store, "new", 60)
    assert await store.collect(1, 0) == ()


def test_a_script_of_a_package_ships_without_our_interpreter(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    long = f"#!/bin/sh\n'''exec' \"{tmp_path}/python\" \"$0\" \"$@\"\n' '''\nimport x\n"
    for name, text in {"short": f"#!{tmp_path}/bin/python3\nimport x\n", "long": long, "data": "#!/bin/bash\n"}.items():
        (tmp_path / "bin" / name).write_text(text)
    with (tmp_path / "out").open("w+b") as stream:
        pack_folder(tmp_path / "bin" / "..", stream)
        stream.seek(0)
        content = zlib.decompressobj(-15).decompress(stream.read())
    assert content.count(b"#!/usr/bin/env python3\nimport x\n") == 2
    assert str(tmp_path).encode() not in content
