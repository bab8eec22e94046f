"""Deployments: one act on an environment each, kept as history."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.build import BuildReference
from flash_tui.models.document import Document
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import BuildId, DeploymentId, EnvironmentId
from flash_tui.models.states import Cause, Outcome


class Deployment(Document):
    """Who changed what where, and how it ended. `outcome` and `ended_at` are None while it runs."""

    id: DeploymentId
    app: str
    environment: str
    cause: Cause
    from_build: BuildReference | None = None
    to_build: BuildReference | None = None
    started_at: datetime
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    error: ErrorDocument | None = None
    timings_ms: dict[str, float] = {}
    """By stage name, as far as the platform timed them (`boot`, `health`, `switch`)."""
    note: str = ""
    """What set it off, in a few words: the saved files, or nothing."""


class ReleaseRequest(Document):
    """Ask a platform with `releases` to bring an environment to a build."""

    environment_id: EnvironmentId
    build_id: BuildId | None
    """None takes the environment's endpoints away (undeploy)."""
    cause: Cause
    expected_build_id: BuildId | None = None
    """What the caller believes serves now; a mismatch is a conflict. Checked only if `check_expected`."""
    check_expected: bool = False
    generation: int | None = None
    """The watch's counter: older than the last committed is refused, newer supersedes what is under way."""
    note: str = ""
