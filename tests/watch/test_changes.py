"""The ways in which editors and git write, as real sequences of system calls."""
# ruff: noqa: ASYNC240 - the files are small and the loop has nothing better to do

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from flash_tui.watch.changes import Changes, Notice
from flash_tui.watch.settling import Batch

pytestmark = pytest.mark.anyio
DEADLINE_S = 10


class PlainRules:
    """Ignores what is called `ignored`."""

    def ignores_folder(self, path: str) -> bool:
        return path.rpartition("/")[2] in {"ignored", ".git"}

    def ignores_file(self, path: str) -> bool:
        return path.endswith(".ignored")


class Watching:
    def __init__(self, root: Path, changes: Changes) -> None:
        self.root = root
        self._changes = changes

    async def next(self) -> Batch | Notice:
        with anyio.fail_after(DEADLINE_S):
            return await self._changes.stream.receive()

    async def until(self, wanted: Callable[[Batch | Notice], bool]) -> list[Batch | Notice]:
        seen: list[Batch | Notice] = []
        while not seen or not wanted(seen[-1]):
            seen.append(await self.next())
        return seen

    async def until_named(self, path: str) -> list[Batch | Notice]:
        return await self.until(lambda item: isinstance(item, Batch) and path in item.paths)

    async def until_everything(self) -> list[Batch | Notice]:
        return await self.until(lambda item: isinstance(item, Batch) and item.everything)

    def nothing_waits(self) -> bool:
        return self._changes.stream.statistics().current_buffer_used == 0


@asynccontextmanager
async def watching(root: Path, **options: object) -> AsyncIterator[Watching]:
    changes = Changes(root, PlainRules, **options)  # pyright: ignore[reportArgumentType]
    async with changes.stream, anyio.create_task_group() as group:
        await group.start(changes.run)
        yield Watching(root, changes)
        group.cancel_scope.cancel()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "package").mkdir(parents=True)
    (root / "app.py").write_text("VERSION = 1\n")
    return root


async def test_a_save_in_place_is_one_batch_that_names_the_file(root: Path) -> None:
    async with watching(root) as watch:
        (root / "app.py").write_text("VERSION = 2\n")
        batch = await watch.next()
    assert isinstance(batch, Batch)
    assert batch.paths == {"app.py"}
    assert batch.first_at <= batch.last_at < batch.settled_at


async def test_temp_and_rename_names_the_target(root: Path) -> None:
    async with watching(root) as watch:
        (root / "app.py.tmp").write_text("VERSION = 2\n")
        (root / "app.py.tmp").rename(root / "app.py")
        await watch.until_named("app.py")


async def test_the_backup_dance_of_vim_is_one_batch(root: Path) -> None:
    async with watching(root) as watch:
        (root / "4913").touch()
        (root / "4913").unlink()
        (root / "app.py").rename(root / "app.py~")
        (root / "app.py").write_text("VERSION = 2\n")
        (root / "app.py~").unlink()
        batch = await watch.next()
    assert isinstance(batch, Batch)
    assert batch.paths == {"app.py"}


async def test_the_safe_write_of_jetbrains_names_the_file_alone(root: Path) -> None:
    async with watching(root) as watch:
        (root / "app.py___jb_tmp___").write_text("VERSION = 2\n")
        (root / "app.py").rename(root / "app.py___jb_old___")
        (root / "app.py___jb_tmp___").rename(root / "app.py")
        (root / "app.py___jb_old___").unlink()
        batch = await watch.next()
    assert isinstance(batch, Batch)
    assert batch.paths == {"app.py"}


async def test_the_lock_of_emacs_is_no_save(root: Path) -> None:
    async with watching(root) as watch:
        (root / ".#app.py").symlink_to("nobody@nowhere.1")
        (root / "#app.py#").write_text("half")
        (root / "package" / "other.py").write_text("")
        batch = await watch.next()
    assert isinstance(batch, Batch)
    assert batch.paths == {"package/other.py"}


async def test_saving_all_files_is_one_batch(root: Path) -> None:
    async with watching(root) as watch:
        for number in range(15):
            (root / "package" / f"module{number}.py").write_text("x = 1\n")
        batch = await watch.next()
    assert isinstance(batch, Batch)
    assert len(batch.paths) == 15


async def test_ignored_folders_and_files_wake_nobody(root: Path) -> None:
    (root / "ignored").mkdir()
    async with watching(root) as watch:
        (root / "ignored" / "module.py").write_text("x = 1\n")
        (root / "x.ignored").write_text("")
        (root / "app.py").write_text("VERSION = 2\n")
        batch = await watch.next()
    assert isinstance(batch, Batch)
    assert batch.paths == {"app.py"}


async def test_a_file_in_a_new_folder_is_seen_then_and_later(root: Path) -> None:
    async with watching(root) as watch:
        (root / "fresh" / "deep").mkdir(parents=True)
        (root / "fresh" / "deep" / "one.py").write_text("")
        await watch.until_everything()
        with anyio.fail_after(DEADLINE_S):
            while True:  # the watcher is made anew: a save that meets its making is in the look at everything
                (root / "fresh" / "deep" / "one.py").write_text(str(time.monotonic_ns()))
                batch = await watch.next()
                if isinstance(batch, Batch) and "fresh/deep/one.py" in batch.paths:
                    break


async def test_a_checkout_of_many_files_is_few_batches(root: Path) -> None:
    async with watching(root) as watch:
        for number in range(500):
            (root / "package" / f"module{number}.py").write_text("x = 1\n")
        seen = await watch.until(lambda item: isinstance(item, Batch) and (item.everything or len(item.paths) == 500))
    assert len(seen) <= 2


async def test_work_waits_while_git_holds_its_lock(root: Path) -> None:
    (root / ".git").mkdir()
    lock = root / ".git" / "index.lock"
    async with watching(root) as watch:
        lock.touch()
        (root / "app.py").write_text("VERSION = 2\n")
        assert await watch.next() == Notice("holding", "git is at work in this folder")
        (root / "package" / "other.py").write_text("")
        lock.unlink()
        released_at = time.monotonic()
        batch = await watch.next()
    assert isinstance(batch, Batch)
    assert batch.paths == {"app.py", "package/other.py"}
    assert batch.settled_at >= released_at


async def test_a_deleted_root_is_told_and_its_return_watched(root: Path) -> None:
    async with watching(root) as watch:
        shutil.rmtree(root)
        seen = await watch.until(lambda item: isinstance(item, Notice))
        assert seen[-1].kind == "gone"  # pyright: ignore[reportAttributeAccessIssue]
        root.mkdir()
        (root / "app.py").write_text("VERSION = 3\n")
        await watch.until(lambda item: isinstance(item, Notice) and item.kind == "back")
        await watch.until_everything()
        (root / "app.py").write_text("VERSION = 4\n")
        await watch.until_named("app.py")


async def test_without_events_everything_is_looked_at_again_and_again(root: Path) -> None:
    async with watching(root, force_polling=True, poll_s=0.01) as watch:
        for _ in range(3):
            batch = await watch.next()
            assert isinstance(batch, Batch)
            assert batch.everything


async def test_links_to_folders_are_not_followed(root: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (root / "link").symlink_to(tmp_path / "elsewhere")
    (root / "package" / "cycle").symlink_to(root)
    async with watching(root) as watch:
        (tmp_path / "elsewhere" / "module.py").write_text("")
        (root / "app.py").write_text("VERSION = 2\n")
        batch = await watch.next()
    assert isinstance(batch, Batch)
    assert batch.paths == {"app.py"}


async def test_nothing_is_left_running_when_the_watch_ends(root: Path) -> None:
    started_at = time.monotonic()
    async with watching(root) as watch:
        assert watch.nothing_waits()
    assert time.monotonic() - started_at < DEADLINE_S
