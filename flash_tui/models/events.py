"""Platform events: what the server-sent stream carries and the store folds in.

An event brings the *whole* document that changed, so applying it twice, or only the newest of several, is always right.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from flash_tui.models.app import App, Environment
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment
from flash_tui.models.document import Document
from flash_tui.models.log import LogLine


class AppChanged(Document):
    type: Literal["app"] = "app"
    app: App


class AppGone(Document):
    type: Literal["app_gone"] = "app_gone"
    app: str


class EnvironmentChanged(Document):
    type: Literal["environment"] = "environment"
    environment: Environment


class EnvironmentGone(Document):
    type: Literal["environment_gone"] = "environment_gone"
    app: str
    environment: str


class BuildChanged(Document):
    type: Literal["build"] = "build"
    build: Build


class DeploymentChanged(Document):
    type: Literal["deployment"] = "deployment"
    deployment: Deployment


class LogsWritten(Document):
    """Log lines, batched: at most a few events a frame however much the workers print."""

    type: Literal["logs"] = "logs"
    lines: tuple[LogLine, ...]
    dropped: int = 0
    """Lines that did not fit the batch; they are in the log all the same."""


class StreamReset(Document):
    """The stream cannot be resumed from the cursor asked for: read the whole state again."""

    type: Literal["reset"] = "reset"


Event = Annotated[
    AppChanged
    | AppGone
    | EnvironmentChanged
    | EnvironmentGone
    | BuildChanged
    | DeploymentChanged
    | LogsWritten
    | StreamReset,
    Field(discriminator="type"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class PlatformState(Document):
    """All a client shows, at one instant; events after `cursor` bring it up to date."""

    cursor: int
    apps: tuple[App, ...] = ()
    environments: tuple[Environment, ...] = ()
    builds: tuple[Build, ...] = ()
    """Newest first, per app at most 50."""
    deployments: tuple[Deployment, ...] = ()
    """Newest first, per app at most 100."""
