"""What a watch does next: pure, so that the loop may ask at any time.

Level-triggered: there is no queue of builds, only what is live, what is in the folder, and what is under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Files = Mapping[str, str]
"""Path → what its content is known by. Equal mappings are equal projects."""

MAX_SUPERSEDED = 3
MAX_SUPERSEDING_S = 2.0
"""Continuous saves must not mean "never live": beyond either, the generation under way is finished first."""

Step = Literal["start", "supersede", "wait"]


@dataclass(slots=True)
class State:
    """All that the decision depends on. Times are monotonic seconds."""

    seen: Files
    """What is in the folder, as of the last look."""
    live: Files
    """What was put live from here last; where nothing ever was, what the folder held when it was opened."""
    failed: Files | None = None
    """Content that failed, and is not tried again by itself."""
    marred: bool = False
    """The last release failed: the environment says so until one goes well, also one of what is live already."""
    running: Files | None = None
    """Content of the generation under way."""
    stopping: bool = False
    """The generation under way was told to stop."""
    paused: str | None = None
    forced: bool = False
    """A person asked for a deployment, whatever the content."""
    retry_at: float | None = None
    """The platform did not answer: not before this."""
    superseded: int = 0
    superseded_since: float | None = None

    @property
    def is_dirty(self) -> bool:
        return self.seen != self.failed and (self.seen != self.live or self.marred)

    def is_guarded(self, now: float) -> bool:
        """Whether the generation under way has to be finished, whatever is saved meanwhile."""
        if self.superseded_since is None:
            return False
        return self.superseded >= MAX_SUPERSEDED or now - self.superseded_since >= MAX_SUPERSEDING_S


def next_step(state: State, now: float) -> Step:
    """`start` the newest content, `supersede` what is under way, or `wait` for something to happen."""
    if state.running is not None:
        newer = state.seen != state.running
        if newer and not state.stopping and state.paused is None and not state.is_guarded(now):
            return "supersede"
        return "wait"
    if state.paused is not None or (state.retry_at is not None and now < state.retry_at):
        return "wait"
    return "start" if state.forced or state.is_dirty else "wait"


def changed_paths(before: Files, after: Files) -> tuple[str, ...]:
    """What was added, changed or removed, sorted."""
    return tuple(sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path)))
