"""A project whose code carries a number, ways to save it, good and broken, and a watch whose events are kept."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.command import FlashTui, until
from tests.load import Place

HELPER = "words.py"
BETWEEN_CALLS_S = 0.03
"""Between two system calls of an editor that takes its time."""
LOAD_BALANCED = """
import asyncio
import os

from runpod_flash import Endpoint

from words import SAVE

api = Endpoint(name="lb_worker", cpu="cpu3c-1-2", workers=(1, 3))


@api.get("/save")
async def told(gate: str = "") -> dict:
    await asyncio.sleep(0.02)
    while gate and not os.path.exists(gate):
        await asyncio.sleep(0.01)
    return {"save": SAVE}


@api.post("/save")
async def asked() -> dict:
    await asyncio.sleep(0.02)
    return {"save": SAVE}
"""
QUEUE = """
import asyncio
import os

from runpod_flash import Endpoint

from words import SAVE


@Endpoint(name="cpu_worker", cpu="cpu3c-1-2", workers=(0, 2))
async def analyze(gate: str = "", seconds: float = 0.02) -> dict:
    await asyncio.sleep(seconds)
    while gate and not os.path.exists(gate):
        await asyncio.sleep(0.01)
    return {"save": SAVE}
"""
"""Both take 20 ms, or until there is a file called `gate`."""


def number_it(project: Path) -> None:
    """Make the sample project's two endpoints answer the number in its helper module; it is 0."""
    (project / "lb_worker.py").write_text(LOAD_BALANCED)
    (project / "cpu_worker.py").write_text(QUEUE)
    (project / HELPER).write_text(code(0))


def code(number: int) -> str:
    return f"SAVE = {number}\n"


# --- saves: each takes the project and a number ---------------------------------------------------------------------


def in_place(project: Path, number: int) -> None:
    """Truncate and write, as VS Code and most scripts do."""
    (project / HELPER).write_text(code(number))


def emptied_first(project: Path, number: int) -> None:
    with (project / HELPER).open("w") as file:
        file.flush()
        time.sleep(BETWEEN_CALLS_S)
        file.write(code(number))


def as_vim(project: Path, number: int) -> None:
    """`backupcopy=no`: a probe, the old file aside, the new one written, the backup removed."""
    probe, file, backup = project / "4913", project / HELPER, project / f"{HELPER}~"
    probe.touch()
    probe.unlink()
    file.rename(backup)
    time.sleep(BETWEEN_CALLS_S)
    file.write_text(code(number))
    backup.unlink()


def as_jetbrains(project: Path, number: int) -> None:
    """A safe write: the new file aside, then two renames."""
    new, old, file = project / f"{HELPER}___jb_tmp___", project / f"{HELPER}___jb_old___", project / HELPER
    new.write_text(code(number))
    file.rename(old)
    time.sleep(BETWEEN_CALLS_S)
    new.rename(file)
    old.unlink()


def twice(project: Path, number: int) -> None:
    """As with a formatter on save: something else first, 50 ms before."""
    (project / HELPER).write_text(code(number) + "# not formatted\n")
    time.sleep(0.05)
    (project / HELPER).write_text(code(number))


GOOD: tuple[Callable[[Path, int], None], ...] = (in_place, emptied_first, as_vim, as_jetbrains, twice)
IN_WORKERS = "import os\n\nif 'RUNPOD_POD_ID' in os.environ:\n    "
IN_HTTP_WORKERS = "import os\n\nif os.environ.get('FLASH_ENDPOINT_TYPE') == 'lb':\n    "
IN_QUEUE_WORKERS = "import os\n\nif 'RUNPOD_WEBHOOK_GET_JOB' in os.environ:\n    "
RAISE = "raise RuntimeError('not here')\n"
BROKEN = {
    "syntax": ("check", "SAVE = (\n"),
    "import": ("discover", "from nowhere import SAVE\n"),
    "workers": ("boot", IN_WORKERS + RAISE),
    "exit": ("discover", "import sys\n\nsys.exit(3)\n"),
    "http workers": ("boot", IN_HTTP_WORKERS + RAISE),
    "queue workers": ("boot", IN_QUEUE_WORKERS + RAISE),
}
"""What broken saves leave in the helper, before its number, and the stage at which that shows."""


def held(project: Path, number: int, gate: Path) -> None:
    """A save whose workers come up once there is a file called `gate`."""
    wait = f"import time\n    while not os.path.exists({str(gate)!r}):\n        time.sleep(0.01)\n"
    (project / HELPER).write_text(f"{IN_WORKERS}{wait}SAVE = {number}\n")


# --- the watch ------------------------------------------------------------------------------------------------------


@dataclass
class Watch:
    """What a watch says, with the moment (monotonic seconds) at which it was heard."""

    process: subprocess.Popen[str]
    project: Path
    app: str
    place: Place
    """Any endpoint of it."""
    heard: list[tuple[float, dict[str, Any]]] = field(default_factory=list[tuple[float, dict[str, Any]]])
    _numbers: dict[int, int] = field(default_factory=dict[int, int])

    def listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.heard.append((time.monotonic(), json.loads(line)))

    def until(self, event: str, after: int = 0) -> dict[str, Any]:
        """The first such event behind the first `after` ones."""
        told = until(
            lambda: next((told for _, told in self.heard[after:] if told.get("event") in {event, None}), None),
            what=f"the watch to say {event}",
        )
        assert told.get("event") == event, told  # else it has ended, and says why
        return told

    def has_said(self, event: str, after: int) -> bool:
        """Whether such an event was heard behind the first `after` ones."""
        return any(told.get("event") == event for _, told in self.heard[after:])

    def save(self, way: Callable[[Path, int], None], number: int) -> dict[str, Any]:
        """Save, and wait until this number is live."""
        way(self.project, number)
        return until(lambda: self.live(number), what=f"{number}, saved {way.__name__}, to go live")

    def break_it(self, kind: str, number: int) -> dict[str, Any]:
        """Save something broken, and wait until it is told."""
        seen, (stage, text) = len(self.heard), BROKEN[kind]
        (self.project / HELPER).write_text(text + code(number))
        failed = self.until("failed", after=seen)
        assert (failed["stage"], failed["error"]["file"]) == (stage, HELPER), kind
        return failed

    def environment(self) -> dict[str, Any]:
        """The document of dev."""
        return dev(self.place, self.app)

    def live(self, number: int) -> dict[str, Any] | None:
        """The event that told that this number is live; None so far."""
        lives = [told for _, told in self.heard if told.get("event") == "live"]
        return next((told for told in reversed(lives) if self.number(told["version"]) == number), None)

    def lives(self) -> list[tuple[float, int]]:
        """What went live and when that was heard, oldest first."""
        return [(at, self.number(told["version"])) for at, told in self.heard if told.get("event") == "live"]

    def number(self, version: int) -> int:
        """The number in the code of a build."""
        if version not in self._numbers:
            with closing(self.place.platform()) as platform:
                builds = platform.ask("GET", f"/flash-tui/v1/apps/{self.app}/builds")
                build_id = next(build["id"] for build in builds if build["version"] == version)
                text = platform.ask("GET", f"/flash-tui/v1/builds/{build_id}/files/{HELPER}", text=True)
            self._numbers[version] = int(text.split("SAVE = ")[1].split()[0])
        return self._numbers[version]


def dev(place: Place, app: str) -> dict[str, Any]:
    """The document of the dev that `place` belongs to, its workers' processes included."""
    with closing(place.platform()) as platform:
        return platform.ask("GET", f"/flash-tui/v1/apps/{app}/environments/dev")


@contextmanager
def watching(command: FlashTui, project: Path, place: Place) -> Generator[Watch]:
    """A running watch of the project, ready; `place` is any endpoint of it."""
    with command.started("watch", "--json", cwd=project) as process:
        watch = Watch(process, project, project.name, place)
        ear = threading.Thread(target=watch.listen)
        ear.start()
        try:
            watch.until("ready")
            yield watch
        finally:
            process.terminate()
            ear.join()
