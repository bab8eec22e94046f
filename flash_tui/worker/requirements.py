"""What a project asks to be installed, by the official functions; no user code runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flash_tui.worker import protocol
from flash_tui.worker.sdk import official_build


def collect(document: dict[str, Any], result_fd: int) -> None:
    """Send `{"requirements", "left_out"}`."""
    requirements, left_out = official_build.collect_requirements(Path(document["folder"]))
    protocol.write(result_fd, {"done": {"requirements": requirements, "left_out": left_out}})
