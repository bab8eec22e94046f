"""All that a screen can show at one instant. Frozen; `with_…` gives the next one, sharing everything that stays.

Equality is identity: a new snapshot is a new instant. Parts that an event does not touch keep their identity, so a
view of them has nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from flash_tui.models.app import App, Environment
from flash_tui.models.build import Build
from flash_tui.models.deployment import Deployment
from flash_tui.models.events import (
    AppChanged,
    AppGone,
    BuildChanged,
    DeploymentChanged,
    EnvironmentChanged,
    EnvironmentGone,
    Event,
    LogsWritten,
    PlatformState,
)
from flash_tui.models.identifiers import BuildId, EndpointId
from flash_tui.models.log import LogLine
from flash_tui.models.states import Outcome
from flash_tui.models.watch_view import NOT_WATCHING, WatchView

if TYPE_CHECKING:  # not needed before somebody looks at a build or an endpoint
    from flash_tui.models.job import Job
    from flash_tui.models.manifest import Manifest

BLOCK_LINES = 1_000
MAX_LINES = 20_000
MAX_DEPLOYMENTS = 200


class LinkState(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Link:
    """Whether what is shown is fresh."""

    state: LinkState = LinkState.CONNECTING
    since: datetime | None = None
    reason: str = ""
    retry_at: datetime | None = None

    @property
    def is_stale(self) -> bool:
        return self.state is LinkState.LOST


@dataclass(frozen=True, slots=True, eq=False)
class Logs:
    """The newest lines, oldest first, in blocks; the oldest leave a block at a time and are counted."""

    blocks: tuple[tuple[LogLine, ...], ...] = ()
    dropped: int = 0
    """Lines that left, so `dropped + count` numbers the next line."""
    count: int = 0

    @property
    def end(self) -> int:
        """The number that the next line will get."""
        return self.dropped + self.count

    def with_lines(self, lines: tuple[LogLine, ...]) -> Logs:
        if not lines:
            return self
        blocks = list(self.blocks)
        tail = (*blocks.pop(), *lines) if blocks and len(blocks[-1]) < BLOCK_LINES else lines
        blocks.extend(tail[start : start + BLOCK_LINES] for start in range(0, len(tail), BLOCK_LINES))
        dropped, count = self.dropped, self.count + len(lines)
        while count > MAX_LINES:
            gone = len(blocks.pop(0))
            dropped, count = dropped + gone, count - gone
        return Logs(tuple(blocks), dropped, count)

    def since(self, number: int) -> Iterator[LogLine]:
        """Lines from `number` on, as far as they are still held."""
        skip = max(number - self.dropped, 0)
        for block in self.blocks:
            if skip >= len(block):
                skip -= len(block)
                continue
            yield from block[skip:] if skip else block
            skip = 0


class NoticeKind(StrEnum):
    PASSING = "passing"
    """Goes away by itself."""
    NEEDS_YOU = "needs_you"
    FAILED = "failed"
    """An act failed; stays until dismissed."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One line above the panes. `text` leads, `detail` follows, `key` and `verb` stand at the right."""

    kind: NoticeKind
    text: str
    detail: str = ""
    key: str = ""
    verb: str = ""
    lasts_s: float = 3.0
    """Passing ones only."""
    undoes: tuple[str, str] | None = None
    """App and environment that the key takes back."""


def _no_manifests() -> Mapping[BuildId, Manifest]:
    return {}


def _no_jobs() -> Mapping[EndpointId, tuple[Job, ...]]:
    return {}


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    link: Link = Link()
    has_project: bool | None = None
    """The project folder holds Flash endpoints; None until it was looked at."""
    is_known: bool = False
    """A state was read at least once; before that, empty means unknown."""
    apps: Mapping[str, App] = field(default_factory=dict[str, App])
    environments: Mapping[tuple[str, str], Environment] = field(default_factory=dict[tuple[str, str], Environment])
    """By app and name."""
    builds: Mapping[str, tuple[Build, ...]] = field(default_factory=dict[str, tuple[Build, ...]])
    """By app, newest first."""
    deployments: Mapping[str, tuple[Deployment, ...]] = field(default_factory=dict[str, tuple[Deployment, ...]])
    """By app, newest first."""
    logs: Logs = Logs()
    watch: WatchView = NOT_WATCHING
    notices: tuple[Notice, ...] = ()
    """Oldest first."""
    manifests: Mapping[BuildId, Manifest] = field(default_factory=_no_manifests)
    """Those that were looked at."""
    jobs: Mapping[EndpointId, tuple[Job, ...]] = field(default_factory=_no_jobs)
    """Newest first, of the endpoints that were looked at."""

    # -- what is in it ------------------------------------------------------------------------------------------------

    def environments_of(self, app: str) -> tuple[Environment, ...]:
        return tuple(environment for (owner, _), environment in self.environments.items() if owner == app)

    def build(self, app: str, build_id: BuildId) -> Build | None:
        return next((build for build in self.builds.get(app, ()) if build.id == build_id), None)

    def running(self, app: str, environment: str) -> Deployment | None:
        """The act under way on an environment."""
        return next((act for act in self.history(app, environment) if act.outcome is None), None)

    def last(self, app: str, environment: str) -> Deployment | None:
        return next(self.history(app, environment), None)

    def last_good(self, app: str, environment: str) -> Deployment | None:
        """The act that put the present build there."""
        return next((act for act in self.history(app, environment) if act.outcome is Outcome.SUCCEEDED), None)

    def history(self, app: str, environment: str) -> Iterator[Deployment]:
        return (act for act in self.deployments.get(app, ()) if act.environment == environment)

    @property
    def moves(self) -> bool:
        """Something is under way."""
        return self.watch.moves or any(environment.progress for environment in self.environments.values())

    # -- the next one -------------------------------------------------------------------------------------------------

    def with_state(self, state: PlatformState) -> Snapshot:
        """Everything read anew; logs, watch and notices stay."""
        builds: dict[str, list[Build]] = {}
        for build in state.builds:
            builds.setdefault(build.app, []).append(build)
        deployments: dict[str, list[Deployment]] = {}
        for deployment in state.deployments:
            deployments.setdefault(deployment.app, []).append(deployment)
        return replace(
            self,
            is_known=True,
            apps={app.name: app for app in state.apps},
            environments={(environment.app, environment.name): environment for environment in state.environments},
            builds={app: tuple(found) for app, found in builds.items()},
            deployments={app: tuple(found) for app, found in deployments.items()},
        )

    def with_event(self, event: Event) -> Snapshot:  # noqa: PLR0911 - a table of events
        match event:
            case AppChanged(app=app):
                return replace(self, apps={**self.apps, app.name: app})
            case AppGone(app=name):
                return self._without_app(name)
            case EnvironmentChanged(environment=environment):
                key = (environment.app, environment.name)
                return replace(self, environments={**self.environments, key: environment})
            case EnvironmentGone(app=app, environment=name):
                kept = {key: value for key, value in self.environments.items() if key != (app, name)}
                return replace(self, environments=kept)
            case BuildChanged(build=build):
                rest = [other for other in self.builds.get(build.app, ()) if other.id != build.id]
                ordered = sorted([build, *rest], key=lambda one: one.created_at, reverse=True)
                return replace(self, builds={**self.builds, build.app: tuple(ordered)})
            case DeploymentChanged(deployment=deployment):
                return self._with_deployment(deployment)
            case LogsWritten(lines=lines):
                return replace(self, logs=self.logs.with_lines(lines))
            case _:
                return self

    def with_notice(self, notice: Notice) -> Snapshot:
        """Newest wins; the same text is said once."""
        return replace(self, notices=(*(old for old in self.notices if old.text != notice.text), notice))

    def without_newest_standing(self) -> Snapshot:
        """The newest notice that does not go by itself was seen."""
        standing = [notice for notice in self.notices if notice.kind is not NoticeKind.PASSING]
        return self.without_notice(standing[-1]) if standing else self

    def without_notice(self, notice: Notice) -> Snapshot:
        return replace(self, notices=tuple(old for old in self.notices if old is not notice))

    def _with_deployment(self, deployment: Deployment) -> Snapshot:
        acts = self.deployments.get(deployment.app, ())
        if any(act.id == deployment.id for act in acts):
            acts = tuple(deployment if act.id == deployment.id else act for act in acts)
        else:
            acts = tuple(sorted((deployment, *acts), key=lambda act: act.started_at, reverse=True)[:MAX_DEPLOYMENTS])
        return replace(self, deployments={**self.deployments, deployment.app: acts})

    def _without_app(self, name: str) -> Snapshot:
        return replace(
            self,
            apps={key: app for key, app in self.apps.items() if key != name},
            environments={key: value for key, value in self.environments.items() if key[0] != name},
            builds={key: value for key, value in self.builds.items() if key != name},
            deployments={key: value for key, value in self.deployments.items() if key != name},
        )
