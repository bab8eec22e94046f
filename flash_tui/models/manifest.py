"""`flash_manifest.json`: what a build is made of. Hostile input: parse with `parse_manifest`, which bounds everything.

Source: runpod_flash 1.21 `cli/commands/build_utils/manifest.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from flash_tui.models.document import Document
from flash_tui.models.errors import BuildFailed
from flash_tui.models.states import EndpointKind

MAX_RESOURCES = 500
MAX_ROUTES = 2_000
MAX_NAME_CHARS = 200

LOCAL_TYPES = frozenset(
    {
        "LiveServerless",
        "CpuLiveServerless",
        "LiveLoadBalancer",
        "CpuLiveLoadBalancer",
        "ServerlessResource",
        "LoadBalancerSlsResource",
    }
)
"""Resource types that an artifact brings handlers for; any other runs in the cloud only."""

_NAME = re.compile(r"[^/\\\x00-\x1f]{1,200}")


class ManifestFunction(Document):
    name: str
    module: str = ""
    is_async: bool = False
    is_class: bool = False
    class_methods: tuple[str, ...] | None = None
    http_method: str | None = None
    http_path: str | None = None


class ManifestVolume(Document):
    """Storage that an endpoint asks for; told by name and data center."""

    name: str = Field(pattern=r"^[^/\\\x00-\x1f\x7f]{1,100}$")
    size_gb: int = Field(default=100, alias="size", ge=1, le=4096)
    data_center: str = Field(default="EU-RO-1", alias="dataCenterId", max_length=MAX_NAME_CHARS)


class Resource(Document):
    """One `@Endpoint` configuration."""

    resource_type: str
    file_path: str = ""
    module_path: str = ""
    functions: tuple[ManifestFunction, ...] = ()
    is_load_balanced: bool = False
    client_mode: bool = False
    max_concurrency: int = 1
    image: str | None = Field(default=None, alias="imageName")
    gpu_ids: str | None = Field(default=None, alias="gpuIds")
    instance_ids: tuple[str, ...] = Field(default=(), alias="instanceIds")
    workers_min: int = Field(default=0, alias="workersMin")
    workers_max: int = Field(default=1, alias="workersMax")
    idle_timeout_s: int = Field(default=60, alias="idleTimeout")
    scaler_type: str | None = Field(default=None, alias="scalerType")
    scaler_value: int | None = Field(default=None, alias="scalerValue")
    env: dict[str, str] = {}
    handler_file: str | None = None
    makes_remote_calls: bool = False
    volumes: tuple[ManifestVolume, ...] = Field(default=(), alias="networkVolumes")

    @property
    def kind(self) -> EndpointKind:
        return EndpointKind.LOAD_BALANCED if self.is_load_balanced else EndpointKind.QUEUE

    @property
    def runs_locally(self) -> bool:
        return self.resource_type in LOCAL_TYPES and not self.client_mode

    @property
    def routes(self) -> tuple[str, ...]:
        return tuple(f"{f.http_method} {f.http_path}" for f in self.functions if f.http_method and f.http_path)


class Manifest(Document):
    version: str = "1.0"
    python_version: str | None = None
    project_name: str | None = None
    resources: dict[str, Resource] = {}
    source_fingerprint: str | None = None

    def handler_file(self, resource: str) -> str:
        """The file in the artifact that serves `resource`. Load-balanced resources carry no `handler_file` entry."""
        return self.resources[resource].handler_file or f"handler_{resource}.py"


def parse_manifest(raw: Mapping[str, Any]) -> Manifest:
    """Check and read a manifest.

    Raises:
        BuildFailed: it is not a manifest, or larger than any real one.
    """
    hint = "build the project again with `flash-tui build`"
    try:
        manifest = Manifest.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BuildFailed(f"flash_manifest.json is not valid: {first['msg']}", where=place, hint=hint) from error
    if (
        len(manifest.resources) > MAX_RESOURCES
        or sum(len(r.functions) for r in manifest.resources.values()) > MAX_ROUTES
    ):
        raise BuildFailed("flash_manifest.json lists more resources than any app has", where="resources", hint=hint)
    for name, resource in manifest.resources.items():
        handler = resource.handler_file
        if not _NAME.fullmatch(name) or (handler is not None and not _NAME.fullmatch(handler)):
            raise BuildFailed(
                "flash_manifest.json holds a name that cannot be a file name", where=name[:MAX_NAME_CHARS], hint=hint
            )
    return manifest
