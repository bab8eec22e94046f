"""Rollback: the build that served before, or a named one that has served there. Twice in a row swaps."""

from __future__ import annotations

from flash_tui.client.dialect import Dialect
from flash_tui.deploy.deployer import Report, silent
from flash_tui.deploy.plan import rollback_build
from flash_tui.deploy.promote import differences, plan_between, promote
from flash_tui.models.app import Pipeline
from flash_tui.models.release import PromotionPlan, ReleaseResult
from flash_tui.models.states import Cause

_MOST_RECORDS = 10_000


async def rollback_plan(dialect: Dialect, app: str, environment: str, to: str | None = None) -> PromotionPlan:
    """What rolling back would change; `to` is a BUILD argument.

    Raises:
        NotFound: no such app, environment or build.
        Conflict: nothing served before, the build never served there, or its artifact was collected.
        UsageError: `to` fits several builds.
    """
    found = await dialect.environment(app, environment)
    builds = await dialect.builds(app)
    history = await dialect.history(app, environment, _MOST_RECORDS) if to is not None else ()
    build = rollback_build(found, builds, history, to)
    return plan_between(found, build, await differences(dialect, found.build, build))


async def rollback(dialect: Dialect, pipeline: Pipeline, plan: PromotionPlan, report: Report = silent) -> ReleaseResult:
    """Carry out a plan: exactly its build.

    Raises:
        Conflict: the environment serves something else than when the plan was made.
    """
    return await promote(dialect, pipeline, plan, report, Cause.ROLLBACK)
