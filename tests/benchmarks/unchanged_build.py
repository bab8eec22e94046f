"""A build with nothing changed, as a command, against the official `flash build --no-deps` in the same run."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import anyio

from flash_tui.runtime.interpreters import own_interpreter
from flash_tui.runtime.layers import Layer, LayerStore
from tests.benchmarks.common import MS, ratio, row, sample_project
from tests.command import FlashTui

RUNS = 5
OFFICIAL = "import sys; sys.path.insert(0, sys.argv.pop(1)); from runpod_flash.cli.main import app; app()"


async def base_layer(command: FlashTui) -> Layer:
    """The worker image's packages: they hold the official command."""
    return await LayerStore(command.layers).base("1.21", own_interpreter())


def timed_ms(argv: list[str], cwd: Path, environ: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(argv, cwd=cwd, env=environ, capture_output=True, timeout=120, check=True)
    return (time.perf_counter() - start) * MS


def main() -> None:
    with sample_project() as (command, project):
        twin = project.parent / "twin"
        shutil.copytree(project, twin, ignore=shutil.ignore_patterns(".flash"))
        python = str(own_interpreter().path)
        site = str(anyio.run(base_layer, command).folder)
        official_argv = [python, "-I", "-S", "-c", OFFICIAL, site, "build", "--no-deps"]
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
