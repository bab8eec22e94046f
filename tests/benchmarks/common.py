"""What the benchmarks share: a home with a deployed sample project, and figures as a table."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.command import FlashTui

MS = 1e3


@contextmanager
def sample_project() -> Iterator[tuple[FlashTui, Path]]:
    """A fresh home whose platform runs the sample project in dev. The layer store is the tests'."""
    layers = Path(os.environ.get("FLASH_TUI_LAYERS") or Path.cwd() / ".pytest_cache" / "d" / "layers")
    with tempfile.TemporaryDirectory(prefix="flash-tui-benchmark-") as folder:
        command = FlashTui(home=Path(folder) / "home", layers=layers)
        project = Path(folder) / "shop"
        command.run("init", str(project))
        try:
            command.run("deploy", cwd=project)
            yield command, project
        finally:
            command.run("platform", "stop", code=None)


def percentile(samples: Sequence[float], percent: float) -> float:
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def row(name: str, samples_ms: Sequence[float], note: str = "") -> float:
    """Print one line of figures; returns the median in ms."""
    median = statistics.median(samples_ms)
    sys.stdout.write(
        f"{name:<44} p50 {median:8.1f} ms   p95 {percentile(samples_ms, 95):8.1f} ms"
        f"   min {min(samples_ms):8.1f}   n={len(samples_ms)}   {note}\n"
    )
    sys.stdout.flush()
    return median


def ratio(name: str, ours: float, peer: float) -> None:
    sys.stdout.write(f"{name:<44} {ours / peer:.2f}x\n\n")
    sys.stdout.flush()
