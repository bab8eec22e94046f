"""The lines of `flash-tui watch --json`: what happened to a save."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.document import Document
from flash_tui.models.errors import ErrorDocument


class WatchEvent(Document):
    """One line. `event` says which of the optional fields are there:

    ready: project, environment, files, version · change: paths · build: version, digest, elapsed_ms, notes (if any) ·
    deploy: version · live: version, elapsed_ms (since the save), stages_ms, paths ·
    failed: stage, error, version (what still serves), paths ·
    superseded: generation · paused, resumed: reason · unchanged: reason · waiting: reason
    """

    event: str
    at: datetime
    generation: int | None = None
    project: str | None = None
    environment: str | None = None
    files: int | None = None
    paths: tuple[str, ...] | None = None
    version: int | None = None
    digest: str | None = None
    elapsed_ms: float | None = None
    stages_ms: dict[str, float] | None = None
    stage: str | None = None
    error: ErrorDocument | None = None
    reason: str | None = None
    notes: tuple[str, ...] | None = None
    """What a person should know about the build, one sentence each."""
