"""From intent to verb: each runs in the one task group, reports to who asked, and fails into a notice."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from flash_tui.api import Client
from flash_tui.models.errors import FlashTuiError, TargetUnreachable, error_from_document
from flash_tui.models.release import PromotionPlan, ReleaseResult, StageReport
from flash_tui.models.snapshot import Notice, NoticeKind
from flash_tui.settings import Settings
from flash_tui.tui import intents
from flash_tui.tui.feed import Feed
from flash_tui.tui.project import holds_project
from flash_tui.tui.store import Store

if TYPE_CHECKING:
    from flash_tui.tui.watch_feed import WatchFeed

UNDO_S = 30.0
MOST_JOBS = 50
STOP_S = 6.0

_log = logging.getLogger(__name__)


class Conductor:
    """Runs the feed, the watch and every act until the app ends."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        feed: Feed,
        open_watch: Callable[[], WatchFeed] | None,
        now: Callable[[], datetime],
    ) -> None:
        """`open_watch` None: the folder is not watched."""
        self._settings = settings
        self._store = store
        self._feed = feed
        self._open_watch = open_watch
        self._watch: WatchFeed | None = None
        self._now = now
        self._wishes, self._taken = anyio.create_memory_object_stream[intents.Intent](100)
        self._acts: dict[tuple[str, str], anyio.CancelScope] = {}
        """What this program does to an environment now, by app and environment."""

        self._group: TaskGroup | None = None
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()

    async def run(self) -> None:
        try:
            with self._wishes, self._taken, self._scope:
                async with anyio.create_task_group() as group:
                    self._group = group
                    group.start_soon(self._feed.run)
                    group.start_soon(self._look_at_project)
                    async for intent in self._taken:
                        group.start_soon(self._conduct, intent)
        finally:
            self._ended.set()

    async def stop(self) -> None:
        """End everything; the watch's process is gone when this returns."""
        self._scope.cancel()
        with anyio.move_on_after(STOP_S):
            await self._ended.wait()

    def take(self, intent: intents.Intent) -> None:
        """Accept a wish; it is carried out soon."""
        self._wishes.send_nowait(intent)

    async def _conduct(self, intent: intents.Intent) -> None:
        verb = self._verbs().get(type(intent))
        if verb is None:
            return
        try:
            result = await verb(intent)
        except FlashTuiError as error:
            self._refuse(intent, error)
        except Exception as error:  # noqa: BLE001 - one of three places: a failed act must not end the program
            _log.exception("an act failed: %s", type(intent).__name__)
            self._refuse(intent, FlashTuiError(f"{type(error).__name__}: {error}", where=type(intent).__name__))
        else:
            if intent.asker is not None:
                intent.asker.post_message(intents.Answered(intent, result))

    def _refuse(self, intent: intents.Intent, error: FlashTuiError) -> None:
        if intent.asker is not None and intent.asker.is_running:
            intent.asker.post_message(intents.Refused(intent, error))
        else:
            self._tell_failure(error)

    def _tell_failure(self, error: FlashTuiError) -> None:
        detail = "  ".join(part for part in (error.where, error.hint) if part)
        self._notice(Notice(NoticeKind.FAILED, error.what.splitlines()[0], detail, "esc", "dismiss"))

    def _notice(self, notice: Notice) -> None:
        self._store.apply(lambda snapshot: snapshot.with_notice(notice))

    def _verbs(self) -> dict[type[intents.Intent], Callable[[Any], Awaitable[object]]]:
        """Each is called with the type it is filed under."""
        return {
            intents.DeployNow: self._deploy,
            intents.MakeSample: self._make_sample,
            intents.ToggleWatch: self._toggle,
            intents.Refresh: self._refresh,
            intents.CancelAct: self._cancel,
            intents.PlanPromotion: self._plan_promotion,
            intents.PlanRollback: self._plan_rollback,
            intents.Promote: self._promote,
            intents.RollBack: self._roll_back,
            intents.Undeploy: self._undeploy,
            intents.Invoke: self._invoke,
            intents.CompareBuilds: self._compare,
            intents.ReadManifest: self._manifest,
            intents.ReadJobs: self._jobs,
        }

    @property
    def _client(self) -> Client:
        client = self._feed.client
        if client is None:
            hint = "it is tried again by itself; ctrl+r tries now"
            raise TargetUnreachable(f"{self._settings.target} is unreachable", hint=hint)
        return client

    # -- verbs --------------------------------------------------------------------------------------------------------

    async def _deploy(self, intent: intents.DeployNow) -> None:
        if self._watch is not None and await self._watch.send("deploy"):
            self._store.apply(lambda snapshot: replace(snapshot, watch=snapshot.watch.with_wish(self._now())))
            return
        result = await self._client.deploy(None, self._report(intent))
        self._told(result, f"{_label(result)} live in {result.environment}")

    async def _toggle(self, intent: intents.ToggleWatch) -> None:
        del intent
        if self._watch is not None:
            await self._watch.send("resume" if self._store.snapshot.watch.is_paused else "pause")

    async def _refresh(self, intent: intents.Refresh) -> None:
        del intent
        self._feed.retry_now()

    async def _cancel(self, intent: intents.CancelAct) -> None:
        scope = self._acts.get((intent.app, intent.environment))
        if scope is not None:
            scope.cancel()
        elif self._watch is not None and self._store.snapshot.watch.moves:
            await self._watch.send("cancel")

    async def _plan_promotion(self, intent: intents.PlanPromotion) -> PromotionPlan:
        build = intent.build.id if intent.build else None
        return await self._client.promotion_plan(intent.source, intent.target, intent.app, build)

    async def _plan_rollback(self, intent: intents.PlanRollback) -> PromotionPlan:
        return await self._client.rollback_plan(intent.environment, intent.app, intent.to.id if intent.to else None)

    async def _promote(self, intent: intents.Promote) -> object:
        plan = intent.plan
        return await self._act(
            plan.app,
            plan.target,
            lambda: self._client.promote(plan, self._report(intent)),
            f"{plan.build.label} live in {plan.target}",
            undo=plan.replaces is not None,
        )

    async def _roll_back(self, intent: intents.RollBack) -> object:
        plan = intent.plan
        return await self._act(
            plan.app,
            plan.target,
            lambda: self._client.rollback(plan, self._report(intent)),
            f"{plan.target} is back on {plan.build.label}",
            undo=True,
        )

    async def _undeploy(self, intent: intents.Undeploy) -> object:
        return await self._act(
            intent.app,
            intent.environment,
            lambda: self._client.undeploy(intent.environment, intent.app, self._report(intent)),
            f"{intent.environment} is undeployed",
        )

    async def _invoke(self, intent: intents.Invoke) -> object:
        return await self._client.call(intent.endpoint, intent.body, intent.environment, intent.app, intent.route)

    async def _compare(self, intent: intents.CompareBuilds) -> object:
        return await self._client.differences(intent.old, intent.new)

    async def _manifest(self, intent: intents.ReadManifest) -> None:
        from flash_tui.models.manifest import parse_manifest  # noqa: PLC0415 - not before somebody looks at a build

        manifest = parse_manifest(await self._client.manifest(intent.build_id))
        self._store.apply(
            lambda snapshot: replace(snapshot, manifests={**snapshot.manifests, intent.build_id: manifest})
        )

    async def _jobs(self, intent: intents.ReadJobs) -> None:
        jobs = await self._client.jobs(intent.endpoint_id, limit=MOST_JOBS)
        self._store.apply(lambda snapshot: replace(snapshot, jobs={**snapshot.jobs, intent.endpoint_id: tuple(jobs)}))

    async def _make_sample(self, intent: intents.MakeSample) -> None:
        del intent
        project = str(self._settings.project)
        made = await anyio.run_process([sys.executable, "-m", "flash_tui", "init", project], check=False)
        if made.returncode:
            raise FlashTuiError(made.stderr.decode(errors="replace").strip() or "no sample was made", where=project)
        await self._look_at_project()

    async def _look_at_project(self) -> None:
        """Watch the folder if there is something in it to deploy."""
        has_project = await anyio.to_thread.run_sync(holds_project, self._settings.project)
        self._store.apply(lambda snapshot: replace(snapshot, has_project=has_project))
        if has_project and self._watch is None and self._open_watch is not None and self._group is not None:
            self._watch = self._open_watch()
            self._group.start_soon(self._watch.run)

    # -- how they run -------------------------------------------------------------------------------------------------

    def _report(self, intent: intents.Intent) -> Callable[[StageReport], None]:
        def report(stage: StageReport) -> None:
            if intent.asker is not None:
                intent.asker.post_message(intents.Advanced(intent, stage))

        return report

    async def _act(
        self, app: str, environment: str, verb: Callable[[], Awaitable[ReleaseResult]], done: str, *, undo: bool = False
    ) -> ReleaseResult | None:
        """Run a release that `x` can cancel; None if it was."""
        with anyio.CancelScope() as scope:
            self._acts[app, environment] = scope
            try:
                result = await verb()
            finally:
                self._acts.pop((app, environment), None)
            self._told(result, done, undo=undo)
            return result
        self._notice(Notice(NoticeKind.PASSING, f"cancelled, {environment} is as before"))
        return None

    def _told(self, result: ReleaseResult, done: str, *, undo: bool = False) -> None:
        if result.error is not None:
            raise error_from_document(result.error)
        if undo:
            undoes = (result.app, result.environment)
            self._notice(Notice(NoticeKind.PASSING, done, "", "u", "undo", UNDO_S, undoes))
        else:
            self._notice(Notice(NoticeKind.PASSING, done))


def _label(result: ReleaseResult) -> str:
    return result.build.label if result.build else "nothing"
