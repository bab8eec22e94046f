"""What every widget is shown: a snapshot, and where the person stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field

from flash_tui.models.app import Environment
from flash_tui.models.build import Build
from flash_tui.models.endpoint import Endpoint
from flash_tui.models.snapshot import Snapshot
from flash_tui.settings import Settings
from flash_tui.tui.present.outline import Key


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """`key` is the row under the tree's cursor; app and environment follow from it."""

    snapshot: Snapshot
    settings: Settings
    key: Key = ()
    is_read_only: bool = False
    seen: frozenset[str] = field(default_factory=frozenset[str])
    """Failed deployments that were looked at."""

    @property
    def kind(self) -> str:
        return self.key[0] if self.key else ""

    @property
    def app(self) -> str:
        """The app looked at: the selected one, else the project's, else the first there is."""
        if len(self.key) > 1:
            return self.key[1]
        apps = self.snapshot.apps
        return self.settings.app if self.settings.app in apps or not apps else min(apps)

    @property
    def environment_name(self) -> str:
        """The environment that keys act on: the selected one, else the pipeline's first stage."""
        if len(self.key) > 2 and self.kind != "build":  # noqa: PLR2004 - kind, app, environment
            return self.key[2]
        return self.settings.pipeline.first

    @property
    def environment(self) -> Environment | None:
        return self.snapshot.environments.get((self.app, self.environment_name))

    @property
    def endpoint(self) -> Endpoint | None:
        """The selected endpoint, or the one whose worker is selected."""
        environment = self.environment
        if self.kind not in {"endpoint", "worker"} or environment is None:
            return None
        return next((endpoint for endpoint in environment.endpoints if endpoint.name == self.key[3]), None)

    @property
    def build(self) -> Build | None:
        """The selected build."""
        if self.kind != "build":
            return None
        return next((one for one in self.snapshot.builds.get(self.app, ()) if one.id == self.key[2]), None)

    @property
    def stages(self) -> tuple[str, ...]:
        """The pipeline's stages, then the app's other environments."""
        pipeline = self.settings.pipeline
        names = tuple(environment.name for environment in self.snapshot.environments_of(self.app))
        return (*pipeline.stages, *(name for name in pipeline.order(names) if name not in pipeline.stages))

    def is_protected(self, environment: str) -> bool:
        return self.settings.rules(environment).protected
