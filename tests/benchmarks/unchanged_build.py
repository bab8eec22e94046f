"""A build with nothing changed, as a command, against the official `flash build --no-deps` in the same run."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.benchmarks.common import MS, ratio, row, sample_project
from tests.command import FlashTui

RUNS = 5
OFFICIAL = "import sys; sys.path.insert(0, sys.argv.pop(1)); from runpod_flash.cli.main import app; app()"


def base_layer(command: FlashTui) -> Path:
    """The folder of the newest base layer: it holds the official command."""
    tool = Path("runpod_flash") / "cli" / "main.py"
    found = [path.parents[2] for path in command.layers.rglob(str(tool))]
    return max(found, key=lambda path: path.stat().st_mtime)


def timed_ms(argv: list[str], cwd: Path, environ: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, timeout=120, check=True)
    return (time.perf_counter() - start) * MS


def main() -> None:
    with sample_project() as (command, project):
        twin = project.parent / "twin"
        shutil.copytree(project, twin, ignore=shutil.ignore_patterns(".flash"))
        base = sys._base_executable
        official_argv = [base, "-I", "-S", "-c", OFFICIAL, str(base_layer(command)), "build", "--no-deps"]
        command.run("build", cwd=project)
        ours: list[float] = []
        official: list[float] = []
        for _ in range(RUNS):
            official.append(timed_ms(official_argv, twin, command.environ))
            ours.append(timed_ms(command.argv("build"), project, command.environ))
        peer = row("official flash build --no-deps", official)
        ratio("unchanged build / official", row("flash-tui build, nothing changed", ours), peer)


if __name__ == "__main__":
    main()
