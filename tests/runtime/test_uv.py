"""Running uv: its lines as progress, its failures in our words, no process left behind."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from flash_tui.models.errors import BuildFailed, FlashTuiError
from flash_tui.runtime import uv
from flash_tui.runtime.uv import UvFailed, explain, run_uv

pytestmark = pytest.mark.anyio


def a_uv(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a shell script in the place of uv."""
    program = folder / "uv"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(uv, "uv_binary", lambda: str(program))


async def test_its_lines_become_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    lines = ["Resolved 1 package in 3ms", "Resolved 105 packages in 1s", " Downloading torch (2.1GiB)", "noise"]
    a_uv(tmp_path, monkeypatch, "\n".join(f"echo '{line}' >&2" for line in lines) + "\necho answer")
    assert await run_uv(["pip"], said.append) == "answer\n"
    assert said == ["installing 1 package …", "installing 105 packages …", "downloading torch (2.1GiB)"]


async def test_what_it_said_is_in_its_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_uv(tmp_path, monkeypatch, "echo 'error: out of luck' >&2; exit 2")
    with pytest.raises(UvFailed, match="out of luck"):
        await run_uv(["pip"])


async def test_it_is_killed_when_it_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_uv(tmp_path, monkeypatch, f"echo $$ > {tmp_path}/pid; exec sleep 60")
    with pytest.raises(UvFailed, match="within"):
        await run_uv(["pip"], limit_s=0.3)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_it_is_killed_when_nobody_waits_any_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a_uv(tmp_path, monkeypatch, "echo $$ >&2; exec sleep 60")
    pids: list[str] = []
    monkeypatch.setattr(uv, "_progress", lambda lines, _: (pids.extend(lines), scope.cancel()))
    with anyio.CancelScope() as scope:
        await run_uv(["pip"])
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0]), 0)


async def test_the_users_wishes_for_uv_are_kept_and_their_projects_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mirror.example.org/simple")
    monkeypatch.setenv("UV_CONSTRAINT", "mine.txt")
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    a_uv(tmp_path, monkeypatch, "pwd; env")
    where, *environment = (await run_uv([])).splitlines()
    assert where == "/"
    assert "UV_DEFAULT_INDEX=https://mirror.example.org/simple" in environment
    assert not [line for line in environment if line.startswith(("UV_CONSTRAINT", "VIRTUAL_ENV"))]


@pytest.mark.parametrize(
    "text",
    [
        "error: Failed to fetch: `https://example.org/simple/idna/`\n  Caused by: error sending request",
        "error: Request failed after 3 retries\n  Caused by: dns error: failed to lookup address information",
        "hint: Packages were unavailable because the network was disabled.",
    ],
)
def test_an_index_that_does_not_answer_is_not_the_projects_fault(text: str) -> None:
    error = explain(UvFailed(text), "the requirements cannot be resolved", "requirements.txt")
    assert not isinstance(error, BuildFailed)
    assert isinstance(error, FlashTuiError)
    assert "does not answer" in error.what


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("× No solution found\n╰─▶ Because a==1 depends on b>2 and you require b<1", "change the requirement"),  # noqa: RUF001 - as uv says it
        ("Because docopt==0.6.2 has no usable wheels", "comes as a wheel"),
        ("error: Failed to fetch: `https://x`\n Caused by: HTTP status client error (403 Forbidden)", "change the"),
    ],
)
def test_requirements_that_cannot_be_met_are(text: str, hint: str) -> None:
    error = explain(UvFailed(text), "the requirements cannot be resolved", "requirements.txt")
    assert isinstance(error, BuildFailed)
    assert hint in error.hint
    assert "\n" not in error.what
    assert not {"×", "╰"} & set(error.what)  # noqa: RUF001 - marks that uv draws
