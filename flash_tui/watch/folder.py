"""The watched folder: which of its paths matter, and what is in it now.

What matters is the project's source by the builder's own rules, less what editors leave and `watch.ignore` names, plus
what `watch.include` names and the few files that change a build without being in it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from pathspec import PathSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from flash_tui.build.project import Project, open_project
from flash_tui.build.snapshot import Snapshot, take_snapshot
from flash_tui.settings import Settings, WatchSettings
from flash_tui.watch.decide import Files, changed_paths
from flash_tui.watch.litter import is_litter
from flash_tui.watch.settling import Batch

SETTINGS_FILE = "pyproject.toml"
UNPACKED_INPUTS = (".env", ".gitignore")
"""In no artifact; the one is read when endpoints are discovered, the other says what is packed."""
NEVER_WATCHED = frozenset({".git", ".flash", ".venv", "venv", "node_modules", "__pycache__"})
MAX_AGE_S = 5.0
"""A file that was changed longer ago than this was not saved just now: it was moved here, or its time was set."""


@dataclass(frozen=True, slots=True)
class Look:
    """What is in the folder, and what that says about the save behind it."""

    snapshot: Snapshot
    files: Files
    changed: tuple[str, ...]
    """Against the look before."""
    vanished: bool
    """A file is gone or empty that was not: perhaps an editor is in the middle of a save."""
    saved_at: float | None
    """Monotonic: when the newest of the changed files was written, if that is plausible."""

    def after(self, first: Look) -> Look:
        """This look, with the save time of the one just before, where this one saw nothing new."""
        return self if self.saved_at is not None else replace(self, saved_at=first.saved_at)


class Folder:
    """Looks at one project, again and again. The rules are asked from the loop, looks are taken in a thread."""

    def __init__(self, settings: Settings) -> None:
        """Raises BuildFailed if there is no such folder."""
        self.project: Project = open_project(settings)
        self.configure(settings.watch)
        self._takes_back = self._may_take_back()
        self._snapshot: Snapshot | None = None
        self._files: Files = {}

    def configure(self, watch: WatchSettings) -> None:
        """Take the patterns from the project's settings, which may change while it is watched."""
        self._ignore = _spec(watch.ignore)
        self._include = _spec(watch.include) if watch.include else None

    # --- rules, for the watcher ---------------------------------------------------------------------------------------

    def ignores_folder(self, path: str) -> bool:
        """Whether nothing that matters is expected in a folder; what is found there all the same waits for a tick."""
        if path.rpartition("/")[2] in NEVER_WATCHED:
            return True
        if self._include is not None or self._takes_back:
            return False
        return self.project.rules.ignores(f"{path}/") or self._ignore.match_file(f"{path}/")

    def rules(self) -> Folder:
        """For the watcher, when it lists the folders anew: `.gitignore` may have changed."""
        self._takes_back = self._may_take_back()
        return self

    def _may_take_back(self) -> bool:
        """Whether a `!` line may take files of an ignored folder back into the project."""
        try:
            lines = (self.project.root / ".gitignore").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return False
        return any(line.strip().startswith("!") for line in lines)

    def ignores_file(self, path: str) -> bool:
        if path in UNPACKED_INPUTS:
            return False
        if self._include is not None and self._include.match_file(path):
            return False
        return self.project.rules.ignores(path) or self._ignore.match_file(path)

    # --- content ------------------------------------------------------------------------------------------------------

    def look(self) -> Look:
        """What is in the folder now. Blocks for some ms.

        Raises:
            BuildFailed: the folder or a file cannot be read.
        """
        before, before_snapshot = self._files, self._snapshot
        snapshot = take_snapshot(self.project, before_snapshot)
        files = self.files_of(snapshot)
        changed = changed_paths(before, files)
        self._snapshot, self._files = snapshot, files
        old = before_snapshot.entries if before_snapshot is not None else snapshot.entries
        vanished = any(
            path in old and old[path].size > 0 and (path not in snapshot.entries or snapshot.entries[path].size == 0)
            for path in changed
        )
        return Look(snapshot, files, changed, vanished, _saved_at(snapshot, changed, self.project.root))

    def files_of(self, snapshot: Snapshot) -> Files:
        """A snapshot as the session compares it."""
        files = {
            path: f"{entry.sha256}{'x' if entry.is_executable else ''}"
            for path, entry in snapshot.entries.items()
            if not is_litter(path) and not self._ignore.match_file(path)
        }
        for path in (UNPACKED_INPUTS[0], *self._included()):
            if path not in files and (content := _read(self.project.root / path)) is not None:
                files[path] = sha256(content).hexdigest()
        return files

    def _included(self) -> list[str]:
        if self._include is None:
            return []
        found: list[str] = []
        root = str(self.project.root)
        for folder, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in NEVER_WATCHED]
            prefix = folder.removeprefix(root).lstrip(os.sep).replace(os.sep, "/")
            paths = (f"{prefix}/{name}" if prefix else name for name in names)
            found += [path for path in paths if self._include.match_file(path)]
        return found


def content_of(settings: Settings) -> Files:
    """What is in the project's folder now, as `memory` keeps it. Blocks."""
    return Folder(settings).look().files


def timings(look: Look, batch: Batch, now: float) -> tuple[float, dict[str, float]]:
    """(since when somebody waits, what passed until now by stage), for a look that a batch of events led to.

    A look that no event led to (polling) begins with the save as well, if that is plausible.
    """
    saved_at = batch.first_at if look.saved_at is None else min(look.saved_at, batch.settled_at)
    noticed_at = max(saved_at, min(batch.last_at, batch.settled_at))
    return saved_at, {
        "notice": (noticed_at - saved_at) * 1000,
        "settle": (batch.settled_at - noticed_at) * 1000,
        "check": (now - batch.settled_at) * 1000,
    }


def _saved_at(snapshot: Snapshot, changed: tuple[str, ...], root: Path) -> float | None:
    times = [snapshot.entries[path].mtime_ns for path in changed if path in snapshot.entries]
    for path in changed:
        if path not in snapshot.entries:
            try:
                times.append((root / path).stat().st_mtime_ns)
            except OSError:
                continue
    if not times:
        return None
    age_s = (time.time_ns() - max(times)) / 1e9
    return time.monotonic() - age_s if 0 <= age_s < MAX_AGE_S else None


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _spec(lines: tuple[str, ...]) -> PathSpec[GitIgnoreSpecPattern]:
    return PathSpec.from_lines(GitIgnoreSpecPattern, lines)
