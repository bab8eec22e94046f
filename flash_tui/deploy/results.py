"""A release's record and the environment after it → the document that commands print."""

from __future__ import annotations

from collections.abc import Mapping

from flash_tui.models.app import Environment
from flash_tui.models.build import BuildReference
from flash_tui.models.deployment import Deployment
from flash_tui.models.errors import Conflict, ErrorDocument, FlashTuiError, Interrupted
from flash_tui.models.release import DeploymentSummary, ReleasedEndpoint, ReleaseResult, SizedBuild
from flash_tui.models.states import Outcome


def released(
    environment: Environment,
    deployment: Deployment | None,
    sizes: Mapping[str, int],
    timings_ms: Mapping[str, float],
) -> ReleaseResult:
    """`deployment` None: nothing had to change. `sizes`: bytes by build id."""
    summary = None
    timed = dict(timings_ms)
    if deployment is not None:
        summary = DeploymentSummary(id=deployment.id, cause=deployment.cause, outcome=deployment.outcome)
        timed |= deployment.timings_ms
    return ReleaseResult(
        app=environment.app,
        environment=environment.name,
        state=environment.state,
        build=_sized(environment.build, sizes),
        previous_build=environment.previous_build,
        endpoints=tuple(
            ReleasedEndpoint(
                name=endpoint.name, id=endpoint.id, kind=endpoint.kind, url=endpoint.url, state=endpoint.state
            )
            for endpoint in environment.endpoints
        ),
        deployment=summary,
        timings_ms=timed,
        error=failure(deployment, environment) if deployment is not None else None,
    )


def _sized(build: BuildReference | None, sizes: Mapping[str, int]) -> SizedBuild | None:
    if build is None:
        return None
    return SizedBuild(id=build.id, version=build.version, digest=build.digest, size_bytes=sizes.get(build.id, 0))


def failure(deployment: Deployment, environment: Environment) -> ErrorDocument | None:
    """Why an act did not bring what was wanted; None if it did."""
    where = f"{environment.app} {environment.name}"
    if deployment.outcome == Outcome.SUCCEEDED:
        return None
    if deployment.error is not None:
        return deployment.error
    if deployment.outcome == Outcome.SUPERSEDED:
        return Conflict("a newer release took this one's place", where=where, hint="see `flash-tui history`").document()
    if deployment.outcome == Outcome.CANCELLED:
        return Interrupted("the release was cancelled", where=where, hint="the build before goes on serving").document()
    hint = "`flash-tui logs` shows what the workers said"
    return FlashTuiError(f"the release ended as {deployment.outcome}", where=where, hint=hint).document()
