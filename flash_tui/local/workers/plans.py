"""What an environment starts for a build: one plan for each resource that runs here."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from flash_tui.local import limits
from flash_tui.local.artifacts.artifacts import Prepared
from flash_tui.local.store.endpoints import StoredEndpoint
from flash_tui.local.store.environments import StoredEnvironment
from flash_tui.local.workers.environment import deployed_env
from flash_tui.local.workers.worker import WorkerPlan
from flash_tui.models.build import BuildReference
from flash_tui.models.manifest import Manifest
from flash_tui.runtime.zygote import LayerPair

_NO_LAYERS = LayerPair(Path(), Path())


def worker_plans(
    environment: StoredEnvironment,
    build: BuildReference,
    manifest: Manifest,
    endpoints: Iterable[StoredEndpoint],
    prepared: Prepared | None,
    token: str,
) -> tuple[WorkerPlan, ...]:
    """By endpoint, in the manifest's order; resources that run in the cloud only have none.

    Without `prepared` they say what should be served and can start nothing.
    """
    ids = {endpoint.name: endpoint for endpoint in endpoints}
    return tuple(
        WorkerPlan(
            endpoint_id=ids[name].id,
            endpoint=name,
            kind=resource.kind,
            environment_id=environment.id,
            app=environment.app,
            environment=environment.name,
            build_id=build.id,
            version=build.version,
            app_dir=prepared.app_dir if prepared is not None else Path(),
            pair=prepared.pair if prepared is not None else _NO_LAYERS,
            handler=manifest.handler_file(name),
            env=deployed_env(
                name,
                resource,
                manifest,
                app=environment.app,
                environment=environment.name,
                environment_id=environment.id,
                token=token,
            ),
            execution_timeout_s=ids[name].execution_timeout_ms / 1000 or limits.EXECUTION_TIMEOUT_S,
        )
        for name, resource in manifest.resources.items()
        if resource.runs_locally and name in ids
    )
