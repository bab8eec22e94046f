"""Decisions of deploy, promote and rollback, from what is known. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from collections.abc import Sequence

from flash_tui.models.app import Environment, Pipeline
from flash_tui.models.build import Build, BuildReference
from flash_tui.models.deployment import Deployment
from flash_tui.models.errors import Conflict, NotFound, UsageError
from flash_tui.models.states import EnvironmentState, Outcome

_VERSION = re.compile(r"v?(\d{1,9})", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{6,64}", re.ASCII)
_SHOWN = 4


def find_build(builds: Sequence[Build], text: str) -> Build:
    """The build that a BUILD argument names: `v14`, `14`, an id, or six and more digits of a digest.

    Raises:
        NotFound: none of `builds` is meant.
        UsageError: several are.
    """
    text = text.strip()
    found = [build for build in builds if build.id == text]
    if not found and (version := _VERSION.fullmatch(text)):
        found = [build for build in builds if build.version == int(version[1])]
    if not found and _DIGEST.fullmatch(text.lower()):
        found = [build for build in builds if build.digest is not None and build.digest.startswith(text.lower())]
    if not found:
        known = ", ".join(build.label for build in builds[:_SHOWN]) or "none"
        hint = f"a build is v14, 14, its id, or six and more digits of its digest; newest: {known}"
        raise NotFound(f"no build {text!r}", where=builds[0].app if builds else "", hint=hint)
    if len(found) > 1:
        labels = ", ".join(build.label for build in found)
        raise UsageError(f"{text!r} fits several builds: {labels}", hint="give more digits, or the version")
    return found[0]


def promotion_stages(pipeline: Pipeline, source: str | None, target: str | None) -> tuple[str, str]:
    """From where to where: the pipeline's first stage and the next one, unless told.

    Raises:
        UsageError: there is no next stage, or both are the same.
    """
    source = source or pipeline.first
    target = target or pipeline.after(source)
    stages = " → ".join(pipeline.stages)
    if target is None:
        known = source in pipeline.stages
        what = f"{source} is the last stage" if known else f"{source} is no stage of the pipeline"
        raise UsageError(f"{what}: say where to", where=stages, hint=f"flash-tui promote {source} TO")
    if source == target:
        raise UsageError(f"{source} cannot be promoted to itself", where=stages)
    return source, target


def serving(environment: Environment) -> BuildReference:
    """What serves in an environment, whatever its state.

    Raises:
        NotFound: nothing does.
    """
    if environment.build is None:
        hint = f"deploy to it first: flash-tui deploy -e {environment.name}"
        raise NotFound(f"nothing serves in {environment.name}", where=environment.app, hint=hint)
    return environment.build


def rollback_build(
    environment: Environment, builds: Sequence[Build], history: Sequence[Deployment], text: str | None
) -> Build:
    """Where a rollback goes: what served before the last successful act, or the build named.

    `history` is the environment's.

    Raises:
        NotFound: no such build.
        Conflict: nothing served before, the build never served there, or its artifact was collected.
        UsageError: `text` fits several builds.
    """
    where = f"{environment.app} {environment.name}"
    if text is None:
        previous = environment.previous_build
        if previous is None:
            hint = "--to names any build that has served there"
            raise Conflict(f"nothing served in {environment.name} before", where=where, hint=hint)
        build = next((build for build in builds if build.id == previous.id), None)
        if build is None:
            raise _gone(previous, where)
    else:
        build = find_build(builds, text)
    if build.id not in served_in(environment, history):
        hint = f"promote it there: flash-tui promote --build {build.label}"
        raise Conflict(f"{build.label} never served in {environment.name}", where=where, hint=hint)
    refuse_gone(build, where)
    return build


def served_in(environment: Environment, history: Sequence[Deployment]) -> frozenset[str]:
    """Ids of the builds that serve or have served in an environment."""
    known = (environment.build, environment.previous_build)
    past = (
        reference
        for deployment in history
        if deployment.environment == environment.name
        for reference in (deployment.from_build, deployment.to_build if _went_live(deployment) else None)
    )
    return frozenset(reference.id for reference in (*known, *past) if reference is not None)


def _went_live(deployment: Deployment) -> bool:
    return deployment.outcome == Outcome.SUCCEEDED


def refuse_gone(build: Build, where: str) -> None:
    """Raises Conflict if the build's artifact was collected."""
    if build.gone:
        raise _gone(build, where)


def _gone(build: BuildReference, where: str) -> Conflict:
    hint = "`flash-tui builds list` shows which builds are kept; `flash-tui deploy` makes a new one"
    return Conflict(f"the artifact of {build.label} was collected", where=where, hint=hint)


def is_same_artifact(environment: Environment, build: BuildReference) -> bool:
    """Whether an environment serves another build of the very same bytes, and its last act succeeded.

    Where it serves `build` itself, the platform says whether anything is left to do.
    """
    found = environment.build
    if found is None or found.id == build.id or environment.state != EnvironmentState.DEPLOYED:
        return False
    return build.digest is not None and build.digest == found.digest
