"""The artifact's format: one gzip member, readable whole by every reader, equal for equal input."""

from __future__ import annotations

import contextlib
import gzip
import io
import shutil
import subprocess
import tarfile
import zlib
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flash_tui.models.build import LayerRecord, RuntimePlatform
from flash_tui.models.errors import BuildFailed
from flash_tui.models.identifiers import Digest, LayerKey
from flash_tui.runtime.archive import (
    CodeFile,
    Limits,
    PackedLayer,
    TailPacker,
    artifact_digest,
    artifact_size,
    assemble,
    extract_all,
    extract_tail,
    pack_tail,
    read_record,
    read_tail,
)
from flash_tui.runtime.packing import pack_folder

LAYER_FILES = {f"pkg/m{i}.py": f"VALUE = {i}\n" * 50 for i in range(40)} | {"pkg-1.0.dist-info/METADATA": "Name: pkg\n"}
CODE = [CodeFile("app.py", b"print('hi')\n"), CodeFile("tools/run.sh", b"#!/bin/sh\n", is_executable=True)]
EVERY_NAME = sorted([*LAYER_FILES, "app.py", "tools/run.sh"])


@pytest.fixture
def packed(tmp_path: Path) -> PackedLayer:
    folder = tmp_path / "site"
    for name, text in LAYER_FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    place = tmp_path / "packed.deflate"
    with place.open("wb") as stream:
        return PackedLayer(place, *pack_folder(folder, stream))


def a_record(packed: PackedLayer, source: str = "5" * 64) -> LayerRecord:
    return LayerRecord(
        source_digest=Digest(source),
        dependency_layer=LayerKey("d" * 64),
        base_layer=LayerKey("b" * 64),
        sdk_version="1.21.0",
        platform=RuntimePlatform(python="3.11", os="linux", architecture="x86_64"),
        layer_bytes=packed.length,
        layer_crc=packed.crc,
        layer_size=packed.size,
    )


@pytest.fixture
def artifact(packed: PackedLayer, tmp_path: Path) -> Path:
    record = a_record(packed)
    assemble(record, packed, pack_tail(CODE, packed, record.source_digest), tmp_path / "artifact.tar.gz")
    return tmp_path / "artifact.tar.gz"


def _by_tarfile(mode: str) -> Callable[[Path], list[str]]:
    def names(path: Path) -> list[str]:
        with tarfile.open(path, mode) as archive:  # pyright: ignore[reportCallIssue, reportArgumentType]
            return [member.name for member in archive if member.isfile()]

    return names


def _by_gzip(path: Path) -> list[str]:
    with gzip.open(path) as stream, tarfile.open(fileobj=io.BytesIO(stream.read())) as archive:
        return archive.getnames()


def _by_one_inflater(path: Path) -> list[str]:
    """What stops at the end of the first member."""
    inflater = zlib.decompressobj(31)
    with tarfile.open(fileobj=io.BytesIO(inflater.decompress(path.read_bytes()))) as archive:
        assert inflater.unused_data == b""
        return archive.getnames()


def _by_gnu_tar(path: Path) -> list[str]:
    done = subprocess.run(["tar", "tzf", path], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    "names",
    [_by_tarfile("r:gz"), _by_tarfile("r|gz"), _by_tarfile("r:*"), _by_tarfile("r|*"), _by_gzip, _by_one_inflater]
    + ([_by_gnu_tar] if shutil.which("tar") else []),
)
def test_every_reader_sees_every_file(artifact: Path, names: Callable[[Path], list[str]]) -> None:
    assert sorted(name.removeprefix("./") for name in names(artifact)) == EVERY_NAME


@pytest.mark.skipif(not shutil.which("gzip"), reason="needs gzip")
def test_gzip_finds_the_file_whole(artifact: Path) -> None:
    done = subprocess.run(["gzip", "-t", artifact], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_record_comes_back(artifact: Path, packed: PackedLayer) -> None:
    assert read_record(artifact) == a_record(packed)


def test_the_digest_is_known_without_the_file(artifact: Path, packed: PackedLayer) -> None:
    record = a_record(packed)
    tail = read_tail(artifact, record)
    assert artifact_digest(record, packed, tail) == sha256(artifact.read_bytes()).hexdigest()
    assert artifact_size(record, len(tail)) == artifact.stat().st_size


def test_order_and_time_of_packing_change_nothing(packed: PackedLayer) -> None:
    assert pack_tail(CODE, packed, "5" * 64) == pack_tail(CODE[::-1], packed, "5" * 64)


def test_another_source_digest_leaves_the_header_alone(packed: PackedLayer, tmp_path: Path) -> None:
    for source in ("1" * 64, "2" * 64):
        tail = pack_tail(CODE, packed, source)
        assemble(a_record(packed, source), packed, tail, tmp_path / source)
        assert read_record(tmp_path / source) == a_record(packed, source)
    start = (tmp_path / ("1" * 64)).read_bytes()[: packed.length]
    assert (tmp_path / ("2" * 64)).read_bytes().startswith(start)


def test_a_big_file_kept_from_the_last_build_packs_to_the_same_bytes(packed: PackedLayer) -> None:
    packer = TailPacker()
    model = CodeFile("model.bin", bytes(range(256)) * 1000)
    packer.pack([model, CodeFile("app.py", b"old")], packed, "5" * 64)
    assert packer.pack([*CODE, model], packed, "5" * 64) == pack_tail([model, *CODE], packed, "5" * 64)


def test_a_same_size_edit_gets_another_time(packed: PackedLayer, tmp_path: Path) -> None:
    times: set[float] = set()
    for content in (b"VALUE = 1\n", b"VALUE = 2\n"):
        extract_tail(pack_tail([CodeFile("app.py", content)], packed, "5" * 64), tmp_path)
        times.add((tmp_path / "app.py").stat().st_mtime)
    assert len(times) == 2


def test_the_tail_alone_unpacks_to_the_code(packed: PackedLayer, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    tail = pack_tail(CODE, packed, "5" * 64)
    assert extract_tail(tail, app, layer_crc=packed.crc, layer_size=packed.size) == 2
    assert (app / "app.py").read_bytes() == b"print('hi')\n"
    assert (app / "tools/run.sh").stat().st_mode & 0o111


def test_the_whole_unpacks_to_layer_and_code(artifact: Path, tmp_path: Path) -> None:
    app = tmp_path / "app"
    app.mkdir()
    assert extract_all(artifact, app) == len(EVERY_NAME)
    assert sorted(p.relative_to(app).as_posix() for p in app.rglob("*") if p.is_file()) == EVERY_NAME


def test_an_official_artifact_has_no_record_but_unpacks(tmp_path: Path) -> None:
    source, app = tmp_path / "build", tmp_path / "app"
    (source / "pkg").mkdir(parents=True)
    (source / "pkg/__init__.py").write_text("x")
    app.mkdir()
    with tarfile.open(tmp_path / "official.tar.gz", "w:gz") as archive:
        archive.add(source, arcname=".")
    assert read_record(tmp_path / "official.tar.gz") is None
    assert extract_all(tmp_path / "official.tar.gz", app) == 1


def test_what_stood_there_stays_when_assembling_fails(packed: PackedLayer, tmp_path: Path) -> None:
    output = tmp_path / "artifact.tar.gz"
    output.write_text("the build before")
    packed.path.write_bytes(b"short")
    with pytest.raises(BuildFailed, match="shorter"):
        assemble(a_record(packed), packed, b"tail", output)
    assert output.read_text() == "the build before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["artifact.tar.gz", "packed.deflate", "site"]


@given(st.binary(max_size=300))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_are_mistaken_for_a_record(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.tar.gz"
    path.write_bytes(b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xffflash-tui " + content)
    assert read_record(path) is None


@given(st.integers(0, 10_000), st.integers(0, 255))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_tail_is_refused_or_unpacks_the_same(
    packed: PackedLayer, tmp_path: Path, place: int, value: int
) -> None:
    app = tmp_path / "app"
    shutil.rmtree(app, ignore_errors=True)
    app.mkdir()
    tail = bytearray(pack_tail(CODE, packed, "5" * 64))
    tail[place % len(tail)] = value
    try:
        extract_tail(bytes(tail), app, layer_crc=packed.crc, layer_size=packed.size)
    except BuildFailed:
        return
    assert (app / "app.py").read_bytes() == b"print('hi')\n"


def a_tar(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    """A raw deflate of a tar, as in a TAIL, with a trailer that nobody checks here."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            member.size = len(content) if member.isreg() else 0
            archive.addfile(member, io.BytesIO(content))
    compressor = zlib.compressobj(wbits=-15)
    return compressor.compress(stream.getvalue()) + compressor.flush() + bytes(8)


def a_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


HOSTILE = {
    "parent": [a_member("../evil")],
    "parent inside": [a_member("a/../../evil")],
    "absolute": [a_member("/tmp/evil")],
    "backslash": [a_member("..\\evil")],
    "symbolic link": [a_member("link", tarfile.SYMTYPE, "/etc")],
    "write through a link": [a_member("link", tarfile.SYMTYPE, ".."), a_member("link/evil")],
    "hard link outside": [a_member("link", tarfile.LNKTYPE, "../secret")],
    "hard link to nothing": [a_member("link", tarfile.LNKTYPE, "missing")],
    "device": [a_member("null", tarfile.CHRTYPE)],
    "pipe": [a_member("pipe", tarfile.FIFOTYPE)],
    "long part": [a_member("x" * 300)],
    "long name": [a_member("x/" * 600 + "y")],
    "deep": [a_member("x/" * 80 + "y")],
    "file over folder": [a_member("a/b"), a_member("a")],
    "folder under file": [a_member("a"), a_member("a/b")],
    "root as file": [a_member(".")],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_member_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    (tmp_path / "secret").write_text("secret")
    app = tmp_path / "app"
    app.mkdir()
    with pytest.raises(BuildFailed, match="refused"):
        extract_tail(a_tar(*members), app)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["app", "secret"]


def test_a_hard_link_within_becomes_a_copy(tmp_path: Path) -> None:
    tail = a_tar(a_member("a"), a_member("b", tarfile.LNKTYPE, "a"), content=b"same")
    extract_tail(tail, tmp_path)
    assert (tmp_path / "b").read_bytes() == b"same"
    assert (tmp_path / "b").stat().st_nlink == 1


@pytest.mark.parametrize("limits", [Limits(files=3), Limits(total_bytes=2_000), Limits(file_bytes=10)])
def test_an_archive_over_a_limit_is_refused(tmp_path: Path, limits: Limits) -> None:
    with pytest.raises(BuildFailed, match="limit"):
        extract_tail(a_tar(*(a_member(str(i)) for i in range(5)), content=bytes(1_000)), tmp_path, limits)


def test_a_header_that_declares_gigabytes_is_refused_at_once(tmp_path: Path) -> None:
    header = a_member("huge", tarfile.XHDTYPE)
    header.size = 4 << 30
    compressor = zlib.compressobj(wbits=-15)
    raw = compressor.compress(header.tobuf(tarfile.PAX_FORMAT) + bytes(64 << 20)) + compressor.flush() + bytes(8)
    with pytest.raises(BuildFailed, match="larger than any real one"):
        extract_tail(raw, tmp_path)


@given(st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_name_leaves_the_folder(tmp_path: Path, names: list[str]) -> None:
    app = tmp_path / "app"
    shutil.rmtree(app, ignore_errors=True)
    app.mkdir()
    with contextlib.suppress(BuildFailed, UnicodeEncodeError):
        extract_tail(a_tar(*map(a_member, names)), app)
    assert [p.name for p in tmp_path.iterdir()] == ["app"]
