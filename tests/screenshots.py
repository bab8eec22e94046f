"""`uv run python -m tests.screenshots` makes the pictures in `screenshots/`: the real program, the real sample project.

A home of its own, a few saves, calls and a promotion, then the screens as the terminal would show them.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from textual.pilot import Pilot

from flash_tui.settings import read_settings
from flash_tui.tui.app import FlashApp
from tests.command import FlashTui

PICTURES = Path(__file__).parents[1] / "screenshots"
SIZE = (120, 40)
PATIENCE_S = 20.0
LOOK_AGAIN_S = 0.05


def greet(project: Path, greeting: str) -> None:
    """Save a change."""
    words = project / "words.py"
    words.write_text(re.sub(r'GREETING = ".*"', f'GREETING = "{greeting}"', words.read_text()))


def live_through_a_day(command: FlashTui, project: Path) -> None:
    """Something to look at: builds, calls, a promotion."""
    for greeting in ("Hello", "Hi", "Howdy"):
        greet(project, greeting)
        command.run("deploy", cwd=project)
        for _ in range(3):
            command.run("call", "lb_worker", "--route", "GET /hello", cwd=project)
        command.run("call", "cpu_worker", '{"text": "Save the file. It is live."}', cwd=project)
        if greeting == "Hi":
            command.run("promote", "dev", "staging", "--yes", cwd=project)
            command.run("promote", "staging", "production", "--yes", cwd=project)


def screen_text(app: FlashApp) -> str:
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


async def until(app: FlashApp, pilot: Pilot[int], words: Sequence[str]) -> None:
    """Wait until the screen shows all of `words`."""
    deadline = time.monotonic() + PATIENCE_S
    while not all(word in screen_text(app) for word in words):
        if time.monotonic() > deadline:
            raise AssertionError(f"{words} never came on the screen:\n{screen_text(app)}")
        await pilot.pause(LOOK_AGAIN_S)


async def picture(
    project: Path,
    name: str,
    keys: Sequence[str],
    wanted: Sequence[str],
    *,
    size: tuple[int, int] = SIZE,
    theme: str = "",
    greeting: str = "",
) -> None:
    environ = dict(os.environ) | ({"FLASH_TUI_THEME": theme} if theme else {})
    app = FlashApp(read_settings(project, environ), watch=True)
    async with app.run_test(size=size) as pilot:
        await until(app, pilot, ("deployed", "watching"))
        if greeting:
            for number, word in enumerate(
                (greeting, f"{greeting}!"), start=4
            ):  # the first waits for a warm interpreter
                greet(project, word)
                await until(app, pilot, ("by save", f"build      v{number}"))
        await pilot.press(*keys)
        await until(app, pilot, wanted)
        PICTURES.mkdir(exist_ok=True)
        (PICTURES / f"{name}.svg").write_text(app.export_screenshot(title="flash-tui"))
        await pilot.press("q")


async def pictures(project: Path) -> None:
    await picture(project, "home", (), ("cpu_worker", "production"), greeting="Good day")
    await picture(project, "home-80x24", (), ("cpu_worker",), size=(80, 24))
    await picture(project, "home-light", (), ("cpu_worker", "production"), theme="flash-light")
    await picture(project, "promote", ("p",), ("Promote v5",))
    await picture(project, "history", ("h",), ("deployments",))
    await picture(project, "invoke", ("j", "i"), ("cpu_worker",))
    await picture(project, "help", ("question_mark",), ("promote",))


def main() -> None:
    layers = Path(os.environ.get("FLASH_TUI_LAYERS") or Path.cwd() / ".pytest_cache" / "d" / "layers")
    with tempfile.TemporaryDirectory(prefix="flash-tui-pictures-") as folder:
        command = FlashTui(home=Path(folder) / "home", layers=layers)
        project = Path(folder) / "user" / "flash-demo"
        os.environ.update(command.environ)
        del os.environ["NO_COLOR"]
        command.run("init", str(project))
        try:
            live_through_a_day(command, project)
            asyncio.run(pictures(project))
        finally:
            command.run("platform", "stop", code=None)


if __name__ == "__main__":
    main()
