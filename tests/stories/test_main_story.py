"""The main job, told through the real pieces: init, deploy, call, edit, live, promote, rollback, a killed daemon."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.command import FlashTui, until

pytestmark = [
    pytest.mark.timeout(300),  # the first layers come over the network
]


def greet_with(project: Path, greeting: str) -> None:
    """Change the helper module that both endpoints share."""
    text = (project / "words.py").read_text()
    (project / "words.py").write_text(re.sub(r'GREETING = ".*"', f'GREETING = "{greeting}"', text))


def greeting(flash_tui: FlashTui, project: Path, environment: str = "dev") -> str:
    """What a call of the load-balanced endpoint answers."""
    answer = flash_tui.json("call", "lb_worker", "-e", environment, "--route", "GET /hello", cwd=project)
    assert answer["status_code"] == 200
    return answer["output"]["message"]


def read_events(process: subprocess.Popen[str], wanted: str) -> dict[str, Any]:
    """The next event of the wanted kind; a failure that nobody waits for is told as it is."""
    assert process.stdout is not None
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == wanted:
            return event
        assert event["event"] != "failed", event
    raise AssertionError(f"the watch ended before it said {wanted}")


def test_from_an_empty_folder_to_live_and_back(flash_tui: FlashTui, project: Path) -> None:
    deployed = flash_tui.json("deploy", cwd=project)
    assert deployed["state"] == "deployed"
    assert deployed["environment"] == "dev"
    assert deployed["build"]["version"] == 1
    assert {endpoint["kind"] for endpoint in deployed["endpoints"]} == {"queue", "load_balanced"}

    answer = flash_tui.json("call", "cpu_worker", '{"text": "Save it. It is live."}', cwd=project)
    assert (answer["status"], answer["build"], answer["output"]["sentences"]) == ("COMPLETED", 1, 2)
    assert greeting(flash_tui, project) == "Hello, world!"
    assert any("analyzing 20 characters" in line["text"] for line in flash_tui.json_lines("logs", cwd=project))

    with flash_tui.started("watch", "--json", cwd=project) as watch:
        read_events(watch, "ready")
        greet_with(project, "Howdy")
        live = read_events(watch, "live")
        assert live["version"] == 2
        assert live["elapsed_ms"] > 0
        assert {"discover", "boot", "switch"} <= set(live["stages_ms"])
    assert greeting(flash_tui, project) == "Howdy, world!"

    promoted = flash_tui.json("promote", "dev", "staging", "--yes", cwd=project)
    assert promoted["build"]["version"] == 2
    dev = flash_tui.json("env", "get", "dev", cwd=project)
    assert promoted["build"]["digest"] == dev["build"]["digest"]
    assert promoted["build"]["id"] == dev["build"]["id"]
    assert greeting(flash_tui, project, "staging") == "Howdy, world!"

    back = flash_tui.json("rollback", "dev", "--yes", cwd=project)
    assert back["build"]["version"] == 1
    assert greeting(flash_tui, project) == "Hello, world!"
    again = flash_tui.json("rollback", "dev", "--yes", cwd=project)
    assert again["build"]["version"] == 2

    before = flash_tui.json("history", cwd=project)
    os.kill(flash_tui.platform_pid(), signal.SIGKILL)
    environments = {environment["name"]: environment for environment in flash_tui.json("env", "list", cwd=project)}
    assert list(environments) == ["dev", "staging", "production"]
    assert environments["dev"]["build"]["version"] == 2
    assert environments["staging"]["build"]["version"] == 2
    assert environments["production"]["build"] is None
    assert flash_tui.json("history", cwd=project) == before
    assert [build["version"] for build in flash_tui.json("builds", "list", cwd=project)] == [2, 1]
    until(
        lambda: flash_tui.json("status", cwd=project, code=None)[0]["endpoints"][0]["state"] == "healthy",
        what="the endpoints of dev to run again",
    )
    assert greeting(flash_tui, project) == "Howdy, world!"


def test_a_broken_build_fails_with_the_users_line_and_leaves_what_was_there(flash_tui: FlashTui, project: Path) -> None:
    flash_tui.json("build", cwd=project)
    artifact = (project / ".flash" / "artifact.tar.gz").read_bytes()
    (project / "cpu_worker.py").write_text("def broken(:\n")
    failed = flash_tui.json("build", cwd=project, code=1)
    assert failed["error"]["code"] == "build_failed"
    assert failed["error"]["file"] == "cpu_worker.py"
    assert failed["error"]["line"] == 1
    assert (project / ".flash" / "artifact.tar.gz").read_bytes() == artifact


def test_nothing_of_ours_survives_a_killed_daemon(flash_tui: FlashTui, project: Path) -> None:
    flash_tui.json("deploy", cwd=project)
    assert len(flash_tui.processes()) > 1
    os.kill(flash_tui.platform_pid(), signal.SIGKILL)
    until(lambda: not flash_tui.processes(), what="the workers to end with their daemon")
