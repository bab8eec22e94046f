"""Network volumes, over REST as the official clients make them.

Source: runpod_flash 1.21 `core/resources/network_volume.py`; deletion from Runpod's REST documentation.
"""

from __future__ import annotations

from typing import cast
from urllib.parse import quote

from pydantic import Field, TypeAdapter

from flash_tui.client.connection import Connection
from flash_tui.models.app import Volume
from flash_tui.models.document import Document
from flash_tui.models.errors import Conflict, NotFound
from flash_tui.models.identifiers import VolumeId


class OfficialVolume(Document):
    """A volume as REST tells it."""

    id: VolumeId
    name: str
    size: int = 0
    """GB."""
    data_center: str = Field(default="", validation_alias="dataCenterId")

    def volume(self) -> Volume:
        return Volume(id=self.id, name=self.name, size_gb=self.size, data_center=self.data_center)


_LIST: TypeAdapter[tuple[OfficialVolume, ...]] = TypeAdapter(tuple[OfficialVolume, ...])


async def list_volumes(connection: Connection) -> tuple[Volume, ...]:
    """All of the account."""
    url = _url(connection)
    raw = await connection.json("GET", url)
    if isinstance(raw, dict):
        raw = cast("dict[str, object]", raw).get("networkVolumes")
    return tuple(found.volume() for found in connection.adapt(_LIST, raw, url))


async def find_volume(connection: Connection, text: str) -> Volume:
    """By id or name.

    Raises:
        NotFound: there is none such; the hint lists those there are.
        Conflict: several bear the name.
    """
    volumes = await list_volumes(connection)
    found = [volume for volume in volumes if text == volume.id] or [volume for volume in volumes if text == volume.name]
    if not found:
        known = ", ".join(volume.name for volume in volumes)
        raise NotFound(f"no volume {text!r}", where=connection.target.name, hint=f"there are: {known}" if known else "")
    if len(found) > 1:
        ids = ", ".join(volume.id for volume in found)
        raise Conflict(f"several volumes are called {text!r}", where=connection.target.name, hint=f"say which: {ids}")
    return found[0]


async def create_volume(connection: Connection, name: str, size_gb: int, data_center: str) -> Volume:
    """One that exists by this name and place is answered as it is."""
    for volume in await list_volumes(connection):
        if (volume.name, volume.data_center) == (name, data_center):
            return volume
    url = _url(connection)
    raw = await connection.json("POST", url, {"name": name, "size": size_gb, "dataCenterId": data_center})
    return connection.model(OfficialVolume, raw, url).volume()


async def delete_volume(connection: Connection, volume_id: VolumeId) -> None:
    """With all that is on it."""
    await connection.json("DELETE", f"{_url(connection)}/{quote(volume_id, safe='')}")


def _url(connection: Connection) -> str:
    return f"{connection.target.rest_url}/networkvolumes"
