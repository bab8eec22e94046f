"""Deployments: the record of every act. They outlive environments, apps and builds."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from flash_tui.local.store.environments import StoredEnvironment
from flash_tui.local.store.values import (
    as_json,
    as_moment,
    document_json,
    from_json,
    maybe_document,
    maybe_moment,
    new_id,
    now_text,
)
from flash_tui.models.build import BuildReference
from flash_tui.models.deployment import Deployment
from flash_tui.models.errors import ErrorDocument, NotFound
from flash_tui.models.identifiers import BuildId, DeploymentId, EnvironmentId
from flash_tui.models.states import Cause, Outcome


@dataclass(frozen=True, slots=True)
class RunningDeployment:
    """A record without an outcome, and what it is about."""

    deployment: Deployment
    environment_id: EnvironmentId
    to_build_id: BuildId | None


def _deployment(row: sqlite3.Row) -> Deployment:
    outcome = row["outcome"]
    return Deployment(
        id=DeploymentId(row["id"]),
        app=row["app"],
        environment=row["environment"],
        cause=Cause(row["cause"]),
        from_build=maybe_document(BuildReference, row["from_build"]),
        to_build=maybe_document(BuildReference, row["to_build"]),
        started_at=as_moment(row["started_at"]),
        ended_at=maybe_moment(row["ended_at"]),
        outcome=None if outcome is None else Outcome(outcome),
        error=maybe_document(ErrorDocument, row["error"]),
        timings_ms=from_json(row["timings_ms"]),
        note=row["note"],
    )


def begin_deployment(
    connection: sqlite3.Connection,
    environment: StoredEnvironment,
    *,
    cause: Cause,
    to_build: BuildReference | None,
    note: str = "",
) -> Deployment:
    """A running record: from what serves in `environment` now, to `to_build` (None: undeploy)."""
    deployment_id = DeploymentId(new_id("dep"))
    connection.execute(
        """
        INSERT INTO deployments
            (id, app, environment, environment_id, cause, from_build, to_build, to_build_id, started_at, note)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            deployment_id,
            environment.app,
            environment.name,
            environment.id,
            cause.value,
            document_json(environment.active_build),
            document_json(to_build),
            None if to_build is None else to_build.id,
            now_text(),
            note,
        ),
    )
    return get_deployment(connection, deployment_id)


def end_deployment(
    connection: sqlite3.Connection,
    deployment_id: DeploymentId,
    outcome: Outcome,
    *,
    error: ErrorDocument | None = None,
    timings_ms: Mapping[str, float] | None = None,
) -> Deployment:
    """Close a record. One that has ended is left as it is: the first outcome holds. Raises NotFound."""
    connection.execute(
        """
        UPDATE deployments SET outcome = ?, ended_at = ?, error = ?, timings_ms = ?
        WHERE id = ? AND outcome IS NULL
        """,
        (outcome.value, now_text(), document_json(error), as_json(dict(timings_ms or {})), deployment_id),
    )
    return get_deployment(connection, deployment_id)


def set_timings(connection: sqlite3.Connection, deployment_id: DeploymentId, timings_ms: Mapping[str, float]) -> None:
    """Stages that were timed after the commit."""
    connection.execute("UPDATE deployments SET timings_ms = ? WHERE id = ?", (as_json(dict(timings_ms)), deployment_id))


def get_deployment(connection: sqlite3.Connection, deployment_id: DeploymentId) -> Deployment:
    """Raises NotFound."""
    row = connection.execute("SELECT * FROM deployments WHERE id = ?", (deployment_id,)).fetchone()
    if row is None:
        raise NotFound(
            f"deployment not found: {deployment_id}", where=deployment_id, hint="`flash-tui history` shows them all"
        )
    return _deployment(row)


def list_deployments(
    connection: sqlite3.Connection, app: str | None = None, environment: str | None = None, *, limit: int = 100
) -> tuple[Deployment, ...]:
    """Newest first; of one app, of one environment of it, or of all."""
    rows = connection.execute(
        """
        SELECT * FROM deployments
        WHERE (:app IS NULL OR app = :app) AND (:environment IS NULL OR environment = :environment)
        ORDER BY rowid DESC LIMIT :limit
        """,
        {"app": app, "environment": environment, "limit": limit},
    )
    return tuple(_deployment(row) for row in rows.fetchall())


def running_deployments(
    connection: sqlite3.Connection, environment_id: EnvironmentId | None = None
) -> tuple[RunningDeployment, ...]:
    """Oldest first. At start-up: what a daemon that was killed left behind."""
    rows = connection.execute(
        "SELECT * FROM deployments WHERE outcome IS NULL AND (:id IS NULL OR environment_id = :id) ORDER BY rowid",
        {"id": environment_id},
    )
    return tuple(
        RunningDeployment(
            deployment=_deployment(row),
            environment_id=EnvironmentId(row["environment_id"]),
            to_build_id=None if row["to_build_id"] is None else BuildId(row["to_build_id"]),
        )
        for row in rows.fetchall()
    )
