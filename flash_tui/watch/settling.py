"""When a burst of file events is over. Pure: the clock is an argument.

Quiet time restarts with each event, the maximum does not: a steady stream cannot hold work off for ever. Many files,
a changed folder or git at work mean that more is coming, so both grow. Source of the figures: measurements with
watchfiles, step 10.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

QUIET_S, LONGEST_S = 0.020, 0.150
BULK_QUIET_S, BULK_LONGEST_S = 0.150, 2.0
BULK_PATHS = 20
"""More paths than this in one burst are a checkout, a refactoring or a sync: more is coming."""
MAX_GIT_HOLD_S = 10.0
"""A lock of git that is older than this was left behind by a crash."""


@dataclass(slots=True)
class Settling:
    """One burst, from its first event until it is taken."""

    first_at: float
    last_at: float
    quiet_s: float | None = None
    """The project's own quiet time, in place of ours."""
    paths: set[str] = field(default_factory=set[str])
    everything: bool = False
    """Events were lost, or never named files: look at all of them."""
    bulk: bool = False

    @classmethod
    def begin(cls, now: float, settle_ms: int | None) -> Settling:
        return cls(first_at=now, last_at=now, quiet_s=None if settle_ms is None else settle_ms / 1000)

    def add(self, paths: Iterable[str], now: float, *, everything: bool = False, bulk: bool = False) -> None:
        self.paths.update(paths)
        self.last_at = now
        self.everything = self.everything or everything
        self.bulk = self.bulk or bulk or len(self.paths) > BULK_PATHS

    def due_at(self) -> float:
        """When the burst counts as over, if nothing more comes."""
        quiet = BULK_QUIET_S if self.bulk else QUIET_S
        longest = BULK_LONGEST_S if self.bulk else LONGEST_S
        if self.quiet_s is not None:
            quiet, longest = max(quiet, self.quiet_s), max(longest, 5 * self.quiet_s)
        return min(self.last_at + quiet, self.first_at + longest)

    def held_until(self) -> float:
        """How long git, while it holds its lock, may put the burst off."""
        return self.first_at + MAX_GIT_HOLD_S


@dataclass(frozen=True, slots=True)
class Batch:
    """A settled burst: hints at where to look. What changed is for a snapshot to say. Times are monotonic seconds."""

    paths: frozenset[str]
    everything: bool
    first_at: float
    last_at: float
    settled_at: float
