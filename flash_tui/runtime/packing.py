"""A layer folder → deflate bytes: the same bytes whenever, wherever and by whomever the layer was installed."""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO

from flash_tui.runtime.archive import LAYER_MTIME, padding, tar_member

EXCLUDED = ("torch", "torchaudio", "torchvision", "triton")
"""Left out for their size, as the official tool does. Source: runpod_flash `cli/commands/build.py`."""

LEVEL = 6
_BLOCK_BYTES = 1 << 20
_THREADS = 2
_DIST_INFO = re.compile(r"^(?P<name>.+?)-\d.*\.dist-info$")
_SCRIPT = re.compile(rb"\A#!.*python[^\n]*\n|\A#!/bin/sh\n'''exec'[^\n]*\n' '''\n")
_SKIPPED_FOLDERS = frozenset({"__pycache__"})
_SKIPPED_SUFFIXES = (".pyc", ".pyo", ".pyd")
_SKIPPED_FILES = frozenset({"direct_url.json", "uv_cache.json", ".lock"})


def _normalised(name: str) -> str:
    return name.lower().replace("-", "_")


def is_excluded(top: str) -> bool:
    """Whether a top-level name of a layer stays out of the artifact."""
    info = _DIST_INFO.match(top)
    name = _normalised(info["name"] if info else top)
    # The SDK goes in as source, without its metadata: the official build removes it.
    return name in EXCLUDED or (info is not None and name == "runpod_flash")


def shipped_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """(name in the archive, file) of what a layer ships, sorted by name."""
    found: list[tuple[str, Path]] = []
    waiting = [entry for entry in folder.iterdir() if not is_excluded(entry.name)]
    while waiting:
        path = waiting.pop()
        if path.is_symlink():
            continue
        if path.is_dir():
            if path.name not in _SKIPPED_FOLDERS:
                waiting.extend(path.iterdir())
        elif path.name not in _SKIPPED_FILES and not path.name.endswith(_SKIPPED_SUFFIXES):
            found.append((path.relative_to(folder).as_posix(), path))
    found.sort()
    yield from found


def _content(name: str, path: Path) -> bytes:
    content = path.read_bytes()
    if name.startswith("bin/"):
        return _SCRIPT.sub(b"#!/usr/bin/env python3\n", content)
    if name.endswith(".dist-info/RECORD"):
        return _record(content)
    return content


def _record(content: bytes) -> bytes:
    """An installation's list of files without those that differ or do not ship."""
    kept: list[bytes] = []
    for line in content.splitlines():
        path = line.split(b",", 1)[0].decode("utf-8", "replace")
        name = path.rsplit("/", 1)[-1]
        if "bin/" in path or "__pycache__" in path or name in _SKIPPED_FILES or name.endswith(_SKIPPED_SUFFIXES):
            continue
        kept.append(line)
    return b"".join(line + b"\n" for line in sorted(kept))


def _tar(folder: Path) -> Iterator[bytes]:
    for name, path in shipped_files(folder):
        content = _content(name, path)
        is_executable = bool(path.stat().st_mode & 0o111)
        yield tar_member(name, len(content), LAYER_MTIME, is_executable=is_executable)
        yield content
        yield padding(len(content))


def _blocks(folder: Path) -> Iterator[bytes]:
    """The tar without end blocks, cut every MiB: where the cuts are depends on the content alone."""
    pending = bytearray()
    for part in _tar(folder):
        pending += part
        while len(pending) >= _BLOCK_BYTES:
            yield bytes(pending[:_BLOCK_BYTES])
            del pending[:_BLOCK_BYTES]
    if pending:
        yield bytes(pending)


def _deflate(block: bytes) -> bytes:
    compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(block) + compressor.flush(zlib.Z_FULL_FLUSH)


def pack_folder(folder: Path, output: IO[bytes], pulse: Callable[[], None] = lambda: None) -> tuple[int, int, int]:
    """Write the layer's deflate bytes; returns (bytes written, CRC-32, length inflated). Blocks for seconds.

    The blocks are deflated side by side (zlib lets go of the interpreter) and written in order. `pulse` is called
    between blocks; what it raises ends the packing.
    """
    written = crc = size = 0
    running: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="flash-tui-pack") as pool:
        for block in _blocks(folder):
            pulse()
            crc, size = zlib.crc32(block, crc), size + len(block)
            running.append(pool.submit(_deflate, block))
            if len(running) > 2 * _THREADS:
                written += output.write(running.popleft().result())
        while running:
            written += output.write(running.popleft().result())
    return written, crc, size
