"""Whether git is changing the project's files right now."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class GitFolder:
    """The folder with git's own files, or None where there is no repository."""

    path: Path | None

    @classmethod
    def find(cls, root: Path) -> GitFolder:
        """That of the repository `root` lies in; a work tree's is named in a file."""
        for folder in (root, *root.parents):
            place = folder / ".git"
            if place.is_dir():
                return cls(place)
            if place.is_file():
                try:
                    text = place.read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError):
                    return cls(None)
                return cls((folder / text.removeprefix("gitdir:").strip()).resolve())
        return cls(None)

    def is_locked(self) -> bool:
        """A checkout, a stash or a commit is under way."""
        return self.path is not None and (self.path / "index.lock").exists()

    def is_rebasing(self) -> bool:
        """Several checkouts in a row, perhaps with a person's edits in between."""
        return self.path is not None and any((self.path / name).exists() for name in ("rebase-merge", "rebase-apply"))
