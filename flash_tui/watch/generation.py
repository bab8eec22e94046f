"""A generation's nouns, and what it asks of the rest of the program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import anyio

from flash_tui.models.errors import ErrorDocument
from flash_tui.models.release import StageReport
from flash_tui.models.states import Outcome
from flash_tui.watch.decide import Files


@dataclass(frozen=True, slots=True)
class Ticket:
    """One generation: what is to go live, and since when somebody waits for it."""

    generation: int
    files: Files
    paths: tuple[str, ...]
    """What differs from what is live."""
    saved_at: float
    """Monotonic."""
    stages_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    """What was timed before the session heard of it: notice, settle, check."""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A build the platform has."""

    build_id: str
    version: int | None
    digest: str | None


@dataclass(frozen=True, slots=True)
class Released:
    """How a release ended."""

    outcome: Outcome
    error: ErrorDocument | None = None
    timings_ms: Mapping[str, float] = field(default_factory=dict[str, float])


class Prepared(Protocol):
    """A build, made and not yet handed over."""

    @property
    def files(self) -> Files:
        """What was built: what is in the folder may have moved on since the session was told."""
        ...

    @property
    def timings_ms(self) -> Mapping[str, float]: ...


Report = Callable[[StageReport], None]


class Work(Protocol):
    """What a generation asks of the rest of the program. Errors are `FlashTuiError`s."""

    async def build(self, report: Report) -> Prepared:
        """Build what is in the folder, a check of its syntax first. Cancelled when superseded."""
        ...

    async def upload(self, prepared: Prepared, report: Report) -> Uploaded:
        """Give the platform what it lacks of the build. Cancelled when superseded."""
        ...

    async def release(self, uploaded: Uploaded, ticket: Ticket, report: Report, stop: anyio.Event) -> Released:
        """Bring the environment to the build. When `stop` is set before the commit, it ends without an effect."""
        ...

    async def went_live(self, ticket: Ticket, uploaded: Uploaded) -> None:
        """Remember it, for the next start."""
        ...
