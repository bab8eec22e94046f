"""What the user's files are at one instant, by content; and what differs between two instants.

Events say when to look, a snapshot says what changed. A file is read again only if its size, time or inode differ from
the last look's, or if it was changed so shortly before that look that a change after it may bear the same time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from flash_tui.build.project import FoundFile, Project
from flash_tui.models.errors import BuildFailed
from flash_tui.models.human import size

_TICK_NS = 20_000_000
"""Two changes within one tick of the kernel's clock may bear the same time."""
_COARSE_TICK_NS = 2_000_000_000
"""The same, where the file system counts whole seconds."""
_READ_ATTEMPTS = 5
_LARGE_BYTES = 200_000_000

Keep = Callable[[str, bytes], None]
"""Gets (sha256, content) of each file that was read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file."""

    mtime_ns: int
    size: int
    inode: int
    sha256: str
    mode: int

    @property
    def is_executable(self) -> bool:
        return bool(self.mode & 0o111)

    @property
    def content(self) -> tuple[str, bool]:
        """What makes two entries the same source."""
        return self.sha256, self.is_executable


@dataclass(frozen=True)
class Snapshot:
    """All user files of a project."""

    entries: Mapping[str, Entry]
    """By path, relative and posix; sorted."""
    taken_at_ns: int = 0
    """Wall clock when the look began."""
    notes: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()
    """Folders and modules that the ignore rules left out."""

    @cached_property
    def key(self) -> str:
        """sha256 over paths, contents and executable bits: equal for equal sources anywhere."""
        state = sha256()
        for path, entry in self.entries.items():
            state.update(
                f"{path}\0{entry.sha256}{'x' if entry.is_executable else '-'}\n".encode("utf-8", "surrogateescape")
            )
        return state.hexdigest()

    @property
    def python_files(self) -> list[str]:
        return [path for path in self.entries if path.endswith(".py")]


@dataclass(frozen=True, slots=True)
class Difference:
    """Paths that differ by content; a file that was only touched does not."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(sorted((*self.added, *self.removed, *self.changed)))

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


@dataclass(slots=True)
class _Look:
    previous: Mapping[str, Entry]
    previous_taken_at_ns: int
    keep: Keep | None
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])

    def add(self, found: FoundFile) -> None:
        status = found.status
        known = self.previous.get(found.path)
        if known is not None and self._is_same(known, status):
            self.entries[found.path] = known
            return
        read = read_stable(found.real)
        if read is None:
            return
        content, status = read
        digest = sha256(content).hexdigest()
        if self.keep is not None:
            self.keep(digest, content)
        self.entries[found.path] = Entry(status.st_mtime_ns, status.st_size, status.st_ino, digest, status.st_mode)

    def _is_same(self, known: Entry, status: os.stat_result) -> bool:
        if (known.mtime_ns, known.size, known.inode, known.mode) != (
            status.st_mtime_ns,
            status.st_size,
            status.st_ino,
            status.st_mode,
        ):
            return False
        tick = _TICK_NS if known.mtime_ns % 1_000_000_000 else _COARSE_TICK_NS
        return self.previous_taken_at_ns - known.mtime_ns > tick


def read_stable(path: str | Path) -> tuple[bytes, os.stat_result] | None:
    """A file's content and status, both of the same moment; None if it is gone. Blocks.

    Raises:
        BuildFailed: it cannot be read, or does not stop changing.
    """
    try:
        for _ in range(_READ_ATTEMPTS):
            with open(path, "rb") as stream:  # noqa: PTH123 - thousands of them
                before = os.fstat(stream.fileno())
                content = stream.read()
                after = os.fstat(stream.fileno())
            if (
                (before.st_mtime_ns, before.st_size)
                == (after.st_mtime_ns, after.st_size)
                == (
                    after.st_mtime_ns,
                    len(content),
                )
            ):
                return content, after
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BuildFailed(
            f"a file cannot be read ({error.strerror})", where=str(path), hint="make it readable or ignore it"
        ) from error
    raise BuildFailed("a file changes while it is read", where=str(path), hint="ignore it in .gitignore")


def take_snapshot(project: Project, previous: Snapshot | None = None, keep: Keep | None = None) -> Snapshot:
    """Look at all files of the project. Blocks (some ms; longer for what must be read).

    Raises:
        BuildFailed: the project folder or a file cannot be read.
    """
    taken_at_ns = time.time_ns()
    known = previous if previous is not None else Snapshot({})
    look = _Look(known.entries, known.taken_at_ns, keep)
    for found in project.files():
        look.add(found)
    entries = dict(sorted(look.entries.items()))
    return Snapshot(entries, taken_at_ns, (*project.notes, *_size_notes(entries)), frozenset(project.ignored))


def _size_notes(entries: Mapping[str, Entry]) -> list[str]:
    total = sum(entry.size for entry in entries.values())
    if total < _LARGE_BYTES:
        return []
    largest = max(entries, key=lambda path: entries[path].size)
    return [
        f"the project's files come to {size(total)}, {largest} is the largest: .gitignore keeps files out of builds"
    ]


def difference(before: Snapshot, after: Snapshot) -> Difference:
    """What differs by content."""
    old, new = before.entries, after.entries
    return Difference(
        added=tuple(path for path in new if path not in old),
        removed=tuple(path for path in old if path not in new),
        changed=tuple(path for path in new if path in old and old[path].content != new[path].content),
    )
