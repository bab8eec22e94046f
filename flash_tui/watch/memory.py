"""What was put live from a folder last, by any command of this person: what the next watch of it starts from."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from pydantic import ValidationError

from flash_tui.models.document import Document
from flash_tui.settings import Settings


class LastLive(Document):
    """One folder's content, when it went live in one environment of one target."""

    app: str
    target: str
    environment: str
    project: str
    files: dict[str, str]
    """Path → what its content is known by."""
    build_id: str
    version: int | None = None
    generation: int = 0
    """The highest the platform was told; a restarted watch goes on above it."""
    at: datetime


def _place(settings: Settings, environment: str) -> Path:
    name = settings.home.watch_name(settings.project, environment)
    where = sha256(f"{settings.target}\0{settings.app}".encode()).hexdigest()[:8]
    return settings.home.journals / f"live-{name}-{where}.json"


def recall(settings: Settings, environment: str) -> LastLive | None:
    """What was put live from this project last; None if nothing ever was, or its record cannot be read."""
    try:
        return LastLive.model_validate_json(_place(settings, environment).read_bytes())
    except (OSError, ValidationError):
        return None


def remember(
    settings: Settings,
    environment: str,
    files: Mapping[str, str],
    *,
    build_id: str,
    version: int | None,
    generation: int = 0,
) -> None:
    """Write it down, by rename: a reader sees the old or the new one whole. The generation never goes down."""
    before = recall(settings, environment)
    generation = max(generation, before.generation if before is not None else 0)
    record = LastLive(
        app=settings.app,
        target=settings.target,
        environment=environment,
        project=str(settings.project),
        files=dict(files),
        build_id=build_id,
        version=version,
        generation=generation,
        at=datetime.now(UTC),
    )
    place = _place(settings, environment)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = place.with_suffix(f".{os.getpid()}.new")
    new.write_text(json.dumps(record.model_dump(mode="json")), encoding="utf-8")
    new.replace(place)
