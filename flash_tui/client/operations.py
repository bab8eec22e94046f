"""The official control plane's operations, each beside the shape of its answer.

Source: runpod_flash `core/api/runpod.py`; every document validates against the platform's schema file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from pydantic import AliasGenerator, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

from flash_tui.models.document import Document

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """One document and how its answer is read."""

    text: str
    path: tuple[str, ...]
    """Keys from `data` to what is wanted."""
    answer: TypeAdapter[T]
    missing: str = ""
    """What is not there when the answer is null; empty where null is an answer."""

    @property
    def is_query(self) -> bool:
        return self.text.lstrip().startswith("query")


class _Answer(Document):
    model_config = ConfigDict(alias_generator=AliasGenerator(validation_alias=to_camel))


class OfficialEndpoint(_Answer):
    id: str
    name: str | None = None
    type: str | None = None
    """`QB` or `LB`."""
    template_id: str | None = None
    workers_min: int | None = None
    workers_max: int | None = None
    gpu_ids: str | None = None
    instance_ids: tuple[str, ...] | None = None
    ai_key: str | None = None

    @property
    def is_load_balanced(self) -> bool:
        return self.type == "LB"

    @property
    def resource_name(self) -> str:
        """The name in the manifest: with flash boot the official tool cuts a trailing `-fb`, so it may stand there."""
        return (self.name or self.id).removesuffix("-fb").rstrip()


class OfficialVolume(_Answer):
    id: str
    name: str | None = None
    size: int | None = None
    data_center_id: str | None = None


class OfficialEnvironment(_Answer):
    id: str
    name: str
    state: str | None = None
    active_build_id: str | None = None
    created_at: datetime | None = None
    endpoints: tuple[OfficialEndpoint, ...] | None = None
    network_volumes: tuple[OfficialVolume, ...] | None = None


class OfficialBuild(_Answer):
    id: str
    object_key: str | None = None
    created_at: datetime | None = None
    manifest: dict[str, Any] | None = None


class OfficialApp(_Answer):
    id: str
    name: str
    flash_environments: tuple[OfficialEnvironment, ...] = ()
    flash_builds: tuple[OfficialBuild, ...] = ()


class ArtifactUpload(_Answer):
    upload_url: str
    object_key: str
    expires_at: datetime | None = None


class KeyValue(_Answer):
    key: str | None = None
    value: str | None = None


class OfficialTemplate(_Answer):
    id: str
    name: str | None = None
    image_name: str | None = None
    container_disk_in_gb: int | None = None
    docker_args: str | None = None
    env: tuple[KeyValue, ...] | None = None


class LoginRequest(_Answer):
    id: str
    status: str | None = None
    expires_at: datetime | None = None
    api_key: str | None = None


_ENVIRONMENT = "id name state activeBuildId createdAt"
_ENDPOINT = "id name type templateId workersMin workersMax gpuIds instanceIds aiKey"
_LISTED = "endpoints { id name type workersMin workersMax gpuIds instanceIds } networkVolumes { id name }"

LIST_APPS: Final = Operation(
    f"query getFlashApps {{ myself {{ flashApps {{ id name flashEnvironments {{ {_ENVIRONMENT} }} "
    "flashBuilds { id createdAt } } } }",
    ("myself", "flashApps"),
    TypeAdapter(tuple[OfficialApp, ...]),
)
APP_BY_NAME: Final = Operation(
    "query getFlashAppByName($flashAppName: String!) { flashAppByName(flashAppName: $flashAppName) { id name "
    f"flashEnvironments {{ {_ENVIRONMENT} }} flashBuilds {{ id objectKey createdAt }} }} }}",
    ("flashAppByName",),
    TypeAdapter(OfficialApp),
    missing="no such app",
)
CREATE_APP: Final = Operation(
    "mutation createFlashApp($input: CreateFlashAppInput!) { createFlashApp(input: $input) { id name } }",
    ("createFlashApp",),
    TypeAdapter(OfficialApp),
)
DELETE_APP: Final = Operation(
    "mutation deleteFlashApp($flashAppId: String!) { deleteFlashApp(flashAppId: $flashAppId) }",
    ("deleteFlashApp",),
    TypeAdapter(object),
)
CREATE_ENVIRONMENT: Final = Operation(
    "mutation createFlashEnvironment($input: CreateFlashEnvironmentInput!) "
    "{ createFlashEnvironment(input: $input) { id name } }",
    ("createFlashEnvironment",),
    TypeAdapter(OfficialEnvironment),
)
DELETE_ENVIRONMENT: Final = Operation(
    "mutation deleteFlashEnvironment($flashEnvironmentId: String!) "
    "{ deleteFlashEnvironment(flashEnvironmentId: $flashEnvironmentId) }",
    ("deleteFlashEnvironment",),
    TypeAdapter(object),
)
ENVIRONMENT: Final = Operation(
    "query getFlashEnvironment($flashEnvironmentId: String!) "
    f"{{ flashEnvironment(flashEnvironmentId: $flashEnvironmentId) {{ {_ENVIRONMENT} {_LISTED} }} }}",
    ("flashEnvironment",),
    TypeAdapter(OfficialEnvironment),
    missing="no such environment",
)
ENVIRONMENT_BY_NAME: Final = Operation(
    "query getFlashEnvironmentByName($input: FlashEnvironmentByNameInput!) "
    f"{{ flashEnvironmentByName(input: $input) {{ {_ENVIRONMENT} {_LISTED} }} }}",
    ("flashEnvironmentByName",),
    TypeAdapter(OfficialEnvironment),
    missing="no such environment",
)
BUILD: Final = Operation(
    "query getFlashBuild($input: String!) { flashBuild(flashBuildId: $input) { id createdAt manifest } }",
    ("flashBuild",),
    TypeAdapter(OfficialBuild),
    missing="no such build",
)
PREPARE_UPLOAD: Final = Operation(
    "mutation PrepareArtifactUpload($input: PrepareFlashArtifactUploadInput!) "
    "{ prepareFlashArtifactUpload(input: $input) { uploadUrl objectKey expiresAt } }",
    ("prepareFlashArtifactUpload",),
    TypeAdapter(ArtifactUpload),
)
FINALIZE_UPLOAD: Final = Operation(
    "mutation FinalizeArtifactUpload($input: FinalizeFlashArtifactUploadInput!) "
    "{ finalizeFlashArtifactUpload(input: $input) { id } }",
    ("finalizeFlashArtifactUpload",),
    TypeAdapter(OfficialBuild),
)
DEPLOY_BUILD: Final = Operation(
    "mutation deployBuildToEnvironment($input: DeployBuildToEnvironmentInput!) "
    "{ deployBuildToEnvironment(input: $input) { id name activeArtifact { objectKey downloadUrl expiresAt } } }",
    ("deployBuildToEnvironment",),
    TypeAdapter(OfficialEnvironment),
)
UPDATE_MANIFEST: Final = Operation(
    "mutation updateFlashBuildManifest($input: UpdateFlashBuildManifestInput!) "
    "{ updateFlashBuildManifest(input: $input) { id } }",
    ("updateFlashBuildManifest",),
    TypeAdapter(OfficialBuild),
)
SAVE_ENDPOINT: Final = Operation(
    f"mutation saveEndpoint($input: EndpointInput!) {{ saveEndpoint(input: $input) {{ {_ENDPOINT} }} }}",
    ("saveEndpoint",),
    TypeAdapter(OfficialEndpoint),
)
DELETE_ENDPOINT: Final = Operation(
    "mutation deleteEndpoint($id: String!) { deleteEndpoint(id: $id) }",
    ("deleteEndpoint",),
    TypeAdapter(object),
)
ENDPOINT: Final = Operation(
    f"query getEndpoint($id: String!) {{ myself {{ endpoint(id: $id) {{ {_ENDPOINT} }} }} }}",
    ("myself", "endpoint"),
    TypeAdapter(OfficialEndpoint),
    missing="no such endpoint",
)
TEMPLATE: Final = Operation(
    "query getTemplate($id: String!) "
    "{ podTemplate(id: $id) { id containerDiskInGb dockerArgs env { key value } imageName name readme } }",
    ("podTemplate",),
    TypeAdapter(OfficialTemplate),
    missing="no such template",
)
SAVE_TEMPLATE: Final = Operation(
    "mutation saveTemplate($input: SaveTemplateInput) { saveTemplate(input: $input) "
    "{ id containerDiskInGb dockerArgs env { key value } imageName name } }",
    ("saveTemplate",),
    TypeAdapter(OfficialTemplate),
)
CREATE_LOGIN: Final = Operation(
    "mutation createFlashAuthRequest { createFlashAuthRequest { id status expiresAt } }",
    ("createFlashAuthRequest",),
    TypeAdapter(LoginRequest),
)
LOGIN_STATUS: Final = Operation(
    "query flashAuthRequestStatus($flashAuthRequestId: String!) "
    "{ flashAuthRequestStatus(flashAuthRequestId: $flashAuthRequestId) { id status expiresAt apiKey } }",
    ("flashAuthRequestStatus",),
    TypeAdapter(LoginRequest),
    missing="no such login request",
)
