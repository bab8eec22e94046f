"""The main job by keys alone, in a real terminal of the classic size."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.command import FlashTui
from tests.terminal import Terminal

pytestmark = [
    pytest.mark.timeout(300),  # the first layers come over the network
]


def test_save_promote_and_roll_back_by_keys(flash_tui: FlashTui, project: Path) -> None:
    flash_tui.json("deploy", cwd=project)
    argv = flash_tui.argv(str(project))
    with Terminal(argv, environ=flash_tui.environ, cwd=project, columns=120, rows=40) as terminal:
        terminal.until("shop")
        terminal.until(lambda text: "deployed" in text and "v1" in text and "watching" in text)

        with (project / "words.py").open("a") as file:
            file.write("\nSECOND = 2\n")
        terminal.until(lambda text: "live in" in text and "v2" in text)

        terminal.press("p")
        terminal.until("Promote v2")
        terminal.press("enter")
        terminal.until("same build")

        terminal.press("u")
        terminal.until("Roll back")
        terminal.press("enter")
        terminal.until(lambda text: "v1" in text and "1 build behind" in text)

        os.kill(flash_tui.platform_pid(), signal.SIGKILL)
        terminal.until("unreachable")
        terminal.until(lambda text: "unreachable" not in text and "deployed" in text, patience_s=60)

        terminal.press("q")
        assert terminal.wait_ended() == 0
