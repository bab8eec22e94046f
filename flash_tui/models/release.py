"""What `deploy`, `promote` and `rollback` plan, report on the way and print at the end."""

from __future__ import annotations

from dataclasses import dataclass

from flash_tui.models.build import BuildReference
from flash_tui.models.document import Document
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import DeploymentId, EndpointId
from flash_tui.models.states import Cause, EndpointKind, EndpointState, EnvironmentState, Outcome, Stage


class SizedBuild(BuildReference):
    size_bytes: int


class ReleasedEndpoint(Document):
    name: str
    id: EndpointId
    kind: EndpointKind
    url: str
    state: EndpointState


class DeploymentSummary(Document):
    id: DeploymentId
    cause: Cause
    outcome: Outcome | None


class ReleaseResult(Document):
    """The document of `deploy`, `promote` and `rollback`. `deployment` is None where nothing had to change."""

    app: str
    environment: str
    state: EnvironmentState
    build: SizedBuild | None
    previous_build: BuildReference | None
    endpoints: tuple[ReleasedEndpoint, ...]
    deployment: DeploymentSummary | None
    timings_ms: dict[str, float]
    error: ErrorDocument | None = None


class Change(Document):
    """One difference between what serves and what would."""

    kind: str
    """`resource`, `route`, `setting`, `dependency`, `source`, `environment`."""
    name: str
    change: str
    """`added`, `removed`, or what changes: `max 2 ▸ 3`."""


class PromotionPlan(Document):
    """The document of `promote --dry-run`, and what the promote sheet shows."""

    app: str
    source: str
    """Serialised as `from`."""
    target: str
    """Serialised as `to`."""
    build: BuildReference
    replaces: BuildReference | None
    changes: tuple[Change, ...]

    def as_json(self) -> dict[str, object]:
        """The contract's spelling; `from` is no name that Python allows."""
        raw = self.model_dump(mode="json")
        return {"app": raw["app"], "from": raw["source"], "to": raw["target"]} | {
            key: raw[key] for key in ("build", "replaces", "changes")
        }


@dataclass(frozen=True, slots=True)
class StageReport:
    """Said while an act runs: a stage began (`elapsed_ms` None), moved on, or ended."""

    stage: Stage
    text: str = ""
    done: int = 0
    total: int = 0
    elapsed_ms: float | None = None
    note: str = ""
    """A sentence about the build that a person should know; such a report says nothing else."""
