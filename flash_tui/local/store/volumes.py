"""Network volumes: folders here, told apart by (name, data center) as in the cloud."""

from __future__ import annotations

import sqlite3

from flash_tui.local.store.values import new_id, now_text
from flash_tui.models.app import Volume
from flash_tui.models.errors import NotFound
from flash_tui.models.identifiers import EnvironmentId, VolumeId


def _volume(row: sqlite3.Row) -> Volume:
    return Volume(id=VolumeId(row["id"]), name=row["name"], size_gb=row["size_gb"], data_center=row["data_center"])


def list_volumes(connection: sqlite3.Connection) -> tuple[Volume, ...]:
    """By name."""
    return tuple(map(_volume, connection.execute("SELECT * FROM volumes ORDER BY name, data_center").fetchall()))


def volumes_of(connection: sqlite3.Connection, environment_id: EnvironmentId) -> tuple[Volume, ...]:
    """What is attached to an environment, by name."""
    rows = connection.execute(
        """
        SELECT v.* FROM volumes v JOIN environment_volumes ev ON ev.volume_id = v.id
        WHERE ev.environment_id = ? ORDER BY v.name, v.data_center
        """,
        (environment_id,),
    )
    return tuple(map(_volume, rows.fetchall()))


def ensure_volume(connection: sqlite3.Connection, name: str, size_gb: int, data_center: str) -> tuple[Volume, bool]:
    """The volume of this name in this data center, and whether it is new."""
    created = connection.execute(
        """
        INSERT INTO volumes (id, name, size_gb, data_center, created_at) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (name, data_center) DO NOTHING
        """,
        (new_id("vol"), name, size_gb, data_center, now_text()),
    ).rowcount
    row = connection.execute("SELECT * FROM volumes WHERE name = ? AND data_center = ?", (name, data_center)).fetchone()
    return _volume(row), created > 0


def attach_volume(connection: sqlite3.Connection, environment_id: EnvironmentId, volume_id: VolumeId) -> None:
    connection.execute("INSERT OR IGNORE INTO environment_volumes VALUES (?, ?)", (environment_id, volume_id))


def environments_with(connection: sqlite3.Connection, volume_id: VolumeId) -> tuple[EnvironmentId, ...]:
    """The environments that it is attached to."""
    rows = connection.execute("SELECT environment_id FROM environment_volumes WHERE volume_id = ?", (volume_id,))
    return tuple(EnvironmentId(row["environment_id"]) for row in rows.fetchall())


def delete_volume(connection: sqlite3.Connection, volume_id: VolumeId) -> None:
    """Raises NotFound."""
    if connection.execute("DELETE FROM volumes WHERE id = ?", (volume_id,)).rowcount == 0:
        raise NotFound(f"volume not found: {volume_id}", where=volume_id, hint="`flash-tui volume list` shows them")
