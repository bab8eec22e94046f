"""Runs an act on an environment, and says how far it is: upload, release, wait; withdraws it when interrupted."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio

from flash_tui.build.prepared import PreparedBuild
from flash_tui.client import limits
from flash_tui.client.dialect import Dialect, Parts
from flash_tui.deploy.results import released
from flash_tui.models.app import Environment
from flash_tui.models.build import Build, BuildUpload
from flash_tui.models.deployment import Deployment, ReleaseRequest
from flash_tui.models.errors import FlashTuiError, NotFound, TargetUnreachable
from flash_tui.models.identifiers import BuildId
from flash_tui.models.release import ReleaseResult, StageReport
from flash_tui.models.states import Cause, Stage

Report = Callable[[StageReport], None]

_LOOK_AFTER_S = 1
"""An act that takes longer says how far it is; the end of one is answered at once."""
_RELEASE_STAGES = (Stage.BOOT, Stage.HEALTH, Stage.SWITCH)


def silent(_: StageReport) -> None:
    """A report that nobody wants."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One environment brought to one build."""

    environment: Environment
    """As it was looked at; what serves in it is what the platform is told to expect."""
    build: Build | None
    """None: no endpoints."""
    cause: Cause
    note: str = ""
    generation: int | None = None
    check_expected: bool = True

    def request(self) -> ReleaseRequest:
        serving = self.environment.build
        return ReleaseRequest(
            environment_id=self.environment.id,
            build_id=BuildId(self.build.id) if self.build is not None else None,
            cause=self.cause,
            expected_build_id=serving.id if serving is not None else None,
            check_expected=self.check_expected,
            generation=self.generation,
            note=self.note,
        )


class Deployer:
    """The steps of an act, for one target."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    async def ensure_environment(self, app: str, name: str, stages: Sequence[str]) -> Environment:
        """The environment as it is now; app, pipeline and environment are created where missing."""
        with suppress(NotFound):
            return await self._dialect.environment(app, name)
        await self._dialect.create_app(app, tuple(dict.fromkeys((*stages, name))))
        return await self._dialect.environment(app, name)

    async def upload(self, prepared: PreparedBuild, report: Report = silent, *, app: str | None = None) -> Build:
        """Give the target what it lacks of a build.

        Raises:
            NotFound: the app does not exist.
            BuildFailed: the target refuses the build.
        """
        upload = BuildUpload(
            app=app or prepared.app,
            digest=prepared.digest,
            size_bytes=prepared.size_bytes,
            record=prepared.record,
            manifest=prepared.manifest,
        )

        def progress(done: int, total: int) -> None:
            report(StageReport(Stage.UPLOAD, done=done, total=total))

        return await self._dialect.upload(Parts(upload, prepared.packed, prepared.tail), progress)

    async def deploy(
        self,
        prepared: PreparedBuild,
        environment: str,
        stages: Sequence[str],
        report: Report = silent,
        *,
        cause: Cause = Cause.DEPLOY,
        note: str = "",
        generation: int | None = None,
    ) -> ReleaseResult:
        """Upload a build and bring an environment to it."""
        report(StageReport(Stage.UPLOAD))
        began = time.perf_counter()
        await self.ensure_environment(prepared.app, environment, stages)
        build = await self.upload(prepared, report)
        # Looked at again: the build took its time, and the platform is told what it should find.
        found = await self._dialect.environment(prepared.app, environment)
        upload_ms = (time.perf_counter() - began) * 1000
        report(StageReport(Stage.UPLOAD, elapsed_ms=upload_ms))
        wish = Wish(found, build, cause, note, generation)
        return await self.bring(wish, report, {**prepared.timings_ms, str(Stage.UPLOAD): upload_ms})

    async def bring(
        self, wish: Wish, report: Report = silent, timings_ms: Mapping[str, float] | None = None
    ) -> ReleaseResult:
        """Carry out a wish; a release that fails is a result with `error` set.

        Raises:
            Conflict: the environment serves something else than `wish` says, or a newer act is under way.
            TargetUnreachable: the connection was lost; how the act ended is in the history.
        """
        before = wish.environment
        deployment = await self.release(wish.request(), report, before)
        after = await self._dialect.environment(before.app, before.name)
        if deployment is not None:
            _report_timings(deployment, report)
        sizes: dict[str, int] = {build.id: build.size_bytes for build in await self._sized(after, wish.build)}
        return released(after, deployment, sizes, timings_ms or {})

    async def _sized(self, environment: Environment, build: Build | None) -> Sequence[Build]:
        serving = environment.build
        if serving is None or (build is not None and build.id == serving.id):
            return () if build is None else (build,)
        return await self._dialect.builds(environment.app)

    async def release(self, request: ReleaseRequest, report: Report, environment: Environment) -> Deployment | None:
        """Ask for a release and wait for its end; withdrawn if we are cancelled.

        The record as it ended; None if nothing had to change, which is no act and leaves no record.
        """
        deployment = await self._dialect.begin(request)
        if deployment.outcome is not None:
            return None
        try:
            await anyio.lowlevel.checkpoint_if_cancelled()
            report(StageReport(Stage.BOOT))
            return await self._until_ended(deployment, report, environment)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(limits.CANCEL_S, shield=True), suppress(FlashTuiError):
                await self._dialect.cancel(deployment.id)
            raise

    async def _until_ended(self, deployment: Deployment, report: Report, environment: Environment) -> Deployment:
        failures = 0
        while True:
            try:
                deployment = await self._dialect.wait(deployment.id, _LOOK_AFTER_S)
                if deployment.outcome is not None:
                    return deployment
                seen = await self._dialect.environment(environment.app, environment.name)
            except TargetUnreachable as error:
                failures += 1  # the release goes on without us: an answer that is lost is asked for again
                if failures == limits.WAIT_ATTEMPTS:
                    raise _lost(error, environment) from error
                await anyio.sleep(limits.FIRST_RETRY_S)
                continue
            failures = 0
            if (progress := seen.progress) is not None:
                report(StageReport(progress.stage, done=progress.done, total=progress.total))


def _lost(error: TargetUnreachable, environment: Environment) -> TargetUnreachable:
    hint = f"the release may go on; `flash-tui history {environment.name}` tells how it ended. {error.hint}"
    return TargetUnreachable(error.what, where=error.where, hint=hint)


def _report_timings(deployment: Deployment, report: Report) -> None:
    for stage in _RELEASE_STAGES:
        if str(stage) in deployment.timings_ms:
            report(StageReport(stage, elapsed_ms=deployment.timings_ms[str(stage)]))
