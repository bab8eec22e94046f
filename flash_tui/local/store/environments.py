"""Environments: what each serves, what the last act on it came to, and the compare-and-set that moves it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from flash_tui.local.store.values import (
    as_moment,
    checked_name,
    document_json,
    maybe_document,
    maybe_reference,
    new_id,
    now_text,
)
from flash_tui.models.build import BuildReference
from flash_tui.models.errors import Conflict, ErrorDocument, NotFound
from flash_tui.models.identifiers import AppId, BuildId, EnvironmentId
from flash_tui.models.states import EnvironmentState


@dataclass(frozen=True, slots=True)
class StoredEnvironment:
    """One row, its builds resolved. The document that clients see is made of it in `view`."""

    id: EnvironmentId
    app_id: AppId
    app: str
    name: str
    state: EnvironmentState
    error: ErrorDocument | None
    active_build: BuildReference | None
    previous_build: BuildReference | None
    desired_build_id: BuildId | None
    generation: int | None
    created_at: datetime
    updated_at: datetime

    @property
    def active_build_id(self) -> BuildId | None:
        return None if self.active_build is None else self.active_build.id


_SELECT = """
SELECT e.id, e.app_id, a.name AS app, e.name, e.state, e.error, e.desired_build_id, e.generation,
       e.created_at, e.updated_at,
       active.id AS active_id, active.version AS active_version, active.digest AS active_digest,
       previous.id AS previous_id, previous.version AS previous_version, previous.digest AS previous_digest
FROM environments e
JOIN apps a ON a.id = e.app_id
LEFT JOIN builds active ON active.id = e.active_build_id
LEFT JOIN builds previous ON previous.id = e.previous_build_id
"""


def _environment(row: sqlite3.Row) -> StoredEnvironment:
    desired = row["desired_build_id"]
    return StoredEnvironment(
        id=EnvironmentId(row["id"]),
        app_id=AppId(row["app_id"]),
        app=row["app"],
        name=row["name"],
        state=EnvironmentState(row["state"]),
        error=maybe_document(ErrorDocument, row["error"]),
        active_build=maybe_reference(row["active_id"], row["active_version"], row["active_digest"]),
        previous_build=maybe_reference(row["previous_id"], row["previous_version"], row["previous_digest"]),
        desired_build_id=None if desired is None else BuildId(desired),
        generation=row["generation"],
        created_at=as_moment(row["created_at"]),
        updated_at=as_moment(row["updated_at"]),
    )


def list_environments(connection: sqlite3.Connection, app_id: AppId | None = None) -> tuple[StoredEnvironment, ...]:
    """Of one app, or of all; each app's in pipeline order."""
    condition, values = ("", ()) if app_id is None else ("WHERE e.app_id = ?", (app_id,))
    rows = connection.execute(f"{_SELECT} {condition} ORDER BY a.name, e.position, e.rowid", values)
    return tuple(_environment(row) for row in rows.fetchall())


def find_environment(connection: sqlite3.Connection, environment_id: EnvironmentId) -> StoredEnvironment | None:
    row = connection.execute(f"{_SELECT} WHERE e.id = ?", (environment_id,)).fetchone()
    return None if row is None else _environment(row)


def get_environment(connection: sqlite3.Connection, environment_id: EnvironmentId) -> StoredEnvironment:
    """Raises NotFound."""
    found = find_environment(connection, environment_id)
    if found is None:
        raise _not_found(environment_id)
    return found


def find_environment_named(connection: sqlite3.Connection, app_id: AppId, name: str) -> StoredEnvironment | None:
    row = connection.execute(f"{_SELECT} WHERE e.app_id = ? AND e.name = ?", (app_id, name)).fetchone()
    return None if row is None else _environment(row)


def get_environment_named(connection: sqlite3.Connection, app_id: AppId, name: str) -> StoredEnvironment:
    """Raises NotFound."""
    found = find_environment_named(connection, app_id, name)
    if found is None:
        raise _not_found(name)
    return found


def create_environment(connection: sqlite3.Connection, app_id: AppId, name: str) -> StoredEnvironment:
    """A new environment, `pending`, last in the app's order. Raises Conflict if the name is taken."""
    checked_name(name, "environment")
    if find_environment_named(connection, app_id, name) is not None:
        raise Conflict(
            f"the environment {name} exists already", where=name, hint="deploy to it, or choose another name"
        )
    moment = now_text()
    connection.execute(
        """
        INSERT INTO environments (id, app_id, name, position, state, created_at, updated_at)
        SELECT ?, ?, ?, ifnull(max(position) + 1, 0), ?, ?, ? FROM environments WHERE app_id = ?
        """,
        (new_id("env"), app_id, name, EnvironmentState.PENDING.value, moment, moment, app_id),
    )
    return get_environment_named(connection, app_id, name)


def ensure_environments(connection: sqlite3.Connection, app_id: AppId, names: tuple[str, ...]) -> bool:
    """Create what is missing and put the app's environments in this order, others behind. True if anything changed."""
    before = [environment.name for environment in list_environments(connection, app_id)]
    for name in dict.fromkeys(names):
        if name not in before:
            create_environment(connection, app_id, name)
    order = [*dict.fromkeys(names), *(name for name in before if name not in names)]
    for position, name in enumerate(order):
        connection.execute(
            "UPDATE environments SET position = ? WHERE app_id = ? AND name = ?", (position, app_id, name)
        )
    return order != before


def delete_environment(connection: sqlite3.Connection, environment_id: EnvironmentId) -> None:
    """With its endpoints and their jobs. Raises NotFound."""
    if connection.execute("DELETE FROM environments WHERE id = ?", (environment_id,)).rowcount == 0:
        raise _not_found(environment_id)


def set_state(
    connection: sqlite3.Connection,
    environment_id: EnvironmentId,
    state: EnvironmentState,
    *,
    error: ErrorDocument | None = None,
) -> StoredEnvironment:
    """What the act under way (or the last one) came to; what serves stays. Raises NotFound."""
    connection.execute(
        "UPDATE environments SET state = ?, error = ?, updated_at = ? WHERE id = ?",
        (state.value, document_json(error), now_text(), environment_id),
    )
    return get_environment(connection, environment_id)


def want_build(connection: sqlite3.Connection, environment_id: EnvironmentId, build_id: BuildId | None) -> None:
    """Note which build is on its way into the environment (None: no longer any)."""
    connection.execute("UPDATE environments SET desired_build_id = ? WHERE id = ?", (build_id, environment_id))


def switch_build(
    connection: sqlite3.Connection,
    environment_id: EnvironmentId,
    build_id: BuildId | None,
    *,
    expected: BuildId | None,
    generation: int | None = None,
) -> StoredEnvironment:
    """The commit of a release: compare-and-set of the active build, together with state, error and `previous`.

    None for `build_id` undeploys: the environment is `pending` again. The desired build and the error are cleared.

    Raises:
        NotFound: the environment is gone.
        Conflict: it serves something else than `expected`, or a newer generation was committed before.
    """
    found = get_environment(connection, environment_id)
    refuse_unless(found, expected=expected)
    refuse_older(found, generation)
    state = EnvironmentState.PENDING if build_id is None else EnvironmentState.DEPLOYED
    connection.execute(
        """
        UPDATE environments
        SET active_build_id = :build, state = :state, error = NULL, desired_build_id = NULL, updated_at = :moment,
            previous_build_id = CASE WHEN active_build_id IS :build THEN previous_build_id ELSE active_build_id END,
            generation = ifnull(:generation, generation)
        WHERE id = :id
        """,
        {
            "build": build_id,
            "state": state.value,
            "moment": now_text(),
            "generation": generation,
            "id": environment_id,
        },
    )
    return get_environment(connection, environment_id)


def refuse_unless(environment: StoredEnvironment, *, expected: BuildId | None) -> None:
    """Raises Conflict unless `expected` is what serves."""
    if environment.active_build_id == expected:
        return
    serves = "nothing" if environment.active_build is None else environment.active_build.label
    raise Conflict(
        f"{environment.name} changed meanwhile: it serves {serves} now",
        where=f"{environment.app} {environment.name}",
        hint="look at the environment, then try again",
    )


def refuse_older(environment: StoredEnvironment, generation: int | None) -> None:
    """Raises Conflict if a newer generation than `generation` was committed before."""
    if generation is None or environment.generation is None or generation >= environment.generation:
        return
    raise Conflict(
        f"a newer save (generation {environment.generation}) serves in {environment.name} already",
        where=f"{environment.app} {environment.name}",
        hint="nothing to do: the newer one holds",
    )


def _not_found(name: str) -> NotFound:
    return NotFound(
        f"environment not found: {name}", where=name, hint="`flash-tui env list` shows the environments of an app"
    )
