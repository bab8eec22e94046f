"""Which files are the user's source: as the official tool says, but never out of the project."""

from __future__ import annotations

import json
import os
from pathlib import Path

import anyio
import pytest

from flash_tui.build.project import IgnoreRules, Project, open_project
from flash_tui.models.errors import BuildFailed
from flash_tui.runtime import pins
from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import LayerStore
from tests.projects import settings_for, write

TRICKY = [
    *("app.py", "README.md", "notes.md", "sub/README.md", "sub/notes.md", "test_app.py", "app_test.py", "tests/x.py"),
    *(".env", ".env.local", ".env.example", ".hidden", "build/x.py", "my_build/x.py", "dist.py", "pkg/build/x.py"),
    *("x.pyc", "pkg/__pycache__/x.pyc", "a.tar.gz", "lib/mod.py", "env/x.py", "environment/x.py", "data/keep.txt"),
    *("data/drop.txt", "docs/guide.txt", "mydocs/guide.txt", "pkg.egg-info/PKG", "with space.py", "ünïcode.py"),
    *(".venv/README.md", ".venv/lib/README.md", "tests/README.md", "docs/deep/README.md", "docs/README.md"),
    *("logs/a.log", "logs/deep/b.log", "only/this.txt", "only/that.txt", ".gitignore.py", "sub/.gitignore", "#hash.py"),
]
GITIGNORE = """
# a comment
*.log
lib/
data/*
!data/keep.txt
/only/that.txt
!test_app.py
  spaced.txt
"""
OFFICIAL = """
import json, sys
sys.path.append(sys.argv[1])
from pathlib import Path
from runpod_flash.cli.utils.ignore import get_file_tree, load_ignore_patterns
root = Path(sys.argv[2])
print(json.dumps([p.relative_to(root).as_posix() for p in get_file_tree(root, load_ignore_patterns(root))]))
"""


def a_project_at(root: Path) -> Project:
    return open_project(settings_for(root, root, root))


def names(project: Project) -> list[str]:
    return sorted(found.path for found in project.files())


@pytest.mark.anyio
@pytest.mark.parametrize("own_rules", ["", GITIGNORE])
async def test_files_are_chosen_as_the_official_tool_does(layers: Path, tmp_path: Path, own_rules: str) -> None:
    root = write(tmp_path / "project", dict.fromkeys(TRICKY, "x") | {".gitignore": own_rules})
    base = await LayerStore(layers).base(pins.NEWEST, own_interpreter())
    command = [str(own_interpreter().path), "-I", "-S", "-B", "-W", "ignore", "-c", OFFICIAL]
    done = await anyio.run_process([*command, str(base.folder), str(root)], cwd=tmp_path)
    assert names(a_project_at(root)) == sorted(json.loads(done.stdout))


def test_little_of_an_ignored_folder_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(tmp_path, {"app.py": "", ".venv/lib/python/x.py": "", "node/deep/x.py": "", ".gitignore": "node/\n"})
    looked_at: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: looked_at.append(os.path.relpath(path, root)) or scandir(path))
    assert names(a_project_at(root)) == ["app.py"]
    assert sorted(looked_at) == [".", ".venv", "node"]


def test_the_official_tools_former_ignore_file_is_noted(tmp_path: Path) -> None:
    project = a_project_at(write(tmp_path, {"app.py": "", ".flashignore": "*.txt"}))
    names(project)
    assert project.notes == [".flashignore is not read: move its lines to .gitignore"]


def test_a_changed_gitignore_is_seen(tmp_path: Path) -> None:
    project = a_project_at(write(tmp_path, {"app.py": "", "secret.py": "", ".gitignore": ""}))
    assert names(project) == ["app.py", "secret.py"]
    write(tmp_path, {".gitignore": "secret.py\n"})
    assert names(project) == ["app.py"]


def test_links_are_followed_within_the_project_only(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.py": "", "folder/secret.py": ""})
    root = write(tmp_path / "project", {"app.py": "", "real/mod.py": ""})
    links = {"file": outside / "secret.py", "folder": outside / "folder", "copy.py": root / "app.py"}
    links |= {"twin": root / "real", "real/up": root, "dangling": root / "nothing", "parent": Path("..")}
    for name, target in links.items():
        (root / name).symlink_to(target)
    project = a_project_at(root)
    assert names(project) == ["app.py", "copy.py", "real/mod.py", "twin/mod.py"]
    assert {note.split()[0] for note in project.notes} == {"file", "folder", "parent", "real/up", "twin/up"}


def test_what_is_neither_file_nor_folder_is_left_out(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    write(tmp_path, {"app.py": ""})
    assert names(a_project_at(tmp_path)) == ["app.py"]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match="no such folder"):
        a_project_at(tmp_path / "missing")


def test_a_folder_that_vanishes_is_named(tmp_path: Path) -> None:
    root = write(tmp_path / "project", {"app.py": ""})
    project = a_project_at(root)
    (root / "app.py").unlink()
    root.rmdir()
    with pytest.raises(BuildFailed, match="cannot be read"):
        names(project)


def test_a_gitignore_that_is_no_text_counts_as_empty(tmp_path: Path) -> None:
    write(tmp_path, {"app.py": ""})
    (tmp_path / ".gitignore").write_bytes(b"\xff\xfe*.py")
    assert names(a_project_at(tmp_path)) == ["app.py"]


def test_built_in_rules_cannot_be_taken_back() -> None:
    rules = IgnoreRules(("!tests/", "!.env"))
    assert rules.ignores(".env")
    assert rules.ignores("tests/x.py")
