"""Promote: the very build that serves in one environment into another; nothing is built again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flash_tui.build.diff import manifest_changes, source_changes
from flash_tui.client.dialect import Dialect
from flash_tui.client.together import ask_all
from flash_tui.deploy.deployer import Deployer, Report, Wish, silent
from flash_tui.deploy.plan import find_build, is_same_artifact, promotion_stages, refuse_gone, serving
from flash_tui.deploy.results import released
from flash_tui.models.app import Environment, Pipeline
from flash_tui.models.build import Build, BuildReference
from flash_tui.models.errors import Conflict, NotFound
from flash_tui.models.identifiers import BuildId
from flash_tui.models.release import Change, PromotionPlan, ReleaseResult
from flash_tui.models.states import Cause


async def promotion_plan(
    dialect: Dialect,
    pipeline: Pipeline,
    app: str,
    source: str | None = None,
    target: str | None = None,
    build: str | None = None,
) -> PromotionPlan:
    """What promoting would change. `build` (a BUILD argument) takes the place of what serves in `source`.

    Raises:
        UsageError: from or to where is not clear, or `build` fits several.
        NotFound: no such app, environment or build, or nothing serves in `source`.
        Conflict: the build's artifact was collected.
    """
    source, target = promotion_stages(pipeline, source, target)
    environments = {environment.name: environment for environment in await dialect.environments(app)}
    origin, destination = environments.get(source), environments.get(target)
    if destination is None and target not in pipeline.stages:
        raise _no_environment(app, target, environments)
    if build is not None:
        chosen = find_build(await dialect.builds(app), build)
        refuse_gone(chosen, f"{app} {target}")
        reference = chosen.reference()
    else:
        if origin is None:
            raise _no_environment(app, source, environments)
        reference = serving(origin)
    replaces = destination.build if destination is not None else None
    return PromotionPlan(
        app=app,
        source=source,
        target=target,
        build=reference,
        replaces=replaces,
        changes=await differences(dialect, replaces, reference),
    )


def _no_environment(app: str, name: str, known: dict[str, Environment]) -> NotFound:
    return NotFound(f"no environment {name!r}", where=app, hint=f"there are: {', '.join(known) or 'none'}")


async def promote(
    dialect: Dialect, pipeline: Pipeline, plan: PromotionPlan, report: Report = silent, cause: Cause = Cause.PROMOTE
) -> ReleaseResult:
    """Carry out a plan: exactly its build.

    Raises:
        Conflict: what serves in the target is not what the plan replaces.
    """
    deployer = Deployer(dialect)
    environment = await deployer.ensure_environment(plan.app, plan.target, pipeline.stages)
    build = find_build(await dialect.builds(plan.app), plan.build.id)
    if is_same_artifact(environment, build):
        return released(environment, None, {plan.build.id: build.size_bytes}, {})
    _check_unmoved(environment, plan)
    refuse_gone(build, f"{plan.app} {plan.target}")
    return await deployer.bring(Wish(environment, build, cause, note=_note(plan, cause)), report)


def _note(plan: PromotionPlan, cause: Cause) -> str:
    return f"from {plan.source}" if cause == Cause.PROMOTE else ""


def _check_unmoved(environment: Environment, plan: PromotionPlan) -> None:
    found = environment.build.id if environment.build is not None else None
    if found == plan.build.id:
        return  # there already: the platform says whether anything is left to do
    expected = plan.replaces.id if plan.replaces is not None else None
    if found != expected:
        label = environment.build.label if environment.build is not None else "nothing"
        then = plan.replaces.label if plan.replaces is not None else "nothing"
        raise Conflict(
            f"{plan.target} serves {label}, no longer {then}",
            where=f"{plan.app} {plan.target}",
            hint="look again at what would change, then repeat",
        )


async def differences(dialect: Dialect, before: BuildReference | None, after: BuildReference) -> tuple[Change, ...]:
    """What changes from one build to another: resources, routes, settings, source files.

    A collected build's manifest is still known; its files are not, and are left out.
    """
    if before is not None and before.id == after.id:
        return ()
    if before is None:
        return manifest_changes(None, await dialect.manifest(BuildId(after.id)))

    async def read(build: BuildReference) -> _Content:
        return await _read(dialect, build)

    old, new = await ask_all(read, (before, after), at_once=2)
    changes = manifest_changes(old.manifest, new.manifest)
    if old.files is None or new.files is None:
        return changes
    return (*changes, *source_changes(old.files, new.files))


@dataclass(frozen=True, slots=True)
class _Content:
    manifest: Mapping[str, Any]
    files: Mapping[str, str] | None
    """The user's files, path → sha256; None where the artifact cannot be looked into."""


async def _read(dialect: Dialect, build: BuildReference) -> _Content:
    build_id = BuildId(build.id)
    manifest = await dialect.manifest(build_id)
    try:
        files = await dialect.build_files(build_id)
    except (NotFound, Conflict):
        return _Content(manifest, None)
    generated = {"flash_manifest.json", *(f"handler_{name}.py" for name in manifest.get("resources") or ())}
    return _Content(manifest, {file.path: file.sha256 for file in files if file.path not in generated})


def plan_between(environment: Environment, build: Build, changes: tuple[Change, ...]) -> PromotionPlan:
    """A plan that stays inside one environment."""
    return PromotionPlan(
        app=environment.app,
        source=environment.name,
        target=environment.name,
        build=build.reference(),
        replaces=environment.build,
        changes=changes,
    )
