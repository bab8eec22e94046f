"""The code part of a build, file by file: what `builds diff` compares and shows. Packages are not part of it."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from hashlib import file_digest
from pathlib import Path, PurePosixPath
from typing import Final

from flash_tui.models.build import CodeFile
from flash_tui.models.errors import NotFound, UsageError

MAX_TEXT_BYTES: Final = 1 << 20

_SDK = "runpod_flash/"


def list_code(folder: Path) -> tuple[CodeFile, ...]:
    """By path. In an artifact of the official tool, what was installed beside the code is left out. Blocks."""
    installed = frozenset(_installed(folder))
    return tuple(
        CodeFile(path=name, size=path.stat().st_size, sha256=_digest(path))
        for name, path in sorted((path.relative_to(folder).as_posix(), path) for path in _files(folder))
        if name not in installed and not name.startswith(_SDK) and ".dist-info/" not in name
    )


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _installed(folder: Path) -> Iterator[str]:
    for record in folder.glob("*.dist-info/RECORD"):
        with record.open(encoding="utf-8", errors="replace", newline="") as lines:
            yield from (line[0] for line in csv.reader(lines) if line)


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def read_code(folder: Path, name: str) -> str:
    """The text of one file. Blocks.

    Raises:
        NotFound: there is no such file in the build.
        UsageError: it is no text, or a very long one.
    """
    parts = PurePosixPath(name).parts
    path = folder.joinpath(*parts)
    if not parts or ".." in parts or parts[0] == "/" or not path.is_file() or path.is_symlink():
        raise NotFound(f"no file {name[:200]} in this build", where=name[:200], hint="look at the list of its files")
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise UsageError(f"{name} is too large to show", where=name, hint="download the artifact")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{name} is not a text file", where=name, hint="download the artifact") from error
