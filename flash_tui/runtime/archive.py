"""The artifact: one gzip member that holds a dependency layer packed once and the user's code packed each time.

    gzip header, its comment naming the layers | the layer's deflate bytes | TAIL
    TAIL = deflate of the code's tar (final block) | CRC-32 and length of the whole

The layer's tar has no end blocks and its deflate bytes end in a full flush, so the code's bytes can follow them in the
same member: a second member is not seen by every reader, and the end blocks would hide the code from all of them. The
header's comment, and not its extra field, holds the record: `tarfile` in stream mode fails at an extra field. It holds
only what the layers decide, so that the digest of header and layer can be kept and continued; what changes with the
code, `source_digest`, is a comment in the first (pax) header of the code's tar.
"""

from __future__ import annotations

import io
import json
import os
import struct
import tarfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from flash_tui.models.build import LayerRecord
from flash_tui.models.errors import BuildFailed
from flash_tui.models.identifiers import Digest
from flash_tui.runtime.extraction import Limits, extract_all, extract_tail

if TYPE_CHECKING:
    from hashlib import _Hash  # pyright: ignore[reportPrivateUsage]

__all__ = [
    "CodeFile",
    "Limits",
    "PackedLayer",
    "artifact_digest",
    "artifact_size",
    "assemble",
    "extract_all",
    "extract_tail",
    "pack_tail",
    "read_record",
    "read_tail",
    "tar_member",
]

CHUNK_BYTES = 1 << 20
BLOCK_BYTES = 512
LAYER_MTIME = 315_532_800
"""1980, the first instant a zip file can hold."""
COMPRESSION_LEVEL = 6
BIG_FILE_BYTES = 64 << 10
"""A file this large is deflated by itself, so that its deflate bytes can be kept for the next build."""

_FIXED = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xffflash-tui "
"""Magic, deflate, FCOMMENT, no time, no hint, unknown system; the comment's first word. A zero ends the comment."""
_MAX_HEADER_BYTES = 500
"""Go's reader takes comments up to 511 bytes."""
_COMMENT = "flash-tui source "
_PEEK_BYTES = 8 << 10
_FINAL_BLOCK = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS).flush()


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer's deflate bytes, made once."""

    path: Path
    length: int
    """Bytes in `path`."""
    crc: int
    """CRC-32 of what they inflate to."""
    size: int
    """Length of what they inflate to; a multiple of 512."""


@dataclass(frozen=True, slots=True)
class CodeFile:
    """One file of the code part. `name` is relative and posix."""

    name: str
    content: bytes
    is_executable: bool = False
    digest: str = ""
    """sha256 of `content`, where the caller has it."""


def tar_member(name: str, content_size: int, mtime: int, *, is_executable: bool) -> bytes:
    """The tar header of a regular file: nothing in it depends on who packs, where or when."""
    member = tarfile.TarInfo(f"./{name}")
    member.size, member.mtime, member.mode = content_size, mtime, 0o755 if is_executable else 0o644
    return member.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def padding(size: int) -> bytes:
    return bytes(-size % BLOCK_BYTES)


def _content_mtime(digest: str) -> int:
    """A time that changes with the content (2001 to 2020): what caches by time and size sees a same-size edit."""
    return 1_000_000_000 + int(digest[:8], 16) % 600_000_000


def _deflate(parts: Iterable[bytes]) -> bytes:
    """Raw deflate that ends on a byte boundary and needs nothing before it."""
    compressor = zlib.compressobj(COMPRESSION_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return b"".join([*map(compressor.compress, parts), compressor.flush(zlib.Z_FULL_FLUSH)])


def _source_comment(source_digest: str) -> bytes:
    """A pax header for the whole archive; every reader knows `comment` and ignores it."""
    return tarfile.TarInfo.create_pax_global_header({"comment": f"{_COMMENT}{source_digest}"})


class TailPacker:
    """Packs code parts; keeps the deflate bytes of big files from one build to the next."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, bool], bytes] = {}

    def pack(self, files: Iterable[CodeFile], packed: PackedLayer, source_digest: str) -> bytes:
        """The TAIL behind `packed`: equal files give equal bytes, whatever their order. Blocks: compresses.

        A big file is a deflate segment of its own; the small ones between two big ones share a segment.
        """
        used: dict[tuple[str, str, bool], bytes] = {}
        segments: list[bytes] = []
        small: list[bytes] = [_source_comment(source_digest)]
        crc, size = packed.crc, packed.size
        for file in sorted(files, key=lambda file: file.name):
            digest = file.digest or sha256(file.content).hexdigest()
            header = tar_member(file.name, len(file.content), _content_mtime(digest), is_executable=file.is_executable)
            parts = [header, file.content, padding(len(file.content))]
            if len(file.content) >= BIG_FILE_BYTES:
                crc, size = self._flush(small, segments, crc, size)
                key = (file.name, digest, file.is_executable)
                used[key] = self._kept.get(key) or _deflate(parts)
                segments.append(used[key])
                crc, size = _continued(parts, crc, size)
            else:
                small.extend(parts)
        small.append(bytes(2 * BLOCK_BYTES))
        crc, size = self._flush(small, segments, crc, size)
        self._kept = used
        return b"".join([*segments, _FINAL_BLOCK, struct.pack("<II", crc, size & 0xFFFFFFFF)])

    def _flush(self, small: list[bytes], segments: list[bytes], crc: int, size: int) -> tuple[int, int]:
        if small:
            segments.append(_deflate(small))
            crc, size = _continued(small, crc, size)
            small.clear()
        return crc, size


def _continued(parts: Iterable[bytes], crc: int, size: int) -> tuple[int, int]:
    for part in parts:
        crc, size = zlib.crc32(part, crc), size + len(part)
    return crc, size


def pack_tail(files: Iterable[CodeFile], packed: PackedLayer, source_digest: str) -> bytes:
    """`TailPacker.pack` for a caller that packs once."""
    return TailPacker().pack(files, packed, source_digest)


def artifact_header(record: LayerRecord) -> bytes:
    fields = record.model_dump(mode="json", exclude={"source_digest"})
    header = _FIXED + json.dumps(fields, sort_keys=True, separators=(",", ":")).encode() + b"\0"
    if len(header) > _MAX_HEADER_BYTES:
        raise BuildFailed("the layer record does not fit into the archive's header", where=record.sdk_version)
    return header


@lru_cache(maxsize=8)
def _state(header: bytes, layer: Path, length: int) -> _Hash:
    """sha256 after header and layer. Kept: a layer's bytes never change under their path."""
    state = sha256(header)
    for chunk in _chunks(layer, length):
        state.update(chunk)
    return state


def _chunks(path: Path, length: int, offset: int = 0) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(offset)
        left = length
        while left:
            chunk = stream.read(min(CHUNK_BYTES, left))
            if not chunk:
                raise BuildFailed(
                    "a file is shorter than its record says", where=str(path), hint="remove it and build again"
                )
            left -= len(chunk)
            yield chunk


def artifact_digest(record: LayerRecord, packed: PackedLayer, tail: bytes) -> Digest:
    """sha256 of the whole file, without making it. The first call for a layer reads the layer (blocks)."""
    state = _state(artifact_header(record), packed.path, packed.length).copy()
    state.update(tail)
    return Digest(state.hexdigest())


def artifact_size(record: LayerRecord, tail_bytes: int) -> int:
    """Length of the whole file in bytes."""
    return len(artifact_header(record)) + record.layer_bytes + tail_bytes


@contextmanager
def written_aside(output: Path) -> Generator[IO[bytes]]:
    """A file that takes `output`'s place once complete; what stood there stays if anything fails."""
    aside = output.with_name(f".{output.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with aside.open("xb") as stream:
            yield stream
        aside.replace(output)
    finally:
        aside.unlink(missing_ok=True)


def assemble(record: LayerRecord, packed: PackedLayer, tail: bytes, output: Path) -> Digest:
    """Write the whole artifact, atomically. Blocks.

    Raises:
        BuildFailed: `packed` is not the layer that `record` names.
        OSError: `output` cannot be written.
    """
    if (packed.length, packed.crc, packed.size) != (record.layer_bytes, record.layer_crc, record.layer_size):
        raise BuildFailed("the packed layer is not the one the artifact was made with", where=str(packed.path))
    header = artifact_header(record)
    state = sha256(header)
    with written_aside(output) as stream:
        stream.write(header)
        for chunk in _chunks(packed.path, packed.length):
            state.update(chunk)
            stream.write(chunk)
        state.update(tail)
        stream.write(tail)
    return Digest(state.hexdigest())


def _read_header(stream: IO[bytes]) -> tuple[dict[str, Any], int] | None:
    """The record's fields and the length of the gzip header; None if this is not one of our artifacts."""
    start = stream.read(_MAX_HEADER_BYTES)
    text, end, _ = start.removeprefix(_FIXED).partition(b"\0")
    if not start.startswith(_FIXED) or not end:
        return None
    try:
        fields: object = json.loads(text)
    except ValueError:
        return None
    return (cast("dict[str, Any]", fields), len(_FIXED) + len(text) + 1) if isinstance(fields, dict) else None


def _read_source_digest(start_of_tail: bytes) -> str | None:
    try:
        start = zlib.decompressobj(-zlib.MAX_WBITS).decompress(start_of_tail, 3 * BLOCK_BYTES)
        headers = tarfile.open(fileobj=io.BytesIO(start)).pax_headers  # noqa: SIM115 - in memory
    except (zlib.error, tarfile.TarError):
        return None
    comment = headers.get("comment", "")
    return comment.removeprefix(_COMMENT) if comment.startswith(_COMMENT) else None


def read_record(path: Path) -> LayerRecord | None:
    """What an artifact says about its layers; None for one that another tool made, or that is not whole.

    Reads a few kB, wherever in the file they stand.
    """
    with path.open("rb") as stream:
        found = _read_header(stream)
        if found is None:
            return None
        fields, offset = found
        layer_bytes = fields.get("layer_bytes")
        if not isinstance(layer_bytes, int) or not 0 <= layer_bytes <= path.stat().st_size - offset:
            return None
        stream.seek(offset + layer_bytes)
        source_digest = _read_source_digest(stream.read(_PEEK_BYTES))
    try:
        return LayerRecord.model_validate({**fields, "source_digest": source_digest})
    except ValidationError:
        return None


def read_tail(path: Path, record: LayerRecord) -> bytes:
    """The TAIL of a whole artifact."""
    with path.open("rb") as stream:
        stream.seek(len(artifact_header(record)) + record.layer_bytes)
        return stream.read()
