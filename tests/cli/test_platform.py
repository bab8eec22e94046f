"""The platform's verbs, run as a person runs them, against the one platform of the test run."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from flash_tui.paths import Home
from tests.conftest import RunningPlatform


def flash_tui(home: Home, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {"FLASH_TUI_HOME": str(home.root), "FLASH_TUI_LAYERS": str(home.layers), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-m", "flash_tui", "platform", *words],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def no_platform(tmp_path: Path) -> Home:
    return Home(root=tmp_path / "home", layers=tmp_path / "layers")


def test_status_has_the_documents_keys(platform: RunningPlatform) -> None:
    document = json.loads(flash_tui(platform.home, "status", "--json").stdout)
    assert set(document) == {"running", "pid", "url", "home", "version", "uptime_s"}
    assert (document["running"], document["url"], document["home"]) == (True, platform.url, str(platform.home.root))
    assert document["uptime_s"] > 0


def test_status_without_a_platform_starts_none(no_platform: Home) -> None:
    document = json.loads(flash_tui(no_platform, "status", "--json").stdout)
    assert (document["running"], document["pid"], document["url"]) == (False, None, None)
    assert "is not running" in flash_tui(no_platform, "status").stdout
    assert not no_platform.platform.exists()


def test_start_of_a_running_platform_tells_where_it_is(platform: RunningPlatform) -> None:
    assert platform.url in flash_tui(platform.home, "start").stdout


def test_env_prints_lines_that_a_shell_takes(platform: RunningPlatform) -> None:
    lines = flash_tui(platform.home, "env").stdout
    shown = subprocess.run(["/bin/sh", "-c", f"{lines}\nenv"], capture_output=True, text=True, check=True).stdout
    assert f"RUNPOD_ENDPOINT_BASE_URL={platform.url}/v2" in shown
    assert f"RUNPOD_API_KEY={platform.token}" in shown
    assert len([line for line in lines.splitlines() if line.startswith("export ")]) == len(lines.splitlines()) == 7


def test_run_sets_them_for_one_command_and_ends_as_it_does(platform: RunningPlatform) -> None:
    script = 'echo "$RUNPOD_API_BASE_URL $RUNPOD_URL_MIXED_OK"; exit 7'
    done = flash_tui(platform.home, "run", "--", "/bin/sh", "-c", script)
    assert (done.stdout, done.returncode) == (f"{platform.url} 1\n", 7)


def test_run_without_a_command_or_with_an_unknown_one_says_so(platform: RunningPlatform) -> None:
    assert flash_tui(platform.home, "run").returncode == 2
    unknown = flash_tui(platform.home, "run", "--", "no-such-command")
    assert (unknown.returncode, "no-such-command" in unknown.stderr) == (3, True)


def test_logs_show_what_it_wrote_and_no_secret(platform: RunningPlatform) -> None:
    lines = flash_tui(platform.home, "logs", "-n", "1000").stdout
    assert "the platform listens" in lines
    assert platform.token not in lines


def test_reset_asks_first(no_platform: Home) -> None:
    no_platform.platform.mkdir(parents=True)
    done = flash_tui(no_platform, "reset")
    assert (done.returncode, "--yes" in done.stderr, no_platform.platform.exists()) == (2, True, True)
    assert flash_tui(no_platform, "reset", "--yes").returncode == 0
    assert not no_platform.platform.exists()


def test_stop_of_none_is_no_error(no_platform: Home) -> None:
    assert json.loads(flash_tui(no_platform, "stop", "--json").stdout) == {"stopped": False}


def ask_for_key(platform: RunningPlatform, query: str) -> dict[str, str]:
    """As `flash login` does: without a key."""
    answered = httpx.post(f"{platform.url}/graphql", json={"query": query}, trust_env=False)
    (found,) = answered.json()["data"].values()
    return found


def test_a_login_is_approved_by_a_person_and_gives_the_key(platform: RunningPlatform) -> None:
    asked = ask_for_key(platform, "mutation { createFlashAuthRequest { id status } }")
    status = f'{{ flashAuthRequestStatus(flashAuthRequestId: "{asked["id"]}") {{ status apiKey }} }}'
    assert ask_for_key(platform, status) == {"status": "PENDING", "apiKey": None}
    assert asked["id"] in flash_tui(platform.home, "approve").stdout
    assert "approved" in flash_tui(platform.home, "approve", asked["id"]).stdout
    assert ask_for_key(platform, status)["apiKey"] == platform.token
    assert flash_tui(platform.home, "approve", asked["id"]).returncode == 1


def test_a_denied_login_gives_nothing_and_an_unknown_one_is_not_found(platform: RunningPlatform) -> None:
    asked = ask_for_key(platform, "mutation { createFlashAuthRequest { id } }")
    assert "denied" in flash_tui(platform.home, "approve", shlex.quote(asked["id"]), "--deny").stdout
    assert flash_tui(platform.home, "approve", "login_unknown").returncode == 3
