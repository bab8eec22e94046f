"""Apps, their environments, volumes and the pipeline."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.build import BuildReference
from flash_tui.models.document import Document
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import AppId, EnvironmentId, VolumeId
from flash_tui.models.states import EnvironmentState, Stage

DEFAULT_PIPELINE: tuple[str, ...] = ("dev", "staging", "production")


class Volume(Document):
    id: VolumeId
    name: str
    size_gb: int
    data_center: str = ""


class Progress(Document):
    """How far the act that is under way has come."""

    stage: Stage
    done: int = 0
    total: int = 0
    to_build: BuildReference | None = None


class Environment(Document):
    """One isolated stage of an app. `state` tells of the last act, `build` of what serves."""

    id: EnvironmentId
    app: str
    name: str
    state: EnvironmentState
    error: ErrorDocument | None = None
    build: BuildReference | None = None
    previous_build: BuildReference | None = None
    """What served before the last successful act; where a rollback goes."""
    endpoints: tuple[Endpoint, ...] = ()
    volumes: tuple[Volume, ...] = ()
    progress: Progress | None = None
    updated_at: datetime
    """When `state` or `build` changed last."""


class App(Document):
    """Namespace of one project's environments and builds."""

    id: AppId
    name: str
    environments: tuple[str, ...] = ()
    """Names, in pipeline order."""
    builds: int = 0
    created_at: datetime | None = None


class Pipeline:
    """The order in which a build is promoted."""

    __slots__ = ("stages",)

    def __init__(self, stages: tuple[str, ...] = DEFAULT_PIPELINE) -> None:
        self.stages = stages

    @property
    def first(self) -> str:
        return self.stages[0]

    def after(self, stage: str) -> str | None:
        """The stage that follows, or None for the last one and for an environment outside the pipeline."""
        if stage not in self.stages:
            return None
        index = self.stages.index(stage) + 1
        return self.stages[index] if index < len(self.stages) else None

    def order(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """`names` with the pipeline's stages first and in order, then the others by name."""
        known = [stage for stage in self.stages if stage in names]
        return (*known, *sorted(set(names) - set(known)))
