"""What a target without history cannot say: a journal of what this user did there, and of what was seen to change.

One file of JSON lines per target under `FLASH_TUI_HOME`; the last line about a thing holds. Digests of builds made here
stand in it too, as the official protocol knows none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import anyio.to_thread
from pydantic import ValidationError

from flash_tui.client import limits
from flash_tui.models.deployment import Deployment
from flash_tui.models.document import Document
from flash_tui.models.errors import Interrupted
from flash_tui.models.identifiers import BuildId, Digest
from flash_tui.models.states import Cause, Outcome
from flash_tui.paths import Home

_LONGEST_ACT = timedelta(seconds=limits.HEALTHY_WITHIN_S + 300)


class BuildFacts(Document):
    """What was known of a build when it was handed over."""

    id: BuildId
    digest: Digest | None
    source_digest: str | None
    size_bytes: int


@dataclass(slots=True)
class Records:
    """The journal, read."""

    deployments: dict[str, Deployment] = field(default_factory=dict[str, Deployment])
    """By id, oldest first."""
    builds: dict[str, BuildFacts] = field(default_factory=dict[str, BuildFacts])
    seen: dict[str, str] = field(default_factory=dict[str, str])
    """Environment id → the build that served when it was looked at last; empty text for none."""

    def of(self, app: str, environment: str | None = None) -> tuple[Deployment, ...]:
        """Newest first."""
        found = [
            item for item in self.deployments.values() if item.app == app and environment in {None, item.environment}
        ]
        return tuple(sorted(found, key=lambda item: item.started_at, reverse=True))

    def last_act(self, app: str, environment: str) -> Deployment | None:
        return next(iter(self.of(app, environment)), None)

    def last_success(self, app: str, environment: str) -> Deployment | None:
        return next((item for item in self.of(app, environment) if item.outcome == Outcome.SUCCEEDED), None)

    def is_undeployed(self, app: str, environment: str) -> bool:
        last = self.last_success(app, environment)
        return last is not None and last.cause == Cause.UNDEPLOY


class RecordBook:
    """The journal of one target."""

    def __init__(self, home: Home, target_url: str) -> None:
        self.path = home.journals / f"target-{sha256(target_url.encode()).hexdigest()[:16]}.jsonl"

    async def read(self) -> Records:
        """All there is; lines that cannot be read are passed over."""
        return await anyio.to_thread.run_sync(_read, self.path, datetime.now(UTC))

    async def write_deployment(self, deployment: Deployment) -> None:
        await self._write("deployment", deployment)

    async def write_build(self, facts: BuildFacts) -> None:
        await self._write("build", facts)

    async def write_seen(self, environment_id: str, build_id: str | None) -> None:
        line = json.dumps({"kind": "seen", "environment": environment_id, "build": build_id or ""})
        await anyio.to_thread.run_sync(_append, self.path, line)

    async def _write(self, kind: str, document: Document) -> None:
        line = json.dumps({"kind": kind, "document": document.model_dump(mode="json")})
        await anyio.to_thread.run_sync(_append, self.path, line)


def _append(path: Path, line: str) -> None:
    """One write of one line: two processes that append at once do not mix theirs."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line.encode() + b"\n")
    finally:
        os.close(descriptor)


def _read(path: Path, now: datetime) -> Records:
    records = Records()
    for line in _lines(path):
        try:
            _take(records, line)
        except ValidationError:
            continue
    records.deployments = {key: _closed(item, now) for key, item in records.deployments.items()}
    return records


def _closed(deployment: Deployment, now: datetime) -> Deployment:
    """A record that its writer did not live to end is ended."""
    gave_up_at = deployment.started_at + _LONGEST_ACT
    if deployment.outcome is not None or now < gave_up_at:
        return deployment
    what = "the program that did this ended before it was done"
    error = Interrupted(what, where=f"{deployment.app} {deployment.environment}").document()
    return deployment.model_copy(update={"outcome": Outcome.FAILED, "ended_at": gave_up_at, "error": error})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    for line in content.splitlines():
        try:
            raw: object = json.loads(line)
        except ValueError:
            continue
        if isinstance(raw, dict):
            yield cast("dict[str, Any]", raw)


def _take(records: Records, line: dict[str, Any]) -> None:
    match line.get("kind"):
        case "deployment":
            deployment = Deployment.model_validate(line.get("document"))
            records.deployments[deployment.id] = deployment
        case "build":
            facts = BuildFacts.model_validate(line.get("document"))
            records.builds[facts.id] = facts
        case "seen":
            records.seen[str(line.get("environment"))] = str(line.get("build") or "")
        case _:
            pass
