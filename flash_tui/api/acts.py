"""Acts: build, deploy, promote, rollback, undeploy. Cancelling one withdraws it, up to its commit."""

from __future__ import annotations

from pathlib import Path

from flash_tui.api.opened import Opened, Report, silent
from flash_tui.models.build import BuiltArtifact
from flash_tui.models.release import PromotionPlan, ReleaseResult


class Acts(Opened):
    """Verbs that change what serves."""

    async def build(self, report: Report = silent, output: Path | None = None) -> BuiltArtifact:
        """Build the project and write artifact and manifest. Needs no target: the client need not be entered.

        Raises:
            BuildFailed: with file, line and the user's traceback.
        """
        from flash_tui.build.builder import Builder  # noqa: PLC0415 - start-up, see Opened
        from flash_tui.build.outputs import write_outputs  # noqa: PLC0415

        async with Builder(self.settings) as builder:
            prepared = await builder.build(report)
            return await write_outputs(prepared, self.settings.project, output)

    # --- acts on an environment

    async def deploy(self, environment: str | None = None, report: Report = silent) -> ReleaseResult:
        """Build the project and bring an environment to it; both are created where missing. Cancelling withdraws it.

        Raises:
            BuildFailed: nothing reached the platform.
            Conflict: somebody else changed the environment meanwhile.
        """
        from flash_tui.build.builder import Builder  # noqa: PLC0415 - start-up, see Opened
        from flash_tui.deploy.deployer import Deployer  # noqa: PLC0415

        pipeline = self.settings.pipeline
        async with Builder(self.settings) as builder:
            prepared = await builder.build(report)
            deployer = Deployer(self._dialect)
            return await deployer.deploy(prepared, environment or pipeline.first, pipeline.stages, report)

    async def promotion_plan(
        self, source: str | None = None, target: str | None = None, app: str | None = None, build: str | None = None
    ) -> PromotionPlan:
        """What promoting changes: what serves in `source` (or `build`) into `target`, by default the next stage.

        Raises:
            UsageError: from or to where is not clear.
            NotFound: nothing serves in `source`, or there is no such environment or build.
            Conflict: the build's artifact was collected.
        """
        from flash_tui.deploy.promote import promotion_plan  # noqa: PLC0415 - start-up, see Opened

        app = app or self.settings.app
        return await promotion_plan(self._dialect, self.settings.pipeline, app, source, target, build)

    async def promote(self, plan: PromotionPlan, report: Report = silent) -> ReleaseResult:
        """Exactly the planned build. Raises `Conflict` if the target serves something else than when it was planned."""
        from flash_tui.deploy.promote import promote  # noqa: PLC0415 - start-up, see Opened

        return await promote(self._dialect, self.settings.pipeline, plan, report)

    async def rollback_plan(self, environment: str, app: str | None = None, to: str | None = None) -> PromotionPlan:
        """What rolling back changes; `to` names any build that has served there.

        Raises:
            Conflict: nothing served before, the build never served there, or its artifact was collected.
        """
        from flash_tui.deploy.rollback import rollback_plan  # noqa: PLC0415 - start-up, see Opened

        return await rollback_plan(self._dialect, app or self.settings.app, environment, to)

    async def rollback(self, plan: PromotionPlan, report: Report = silent) -> ReleaseResult:
        """Exactly the planned build. Raises `Conflict` as `promote` does."""
        from flash_tui.deploy.rollback import rollback  # noqa: PLC0415 - start-up, see Opened

        return await rollback(self._dialect, self.settings.pipeline, plan, report)

    async def undeploy(self, environment: str, app: str | None = None, report: Report = silent) -> ReleaseResult:
        """Remove an environment's endpoints, keep the builds."""
        from flash_tui.deploy.undeploy import undeploy  # noqa: PLC0415 - start-up, see Opened

        return await undeploy(self._dialect, app or self.settings.app, environment, report)
