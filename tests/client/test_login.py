"""The login flow against the real platform, and where the key is kept."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from flash_tui.client.local_platform import find
from flash_tui.client.login import log_in, store_key
from flash_tui.client.logins import answer_login, pending_logins
from flash_tui.models.errors import FlashTuiError, Unauthorised, UsageError

pytestmark = pytest.mark.anyio


async def logged_in(platform, *, approve: bool) -> str:
    """Ask for a key, and answer the request as a person would."""
    shown: list[str] = []
    asked = anyio.Event()
    keys: list[str] = []

    def show(address: str) -> None:
        shown.append(address)
        asked.set()

    async def ask() -> None:
        keys.append(await log_in(platform.url, show, poll_s=0.05))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            await asked.wait()
            address = await find(platform.home)
            assert address is not None
            waiting = await pending_logins(address)
            assert shown[0].endswith(waiting[-1].id)
            await answer_login(address, waiting[-1].id, approve=approve)
    return keys[0]


async def test_an_approved_login_gives_a_key(platform) -> None:
    assert await logged_in(platform, approve=True)


async def test_a_denied_login_is_told(platform) -> None:
    with pytest.raises(ExceptionGroup) as told:
        await logged_in(platform, approve=False)
    assert told.group_contains(Unauthorised, match="denied")


async def test_the_local_platform_needs_no_login() -> None:
    with pytest.raises(UsageError):
        await log_in("local", lambda _: None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '[default]\napi_key = "new"\n'),
        ('[default]\napi_key = "old" # mine\nother = 1\n[x]\n', '[default]\napi_key = "new"\nother = 1\n[x]\n'),
        ("# top\n[default]\nother = 1\n", '# top\n[default]\napi_key = "new"\nother = 1\n'),
        ("[other]\nkey = 1", '[other]\nkey = 1\n\n[default]\napi_key = "new"\n'),
    ],
)
def test_the_key_is_kept_beside_what_was_there(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / ".runpod" / "config.toml"
    path.parent.mkdir()
    path.write_text(before)
    store_key(path, "new")
    assert path.read_text() == after
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_changed_safely_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("this is not toml [")
    with pytest.raises(FlashTuiError, match="cannot be stored"):
        store_key(path, "new")
    assert path.read_text() == "this is not toml ["
