from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from flash_tui.build import snapshot as module
from flash_tui.build.project import open_project
from flash_tui.build.snapshot import Difference, Snapshot, difference, read_stable, take_snapshot
from flash_tui.build.sources import Mirror, SourceMovedError, Sources
from flash_tui.models.errors import BuildFailed
from tests.projects import settings_for, write


def look(root: Path, previous: Snapshot | None = None, read: list[str] | None = None) -> Snapshot:
    keep = None if read is None else lambda digest, _: read.append(digest)
    return take_snapshot(open_project(settings_for(root, root, root)), previous, keep)


def age(path: Path, seconds: float = 60) -> None:
    """Make a file look as if it had been saved some time ago."""
    at = time.time() - seconds
    os.utime(path, (at, at))


def test_a_difference_is_by_content(tmp_path: Path) -> None:
    before = look(write(tmp_path, {"same.py": "1", "edited.py": "1", "gone.py": "1", "run.sh": "1"}))
    write(tmp_path, {"edited.py": "2", "new.py": "1"})
    (tmp_path / "gone.py").unlink()
    (tmp_path / "run.sh").chmod(0o755)
    age(tmp_path / "same.py")
    found = difference(before, look(tmp_path, before))
    assert found == Difference(added=("new.py",), removed=("gone.py",), changed=("edited.py", "run.sh"))
    assert found.paths == ("edited.py", "gone.py", "new.py", "run.sh")


def test_nothing_changed_is_no_difference(tmp_path: Path) -> None:
    before = look(write(tmp_path, {"a.py": "1"}))
    write(tmp_path, {"a.py": "1"})
    assert not difference(before, look(tmp_path, before))


def test_an_old_file_is_read_once(tmp_path: Path) -> None:
    age(write(tmp_path, {"a.py": "1"}) / "a.py")
    read: list[str] = []
    first = look(tmp_path, None, read)
    look(tmp_path, first, read)
    assert len(read) == 1


def test_a_same_size_edit_at_the_same_time_is_seen(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.py": "VALUE = 1"}) / "a.py"
    before = look(tmp_path)
    status = path.stat()
    path.write_text("VALUE = 2")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert difference(before, look(tmp_path, before)).changed == ("a.py",)


def test_a_time_set_backwards_is_a_change(tmp_path: Path) -> None:
    path = write(tmp_path, {"a.py": "VALUE = 1"}) / "a.py"
    age(path, 60)
    before = look(tmp_path)
    path.write_text("VALUE = 2")
    age(path, 3600)
    assert difference(before, look(tmp_path, before)).changed == ("a.py",)


def test_the_key_depends_on_names_contents_and_executable_bits(tmp_path: Path) -> None:
    one = look(write(tmp_path / "one", {"a.py": "1", "b/c.py": "2"}))
    two = look(write(tmp_path / "two", {"b/c.py": "2", "a.py": "1"}))
    assert one.key == two.key
    (tmp_path / "two/a.py").chmod(0o755)
    assert look(tmp_path / "two").key != one.key


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "open", refuse, raising=False)
    with pytest.raises(BuildFailed, match="Permission denied"):
        read_stable(tmp_path / "a.py")


def test_a_file_that_does_not_stop_changing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, {"a.py": "x" * 10}) / "a.py"
    real, calls = os.fstat, iter(range(100))

    def growing(descriptor: int) -> os.stat_result:
        path.write_text("x" * (next(calls) + 11))
        return real(descriptor)

    monkeypatch.setattr(module.os, "fstat", growing)
    with pytest.raises(BuildFailed, match="changes while it is read"):
        read_stable(path)


def test_a_file_removed_meanwhile_is_not_there(tmp_path: Path) -> None:
    assert read_stable(tmp_path / "missing.py") is None


def test_a_content_that_has_moved_on_is_told(tmp_path: Path) -> None:
    seen = look(write(tmp_path, {"a.py": "1"}))
    write(tmp_path, {"a.py": "2"})
    with pytest.raises(SourceMovedError):
        Sources(tmp_path).read(seen, "a.py")


def test_a_mirror_follows_every_change(tmp_path: Path) -> None:
    root, sources = tmp_path / "project", Sources(tmp_path / "project")
    mirror = Mirror(tmp_path / "mirror")
    steps: list[dict[str, str]] = [
        {"a.py": "1", "pkg/b.py": "2", "pkg/deep/c.py": "3"},
        {"a.py": "changed", "pkg/b.py": "2"},
        {"pkg.py": "a module in the place of a folder"},
    ]
    for files in steps:
        for path in sorted(root.rglob("*"), reverse=True) if root.exists() else []:
            path.rmdir() if path.is_dir() else path.unlink()
        mirror.update(look(write(root, files)), sources)
        there = {
            p.relative_to(mirror.folder).as_posix(): p.read_text() for p in mirror.folder.rglob("*") if p.is_file()
        }
        assert there == files
        assert [p for p in mirror.folder.rglob("*") if p.is_dir() and not any(p.iterdir())] == []


def test_a_mirror_takes_back_its_place_from_what_user_code_left(tmp_path: Path) -> None:
    root, mirror = write(tmp_path / "project", {"a.py": "1"}), Mirror(tmp_path / "mirror")
    write(mirror.folder, {"a.py/left.txt": "left"})
    mirror.update(look(root), Sources(root))
    assert (mirror.folder / "a.py").read_text() == "1"
