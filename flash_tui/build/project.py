"""A Flash project: its root, and which of its files are the user's source.

The rules are the official tool's: the root `.gitignore` and a list of its own, which comes last, matched path by path
(so that `docs/README.md` is taken, as `!README.md` comes after `docs/`). Where this differs: no symbolic link is
followed out of the project.

Source of rules: runpod_flash 1.21 `cli/utils/ignore.py`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from pathspec import PathSpec
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from flash_tui.models.errors import BuildFailed
from flash_tui.settings import Settings

FLASH_FOLDER = ".flash"
"""Where builds are written to, in the project's root."""

_BUILT_IN = (
    *(".build/", ".flash/", ".runpod/", "*.tar.gz", ".git/", ".gitignore", "__pycache__/", "*.pyc", "*.pyo", "*.pyd"),
    *("*.egg-info/", "dist/", "build/", ".venv/", "venv/", "env/", ".vscode/", ".idea/", ".env", ".env.local"),
    *("tests/", "test_*.py", "*_test.py", "docs/", "*.md", "!README.md"),
)
_MAX_DEPTH = 60


class IgnoreRules:
    """Which paths (relative, posix) are not source. Answers are kept: matching is the slow part of a look."""

    def __init__(self, own_lines: tuple[str, ...]) -> None:
        self._spec = PathSpec.from_lines(GitIgnoreSpecPattern, (*own_lines, *_BUILT_IN))
        self._answers: dict[str, bool] = {}

    def ignores(self, path: str) -> bool:
        """Whether a file is not part of the project, or a folder not looked into."""
        found = self._answers.get(path)
        if found is None:
            found = self._answers[path] = self._spec.match_file(path)
        return found


def read_ignore_rules(root: Path) -> IgnoreRules:
    """The rules as the root `.gitignore` is now; one that cannot be read counts as empty, as for the official tool."""
    try:
        text = (root / ".gitignore").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        text = ""
    lines = (line.strip() for line in text.splitlines())
    return IgnoreRules(tuple(line for line in lines if line and not line.startswith("#")))


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file of the project as the directory shows it."""

    path: str
    """Relative to the root, posix."""
    real: str
    """The file itself, where `path` is a symbolic link within the project; else the same place, absolute."""
    status: os.stat_result


@dataclass(slots=True)
class Project:
    """A folder that holds a Flash app. One object may be asked again after files have changed."""

    root: Path
    """Absolute, symbolic links resolved."""
    app: str
    rules: IgnoreRules
    notes: list[str] = field(default_factory=list[str])
    """What the last look left out and why, in words."""
    ignored: set[str] = field(default_factory=set[str])
    """Folders and modules that the last look passed over for the ignore rules, as far as it got to see them."""
    _gitignore_seen: tuple[int, int] | None = None

    def files(self) -> Iterator[FoundFile]:
        """Every file of the user's source, in no order. Blocks.

        Raises:
            BuildFailed: the root is gone or cannot be read.
        """
        self._refresh_rules()
        self.notes.clear()
        self.ignored.clear()
        if (self.root / ".flashignore").exists():
            self.notes.append(".flashignore is not read: move its lines to .gitignore")
        yield from self._walk("", str(self.root), (os.path.realpath(self.root),))

    def _refresh_rules(self) -> None:
        try:
            status = (self.root / ".gitignore").stat()
            seen = (status.st_mtime_ns, status.st_size)
        except OSError:
            seen = None
        if seen != self._gitignore_seen:
            self.rules, self._gitignore_seen = read_ignore_rules(self.root), seen

    def _walk(self, prefix: str, folder: str, above: tuple[str, ...]) -> Iterator[FoundFile]:
        """`above`: the real paths of the folders that lead here, so that no link is followed in a circle."""
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if not prefix:
                raise BuildFailed(
                    f"the project folder cannot be read ({error.strerror})", where=folder, hint="check the path"
                ) from error
            self.notes.append(f"{prefix[:-1]} is left out: {error.strerror}")
            return
        for entry in entries:
            yield from self._look(entry, f"{prefix}{entry.name}", above)

    def _look(self, entry: os.DirEntry[str], path: str, above: tuple[str, ...]) -> Iterator[FoundFile]:
        if self.rules.ignores(path):
            if path.endswith(".py") or entry.is_dir():
                self.ignored.add(path)
            return
        if entry.is_dir(follow_symlinks=False):
            if len(above) < _MAX_DEPTH:
                yield from self._walk(f"{path}/", entry.path, (*above, entry.path))
        elif entry.is_symlink():
            yield from self._follow(entry, path, above)
        elif entry.is_file(follow_symlinks=False):
            yield from _found(path, entry.path)

    def _follow(self, entry: os.DirEntry[str], path: str, above: tuple[str, ...]) -> Iterator[FoundFile]:
        real = os.path.realpath(entry.path)
        if not real.startswith(f"{above[0]}{os.sep}"):
            self.notes.append(f"{path} is left out: it is a link out of the project")
            return
        try:
            mode = Path(real).stat().st_mode
        except OSError:
            return  # a dangling link, such as an editor's lock
        if S_ISREG(mode):
            yield from _found(path, real)
        elif S_ISDIR(mode):
            if real in above or len(above) >= _MAX_DEPTH:
                self.notes.append(f"{path} is left out: it is a link to a folder above it")
            else:
                yield from self._walk(f"{path}/", real, (*above, real))


def _found(path: str, real: str) -> Iterator[FoundFile]:
    try:
        yield FoundFile(path, real, os.stat(real))  # noqa: PTH116 - thousands of them
    except FileNotFoundError:
        return  # removed since the folder was read


def open_project(settings: Settings) -> Project:
    """The project that the settings name.

    Raises:
        BuildFailed: there is no such folder.
    """
    root = Path(os.path.realpath(settings.project))
    if not root.is_dir():
        raise BuildFailed("there is no such folder", where=str(settings.project), hint="name the project's folder")
    return Project(root, settings.app, IgnoreRules(()))
