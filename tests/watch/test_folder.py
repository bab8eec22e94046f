"""What of a folder matters, and what a look says about the save behind it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from flash_tui.settings import read_settings
from flash_tui.watch.folder import Folder, timings
from flash_tui.watch.settling import Batch


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "app"
    root.mkdir()
    (root / "api.py").write_text("x = 1\n")
    (root / ".gitignore").write_text("secret/\n")
    return root


def a_folder(root: Path, watch: str = "") -> Folder:
    (root / "pyproject.toml").write_text(f"[tool.flash-tui.watch]\n{watch}\n")
    folder = Folder(read_settings(root, {"FLASH_TUI_HOME": str(root.parent / "home")}))
    folder.look()
    return folder


def test_a_touched_file_is_no_change(root: Path) -> None:
    folder = a_folder(root)
    (root / "api.py").touch()
    assert folder.look().changed == ()


def test_a_same_size_edit_is_a_change(root: Path) -> None:
    folder = a_folder(root)
    (root / "api.py").write_text("x = 2\n")
    assert folder.look().changed == ("api.py",)


def test_a_time_set_backwards_is_still_a_change(root: Path) -> None:
    folder = a_folder(root)
    (root / "api.py").write_text("x = 3\n")
    os.utime(root / "api.py", (1, 1))
    look = folder.look()
    assert look.changed == ("api.py",)
    assert look.saved_at is None


@pytest.mark.parametrize("litter", ["api.py~", ".api.py.swp", "4913", "#api.py#", "api.py___jb_tmp___", ".DS_Store"])
def test_what_an_editor_leaves_is_no_change(root: Path, litter: str) -> None:
    folder = a_folder(root)
    (root / litter).write_text("x")
    assert folder.look().changed == ()


def test_ignored_files_are_no_change(root: Path) -> None:
    (root / "docs").mkdir()
    folder = a_folder(root)
    (root / "docs" / "prompt.md").write_text("be kind")
    assert folder.look().changed == ()
    assert folder.ignores_folder("docs")


def test_ignored_files_that_are_included_are_watched(root: Path) -> None:
    (root / "docs").mkdir()
    folder = a_folder(root, 'include = ["docs/*.md"]')
    (root / "docs" / "prompt.md").write_text("be kind")
    assert folder.look().changed == ("docs/prompt.md",)
    assert not folder.ignores_folder("docs")
    assert not folder.ignores_file("docs/prompt.md")


def test_a_folder_from_which_files_are_taken_back_is_watched(root: Path) -> None:
    (root / ".gitignore").write_text("data/\n!data/keep.py\n")
    folder = a_folder(root)
    assert not folder.ignores_folder("data")
    assert folder.ignores_folder(".venv")
    (root / "data").mkdir()
    (root / "data" / "keep.py").write_text("")
    assert folder.look().changed == ("data/keep.py",)


def test_the_projects_own_ignores_hold(root: Path) -> None:
    folder = a_folder(root, 'ignore = ["*.sql"]')
    (root / "schema.sql").write_text("")
    assert folder.look().changed == ()
    assert folder.ignores_file("schema.sql")


def test_dot_env_is_watched_though_never_packed(root: Path) -> None:
    folder = a_folder(root)
    (root / ".env").write_text("KEY=1\n")
    look = folder.look()
    assert look.changed == (".env",)
    assert ".env" not in look.snapshot.entries
    assert not folder.ignores_file(".env")


def test_a_change_of_the_ignore_rules_changes_the_set_of_files(root: Path) -> None:
    (root / "extra.py").write_text("")
    folder = a_folder(root)
    (root / ".gitignore").write_text("extra.py\n")
    assert folder.look().changed == ("extra.py",)


def test_an_emptied_or_vanished_file_asks_for_another_look(root: Path) -> None:
    folder = a_folder(root)
    (root / "api.py").write_text("")
    assert folder.look().vanished
    (root / "api.py").write_text("x = 4\n")
    assert not folder.look().vanished
    (root / "api.py").unlink()
    assert folder.look().vanished


def test_a_save_is_timed_from_the_files_own_time(root: Path) -> None:
    folder = a_folder(root)
    before = time.monotonic()
    (root / "api.py").write_text("x = 5\n")
    look = folder.look()
    assert look.saved_at is not None
    assert before - 0.1 <= look.saved_at <= time.monotonic()
    batch = Batch(
        frozenset({"api.py"}),
        everything=False,
        first_at=look.saved_at + 0.016,
        last_at=look.saved_at + 0.016,
        settled_at=look.saved_at + 0.036,
    )
    saved_at, stages = timings(look, batch, look.saved_at + 0.040)
    assert saved_at == look.saved_at
    assert {name: round(ms) for name, ms in stages.items()} == {"notice": 16, "settle": 20, "check": 4}


def test_links_out_of_the_project_are_not_followed(root: Path) -> None:
    outside = root.parent / "outside.py"
    outside.write_text("secret = 1\n")
    folder = a_folder(root)
    (root / "link.py").symlink_to(outside)
    assert folder.look().changed == ()
