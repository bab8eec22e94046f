"""Network volumes over REST, as the official clients make and list them.

Source: runpod_flash 1.21 `core/resources/network_volume.py`; its model of an answer refuses any field it does not know.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from flash_tui.local.control.objects import volume_object
from flash_tui.local.documents import body
from flash_tui.local.services import Services
from flash_tui.local.store import volumes as rows
from flash_tui.local.store.values import checked_name
from flash_tui.models.document import Document
from flash_tui.models.identifiers import VolumeId

SMALLEST_GB: Final = 10
LARGEST_GB: Final = 4096
DEFAULT_DATA_CENTER: Final = "EU-RO-1"


class NewVolume(Document):
    name: str
    size: int = Field(default=100, ge=SMALLEST_GB, le=LARGEST_GB)
    """GB."""
    data_center: str = Field(default=DEFAULT_DATA_CENTER, alias="dataCenterId")


def routes(services: Services) -> list[BaseRoute]:
    store = services.store

    async def list_all(_: Request) -> Response:
        return JSONResponse([volume_object(volume) for volume in await store.transact(rows.list_volumes)])

    async def create(request: Request) -> Response:
        new = await body(request, NewVolume)
        checked_name(new.name, "volume")
        ensure = partial(rows.ensure_volume, name=new.name, size_gb=new.size, data_center=new.data_center)
        volume, is_new = await store.transact(ensure)
        return JSONResponse(volume_object(volume), 201 if is_new else 200)

    async def delete(request: Request) -> Response:
        volume_id = VolumeId(request.path_params["volume"])
        attached = await store.transact(partial(rows.environments_with, volume_id=volume_id))
        await store.transact(partial(rows.delete_volume, volume_id=volume_id))
        for environment_id in attached:
            services.publisher.environment_changed(environment_id)
        return Response(status_code=204)

    return [
        Route("/v1/networkvolumes", list_all, methods=["GET"]),
        Route("/v1/networkvolumes", create, methods=["POST"]),
        Route("/v1/networkvolumes/{volume}", delete, methods=["DELETE"]),
    ]
