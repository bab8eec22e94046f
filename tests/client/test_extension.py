"""Our own dialect: what is probed, what is sent, and a build handed over in parts or whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from flash_tui.client import limits
from flash_tui.client.dialect import Parts
from flash_tui.client.extension import Extension, find_capabilities
from flash_tui.client.graphql import GraphQL
from flash_tui.client.target import resolve_target
from flash_tui.models.build import BuildUpload, LayerRecord, RuntimePlatform
from flash_tui.models.deployment import ReleaseRequest
from flash_tui.models.errors import BuildFailed, FlashTuiError, TargetUnreachable, Unauthorised
from flash_tui.models.identifiers import BuildId, Digest, EnvironmentId, LayerKey
from flash_tui.models.states import Cause
from flash_tui.runtime.archive import PackedLayer, artifact_header
from tests.builders import a_build, a_deployment, a_settings
from tests.client.networks import KEY, Script, a_connection

pytestmark = pytest.mark.anyio

LACKING = httpx.Response(404, json={"error": {"code": "not_found", "what": "no such layer", "where": "layer abc"}})


def some_parts(folder: Path, *, size_bytes: int | None = None) -> Parts:
    layer = folder / "packed.deflate"
    layer.write_bytes(b"L" * (limits.UPLOAD_CHUNK_BYTES + 10))
    record = LayerRecord(
        source_digest=Digest("a" * 64),
        dependency_layer=LayerKey("b" * 64),
        base_layer=LayerKey("c" * 64),
        sdk_version="1.21.0",
        platform=RuntimePlatform(python="3.12", os="linux", architecture="x86_64"),
        layer_bytes=layer.stat().st_size,
        layer_crc=1,
        layer_size=512,
    )
    whole = len(artifact_header(record)) + record.layer_bytes + len(b"TAIL")
    manifest: dict[str, object] = {"resources": {"api": {}}}
    upload = BuildUpload(
        app="photo-shop", digest=Digest("d" * 64), size_bytes=size_bytes or whole, record=record, manifest=manifest
    )
    return Parts(upload, PackedLayer(layer, record.layer_bytes, 1, 512), b"TAIL")


async def uploaded(handler: Any, parts: Parts) -> list[tuple[int, int]]:
    progress: list[tuple[int, int]] = []
    async with a_connection(handler) as connection:
        await Extension(connection, GraphQL(connection)).upload(parts, lambda *step: progress.append(step))
    return progress


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404),
        httpx.Response(405),
        httpx.Response(200, text="<html>welcome</html>"),
        httpx.Response(200, json={"capabilities": "all"}),
        httpx.Response(200, json=[]),
    ],
)
async def test_a_target_without_our_extension_has_no_capabilities(answer: httpx.Response) -> None:
    async with a_connection(Script(answer)) as connection:
        assert await find_capabilities(connection) == frozenset()


async def test_capabilities_are_taken_as_they_are_told() -> None:
    told = {"version": "9.0", "capabilities": ["releases", "telepathy"], "more": 1}
    async with a_connection(Script(httpx.Response(200, json=told))) as connection:
        assert await find_capabilities(connection) == {"releases", "telepathy"}


@pytest.mark.parametrize(("status", "family"), [(401, Unauthorised), (503, TargetUnreachable), (500, FlashTuiError)])
async def test_a_target_that_refuses_the_probe_is_not_taken_for_one_without(
    status: int, family: type[FlashTuiError]
) -> None:
    async with a_connection(Script(httpx.Response(status))) as connection:
        with pytest.raises(family):
            await find_capabilities(connection)


async def test_the_cloud_is_not_probed() -> None:
    target = await resolve_target(a_settings(target="runpod"), environ={"RUNPOD_API_KEY": KEY})
    script = Script(httpx.Response(200))
    async with a_connection(script, target) as connection:
        assert await find_capabilities(connection) == frozenset()
    assert script.asked == []


async def test_parts_are_a_length_a_document_and_the_tail(tmp_path: Path) -> None:
    parts = some_parts(tmp_path)
    script = Script(httpx.Response(201, text=a_build(1).model_dump_json()))
    progress = await uploaded(script, parts)
    content = script.asked[0].content
    length = int.from_bytes(content[:4], "big")
    assert json.loads(content[4 : 4 + length]) == parts.upload.model_dump(mode="json")
    assert content[4 + length :] == b"TAIL"
    assert script.asked[0].headers["Content-Length"] == str(len(content))
    assert progress[-1] == (len(content), len(content))


def whole_upload(puts: list[httpx.Request], put_status: int = 200) -> Any:
    """A platform that lacks the layer and takes artifacts by a signed URL elsewhere."""
    finalized = {"data": {"finalizeFlashArtifactUpload": {"id": "build_1"}}}
    upload = {"uploadUrl": "https://bucket.test/key?signature=s3cret", "objectKey": "key"}

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            puts.append(request)
            return httpx.Response(put_status, text="no")
        if request.url.path == "/graphql":
            is_first = b"PrepareArtifactUpload" in request.content
            return httpx.Response(200, json={"data": {"prepareFlashArtifactUpload": upload}} if is_first else finalized)
        if request.method == "POST":
            return LACKING
        is_app = request.url.path.endswith("/photo-shop")
        app = {"id": "app_1", "name": "photo-shop"}
        return httpx.Response(200, json=app) if is_app else httpx.Response(200, text=a_build(1).model_dump_json())

    return handle


async def test_a_platform_without_the_layer_is_sent_the_whole(tmp_path: Path) -> None:
    parts, puts = some_parts(tmp_path), list[httpx.Request]()
    progress = await uploaded(whole_upload(puts), parts)
    layer = await anyio.Path(parts.packed.path).read_bytes()
    assert puts[0].content == artifact_header(parts.upload.record) + layer + b"TAIL"
    assert puts[0].headers["Content-Length"] == str(parts.upload.size_bytes)
    assert progress[-1] == (parts.upload.size_bytes, parts.upload.size_bytes)


async def test_a_signed_address_is_given_no_key_and_its_signature_is_not_told(tmp_path: Path) -> None:
    puts = list[httpx.Request]()
    with pytest.raises(FlashTuiError) as caught:
        await uploaded(whole_upload(puts, put_status=500), some_parts(tmp_path))
    assert "Authorization" not in puts[0].headers
    assert "s3cret" not in str(caught.value.document())


async def test_a_network_that_fails_under_a_signed_address_does_not_tell_it_either(tmp_path: Path) -> None:
    handler = whole_upload([])

    def handle(request: httpx.Request) -> httpx.Response:
        if request.method == "PUT":
            raise httpx.WriteError("reset")
        return handler(request)

    with pytest.raises(TargetUnreachable) as caught:
        await uploaded(handle, some_parts(tmp_path))
    assert "s3cret" not in str(caught.value.document())


async def test_a_build_beyond_the_clouds_limit_is_not_sent(tmp_path: Path) -> None:
    puts = list[httpx.Request]()
    with pytest.raises(BuildFailed, match="1600 MiB"):
        await uploaded(whole_upload(puts), some_parts(tmp_path, size_bytes=1600 * limits.MIB))
    assert puts == []


async def test_another_404_is_not_taken_for_a_missing_layer(tmp_path: Path) -> None:
    gone = httpx.Response(404, json={"error": {"code": "not_found", "what": "no app", "where": "photo-shop"}})
    with pytest.raises(FlashTuiError, match="no app"):
        await uploaded(Script(gone), some_parts(tmp_path))


async def test_a_release_that_was_sent_is_known_even_when_interrupted() -> None:
    script = Script(httpx.Response(202, text=a_deployment(outcome=None).model_dump_json()))
    request = ReleaseRequest(environment_id=EnvironmentId("env"), build_id=BuildId("b"), cause=Cause.DEPLOY)
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with a_connection(script) as connection:
            deployment = await Extension(connection, GraphQL(connection)).begin(request)
            assert deployment.id == "dep_1"
    assert len(script.asked) == 1


async def test_names_cannot_leave_their_place_in_the_path() -> None:
    script = Script(httpx.Response(200, json=[]))
    async with a_connection(script) as connection:
        await Extension(connection, GraphQL(connection)).builds("../../graphql?x=1")
    assert script.asked[0].url.raw_path == b"/flash-tui/v1/apps/..%2F..%2Fgraphql%3Fx%3D1/builds"
