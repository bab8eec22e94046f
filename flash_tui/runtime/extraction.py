"""Unpacking archives that nobody vouches for: no path leaves its folder, only files and folders, bounded sizes."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import tarfile
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from flash_tui.models.errors import BuildFailed

_CHUNK_BYTES = 1 << 20
_TRAILER_BYTES = 8
_HEADER_BYTES = 64 << 10
_LATEST_MTIME = 1 << 32
_EXTENDED = frozenset(
    {tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
)
_HINT = "build the project again with `flash-tui build`"


@dataclass(frozen=True, slots=True)
class Limits:
    """What an archive may come to when unpacked."""

    files: int = 100_000
    """Members of any kind."""
    total_bytes: int = 8 << 30
    file_bytes: int = 4 << 30
    name_bytes: int = 1_000
    depth: int = 64


CODE_LIMITS = Limits(files=50_000, total_bytes=2 << 30, file_bytes=1 << 30)
WHOLE_LIMITS = Limits()


def _refused(what: str, where: str = "") -> BuildFailed:
    return BuildFailed(f"the archive is refused: {what}", where=where, hint=_HINT)


class _Member(tarfile.TarInfo):
    """tarfile reads a header's extension whole into memory, whatever length it declares."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.type in _EXTENDED and member.size > _HEADER_BYTES):
            raise _refused("a header is larger than any real one")
        return member


class _Bounded(io.RawIOBase):
    """Inflated bytes, counted: a few kB must not become all the disk."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = limit

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._stream.read(min(size if size >= 0 else _CHUNK_BYTES, self._left + 1))
        self._left -= len(chunk)
        if self._left < 0:
            raise _refused("it unpacks to more than the limit")
        return chunk


class _Tail(io.RawIOBase):
    """Reads the raw deflate of a TAIL; knows at the end whether all of it was there."""

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__()
        self._stream = stream
        self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        self.crc = 0
        self.size = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        want = size if size >= 0 else _CHUNK_BYTES
        while not self._inflater.eof:
            data = self._inflater.unconsumed_tail or self._stream.read(64 << 10)
            if not data:
                raise _refused("it is cut short")
            if chunk := self._inflater.decompress(data, want):
                self.crc = zlib.crc32(chunk, self.crc)
                self.size += len(chunk)
                return chunk
        return b""

    def trailer(self) -> bytes:
        """What follows the deflate bytes."""
        return (self._inflater.unused_data + self._stream.read(_TRAILER_BYTES + 1))[: _TRAILER_BYTES + 1]


def _safe_name(name: str, limits: Limits) -> str | None:
    """A member's path relative to the folder; None for the folder itself.

    Raises:
        BuildFailed: it would land elsewhere, or is no name a file should have.
    """
    if "\0" in name or name.startswith("/") or "\\" in name:
        raise _refused("a name leaves the folder", where=ascii(name[:200]))
    parts = [part for part in PurePosixPath(name).parts if part != "."]
    if ".." in parts:
        raise _refused("a name leaves the folder", where=ascii(name[:200]))
    too_long = any(len(os.fsencode(part)) > 255 for part in parts)  # noqa: PLR2004 - every file system's limit
    if too_long or len(os.fsencode(name)) > limits.name_bytes or len(parts) > limits.depth:
        raise _refused("a name is too long", where=ascii(name[:200]))
    return "/".join(parts) or None


def _write(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path, limits: Limits) -> None:
    if member.size > limits.file_bytes:
        raise _refused("a file is larger than the limit", where=ascii(member.name[:200]))
    source = archive.extractfile(member)
    if source is None:
        raise _refused("a file has no content", where=ascii(member.name[:200]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # a later member replaces an earlier one of the same name
    mode = 0o755 if member.mode & 0o111 else 0o644
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode), "wb") as target:
        while chunk := source.read(_CHUNK_BYTES):
            target.write(chunk)
    mtime = min(max(member.mtime, 0), _LATEST_MTIME)
    os.utime(path, (mtime, mtime))


def _copy(source: Path, path: Path) -> None:
    if not source.is_file():  # no symbolic links are made, so this is a file of the archive
        raise _refused("a link leads to nothing", where=ascii(str(path)[-200:]))
    if source != path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        shutil.copy2(source, path)


def _extract(stream: io.RawIOBase, into: Path, limits: Limits) -> int:
    """Unpack a tar stream; returns the number of files. A hard link becomes a copy, a symbolic one is refused."""
    files = members = 0
    with _named_errors(), tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member, errorlevel=2) as archive:
        for member in archive:
            members += 1
            if members > limits.files:
                raise _refused("it holds more files than the limit")
            name = _safe_name(member.name, limits)
            if member.isdir():
                (into / (name or ".")).mkdir(parents=True, exist_ok=True)
            elif member.isreg() and not member.issparse() and name is not None:
                _write(archive, member, into / name, limits)
                files += 1
            elif member.islnk() and name is not None:
                _copy(into / (_safe_name(member.linkname, limits) or "."), into / name)
                files += 1
            else:
                raise _refused("it holds something else than files and folders", where=ascii(member.name[:200]))
        while stream.read(_CHUNK_BYTES):
            pass  # to the end: checks length and CRC, and counts what follows the end blocks
    return files


@contextmanager
def _named_errors() -> Generator[None]:
    try:
        yield
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError) as error:
        raise _refused(f"it is damaged ({error})") from error
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        raise _refused("one name is both a file and a folder", where=ascii(str(error.filename)[-200:])) from error
    except (ValueError, OverflowError, UnicodeError) as error:
        raise _refused(f"a header is not valid ({error})") from error


def extract_tail(
    tail: bytes | Path, into: Path, limits: Limits = CODE_LIMITS, *, layer_crc: int | None = None, layer_size: int = 0
) -> int:
    """Unpack the code part into the folder `into`, which exists; returns the number of files. Blocks.

    With `layer_crc` and `layer_size` (of the record) the CRC and length of the whole artifact are checked, too.

    Raises:
        BuildFailed: damaged, hostile, or over a limit. `into` may hold part of it.
    """
    with io.BytesIO(tail) if isinstance(tail, bytes) else tail.open("rb") as stream:
        inflated = _Tail(stream)
        inflated.crc, inflated.size = layer_crc or 0, layer_size
        files = _extract(_Bounded(inflated, limits.total_bytes), into, limits)  # pyright: ignore[reportArgumentType]
        trailer = inflated.trailer()
    expected = inflated.crc.to_bytes(4, "little") + (inflated.size & 0xFFFFFFFF).to_bytes(4, "little")
    if len(trailer) != _TRAILER_BYTES or (layer_crc is not None and trailer != expected):
        raise _refused("its checksum does not match")
    return files


def extract_all(path: Path, into: Path, limits: Limits = WHOLE_LIMITS) -> int:
    """Unpack a whole artifact, whoever made it, into the folder `into`, which exists. Blocks.

    Raises:
        BuildFailed: damaged, hostile, or over a limit. `into` may hold part of it.
    """
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as stream:
        return _extract(_Bounded(stream, limits.total_bytes), into, limits)  # pyright: ignore[reportArgumentType]
