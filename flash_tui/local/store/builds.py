"""Builds: versioned per app, found again by digest, kept as long as anybody may go back to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flash_tui.local.store.apps import next_version
from flash_tui.local.store.values import (
    as_json,
    as_moment,
    as_text,
    document_json,
    from_json,
    maybe_document,
    new_id,
    now_text,
    now_utc,
)
from flash_tui.models.build import Build, LayerRecord
from flash_tui.models.errors import NotFound
from flash_tui.models.identifiers import AppId, BuildId, Digest
from flash_tui.models.manifest import Manifest, parse_manifest

RETAINED_BUILDS = 5
"""How many of the builds that served last in an environment are never collected."""

_SELECT = """
SELECT b.*, a.name AS app,
       (SELECT group_concat(name, char(10)) FROM
           (SELECT e.name FROM environments e WHERE e.active_build_id = b.id ORDER BY e.position, e.rowid)) AS runs_in
FROM builds b JOIN apps a ON a.id = b.app_id
"""


@dataclass(frozen=True, slots=True)
class NewBuild:
    """What is registered: the artifact is in the artifact store already."""

    digest: Digest
    size_bytes: int
    manifest: Mapping[str, Any]
    """As it came; `parse_manifest` has accepted it."""
    record: LayerRecord | None
    """None for an artifact that is not ours."""
    object_key: str | None = None


def _build(row: sqlite3.Row) -> Build:
    return Build(
        id=BuildId(row["id"]),
        version=row["version"],
        digest=Digest(row["digest"]),
        app=row["app"],
        source_digest=row["source_digest"],
        size_bytes=row["size_bytes"],
        created_at=as_moment(row["created_at"]),
        runs_in=tuple(row["runs_in"].split("\n")) if row["runs_in"] else (),
        gone=bool(row["gone"]),
    )


def register_build(connection: sqlite3.Connection, app_id: AppId, new: NewBuild) -> tuple[Build, bool]:
    """The app's build with this digest, and whether it is new. A known one whose artifact was gone is whole again."""
    known = find_build_by_digest(connection, app_id, new.digest)
    if known is not None:
        connection.execute(
            "UPDATE builds SET gone = 0, record = ?, object_key = ifnull(?, object_key) WHERE id = ?",
            (document_json(new.record), new.object_key, known.id),
        )
        return get_build(connection, known.id), False
    build_id = BuildId(new_id("build"))
    version = next_version(connection, app_id)
    source_digest = None if new.record is None else new.record.source_digest
    connection.execute(
        """
        INSERT INTO builds
            (id, app_id, version, digest, source_digest, size_bytes, record, manifest, object_key, created_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            build_id,
            app_id,
            version,
            new.digest,
            source_digest,
            new.size_bytes,
            document_json(new.record),
            as_json(new.manifest),
            new.object_key,
            now_text(),
        ),
    )
    return get_build(connection, build_id), True


def find_build(connection: sqlite3.Connection, build_id: BuildId) -> Build | None:
    row = connection.execute(f"{_SELECT} WHERE b.id = ?", (build_id,)).fetchone()
    return None if row is None else _build(row)


def get_build(connection: sqlite3.Connection, build_id: BuildId) -> Build:
    """Raises NotFound."""
    found = find_build(connection, build_id)
    if found is None:
        raise _not_found(build_id)
    return found


def find_build_by_digest(connection: sqlite3.Connection, app_id: AppId, digest: Digest) -> Build | None:
    row = connection.execute(f"{_SELECT} WHERE b.app_id = ? AND b.digest = ?", (app_id, digest)).fetchone()
    return None if row is None else _build(row)


def list_builds(
    connection: sqlite3.Connection, app_id: AppId | None = None, *, limit: int | None = None
) -> tuple[Build, ...]:
    """Newest first. Without an app: of every app at most `limit`, apps by name."""
    if app_id is None:
        ids = [AppId(row["id"]) for row in connection.execute("SELECT id FROM apps ORDER BY name").fetchall()]
        return tuple(build for one in ids for build in list_builds(connection, one, limit=limit))
    rows = connection.execute(
        f"{_SELECT} WHERE b.app_id = ? ORDER BY b.version DESC LIMIT ?", (app_id, -1 if limit is None else limit)
    )
    return tuple(_build(row) for row in rows.fetchall())


def app_of_build(connection: sqlite3.Connection, build_id: BuildId) -> AppId:
    """Raises NotFound."""
    row = connection.execute("SELECT app_id FROM builds WHERE id = ?", (build_id,)).fetchone()
    if row is None:
        raise _not_found(build_id)
    return AppId(row["app_id"])


def get_manifest(connection: sqlite3.Connection, build_id: BuildId) -> dict[str, Any]:
    """The manifest as built. Raises NotFound."""
    row = connection.execute("SELECT manifest FROM builds WHERE id = ?", (build_id,)).fetchone()
    if row is None:
        raise _not_found(build_id)
    return from_json(row["manifest"])


def get_parsed_manifest(connection: sqlite3.Connection, build_id: BuildId) -> Manifest:
    """The manifest as built, as the model. Raises NotFound."""
    return parse_manifest(get_manifest(connection, build_id))


def get_deployed_manifest(connection: sqlite3.Connection, build_id: BuildId) -> dict[str, Any]:
    """What `updateFlashBuildManifest` said last, else the manifest as built. Holds keys. Raises NotFound."""
    row = connection.execute(
        "SELECT ifnull(deployed_manifest, manifest) AS manifest FROM builds WHERE id = ?", (build_id,)
    ).fetchone()
    if row is None:
        raise _not_found(build_id)
    return from_json(row["manifest"])


def set_deployed_manifest(connection: sqlite3.Connection, build_id: BuildId, manifest: Mapping[str, Any]) -> None:
    """Raises NotFound."""
    changed = connection.execute(
        "UPDATE builds SET deployed_manifest = ? WHERE id = ?", (as_json(manifest), build_id)
    ).rowcount
    if changed == 0:
        raise _not_found(build_id)


def get_record(connection: sqlite3.Connection, build_id: BuildId) -> LayerRecord | None:
    """How the artifact is put together; None for one that is not ours. Raises NotFound."""
    row = connection.execute("SELECT record FROM builds WHERE id = ?", (build_id,)).fetchone()
    if row is None:
        raise _not_found(build_id)
    return maybe_document(LayerRecord, row["record"])


def get_object_key(connection: sqlite3.Connection, build_id: BuildId) -> str | None:
    """The upload a build came from; None for one that came by our extension. Raises NotFound."""
    row = connection.execute("SELECT object_key FROM builds WHERE id = ?", (build_id,)).fetchone()
    if row is None:
        raise _not_found(build_id)
    return row["object_key"]


def retained_builds(connection: sqlite3.Connection, *, younger_than_s: float) -> frozenset[BuildId]:
    """Builds that must stay whole: what an environment runs, wants or could go back to, what a release is about, the
    newest of each app, and what came in so recently that its release may still be on the way.
    """
    kept = {
        BuildId(row[0])
        for row in connection.execute(
            """
            SELECT active_build_id FROM environments WHERE active_build_id IS NOT NULL
            UNION SELECT previous_build_id FROM environments WHERE previous_build_id IS NOT NULL
            UNION SELECT desired_build_id FROM environments WHERE desired_build_id IS NOT NULL
            UNION SELECT to_build_id FROM deployments WHERE outcome IS NULL AND to_build_id IS NOT NULL
            UNION SELECT id FROM builds b WHERE version > (SELECT last_version FROM apps WHERE id = b.app_id) - ?
            UNION SELECT id FROM builds WHERE created_at > ?
            """,
            (RETAINED_BUILDS, as_text(now_utc() - timedelta(seconds=younger_than_s))),
        )
    }
    for row in connection.execute("SELECT id FROM environments").fetchall():
        kept.update(served_last(connection, row["id"], limit=RETAINED_BUILDS))
    return frozenset(kept)


def served_last(connection: sqlite3.Connection, environment_id: str, *, limit: int) -> tuple[BuildId, ...]:
    """The distinct builds that served in an environment, the last one first."""
    rows = connection.execute(
        """
        SELECT to_build_id FROM deployments
        WHERE environment_id = ? AND outcome = 'succeeded' AND to_build_id IS NOT NULL
        GROUP BY to_build_id ORDER BY max(rowid) DESC LIMIT ?
        """,
        (environment_id, limit),
    )
    return tuple(BuildId(row["to_build_id"]) for row in rows.fetchall())


def mark_gone(connection: sqlite3.Connection, build_ids: frozenset[BuildId]) -> tuple[Build, ...]:
    """Their artifacts are about to be collected. Returns those that were whole until now."""
    changed = [
        build_id
        for build_id in build_ids
        if connection.execute("UPDATE builds SET gone = 1 WHERE id = ? AND gone = 0", (build_id,)).rowcount
    ]
    return tuple(get_build(connection, build_id) for build_id in changed)


def _not_found(build_id: str) -> NotFound:
    return NotFound(
        f"build not found: {build_id}", where=build_id, hint="`flash-tui builds list` shows the builds of an app"
    )
