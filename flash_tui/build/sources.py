"""The content of the files of a snapshot: what was read for it is kept, what was not is read again and checked."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from pathlib import Path

from flash_tui.build.snapshot import Snapshot, read_stable

_KEPT_BYTES = 64 << 20
_KEPT_FILE_BYTES = 32 << 20


class SourceMovedError(LookupError):
    """A file is no longer what the snapshot saw: the build begins again with a new look."""


class Sources:
    """Contents by sha256, the most recently used first to stay."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._kept_bytes = 0

    def keep(self, digest: str, content: bytes) -> None:
        """Remember what was read; the longest unused goes when it becomes too much."""
        if len(content) > _KEPT_FILE_BYTES or digest in self._kept:
            return
        self._kept[digest] = content
        self._kept_bytes += len(content)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])

    def read(self, snapshot: Snapshot, path: str) -> bytes:
        """The content that `snapshot` saw at `path`. Blocks if it has to be read.

        Raises:
            SourceMovedError: the file has changed since.
            BuildFailed: it cannot be read.
        """
        digest = snapshot.entries[path].sha256
        kept = self._kept.get(digest)
        if kept is not None:
            self._kept.move_to_end(digest)
            return kept
        read = read_stable(self._root / path)
        if read is None or sha256(read[0]).hexdigest() != digest:
            raise SourceMovedError(path)
        self.keep(digest, read[0])
        return read[0]


class Mirror:
    """A folder with the user's files and nothing else, for discovery: kept up to date by difference.

    Discovery must neither scan what is ignored or generated, nor write byte code beside the user's files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._there: dict[str, tuple[str, bool]] = {}

    def update(self, snapshot: Snapshot, sources: Sources) -> None:
        """Make the folder hold exactly the files of the snapshot. Blocks."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in [path for path in self._there if path not in snapshot.entries]:
            (self.folder / path).unlink(missing_ok=True)
            del self._there[path]
            self._remove_empty(path)
        for path, entry in snapshot.entries.items():
            if self._there.get(path) != entry.content:
                self._write(path, sources.read(snapshot, path), is_executable=entry.is_executable)
                self._there[path] = entry.content

    def _write(self, path: str, content: bytes, *, is_executable: bool) -> None:
        target = self.folder / path
        self._clear(target)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)  # a new inode: what a discovery still reads stays as it was
        target.write_bytes(content)
        if is_executable:
            target.chmod(0o755)

    def _clear(self, target: Path) -> None:
        """User code that ran here may have left what is in the way."""
        if target.is_dir() and not target.is_symlink():
            for child in sorted(target.rglob("*"), reverse=True):
                child.rmdir() if child.is_dir() and not child.is_symlink() else child.unlink()
            target.rmdir()

    def _remove_empty(self, path: str) -> None:
        """A folder without files would still be importable, as a namespace."""
        for parent in list((self.folder / path).parents):
            if parent == self.folder:
                return
            try:
                parent.rmdir()
            except OSError:
                return
