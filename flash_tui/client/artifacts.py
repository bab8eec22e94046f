"""Handing over a build: in parts to a platform that has its layer, whole by a signed URL to any other.

No copy of the whole file is made: header, the layer's packed bytes and the tail are streamed one behind the other.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import anyio

from flash_tui.client import limits
from flash_tui.client.connection import Connection, dump
from flash_tui.client.dialect import Parts, Progress
from flash_tui.client.failures import refusal
from flash_tui.client.graphql import GraphQL
from flash_tui.client.operations import FINALIZE_UPLOAD, PREPARE_UPLOAD
from flash_tui.models.errors import BuildFailed
from flash_tui.models.identifiers import AppId, BuildId
from flash_tui.runtime.archive import artifact_header

_LENGTH_BYTES = 4


def _parts_head(parts: Parts) -> bytes:
    document = dump(parts.upload)
    return len(document).to_bytes(_LENGTH_BYTES, "big") + document


def parts_length(parts: Parts) -> int:
    """Length in bytes of `parts_body`."""
    return len(_parts_head(parts)) + len(parts.tail)


async def parts_body(parts: Parts, progress: Progress) -> AsyncGenerator[bytes]:
    """What our extension takes: 4 bytes of length, big-endian, the `BuildUpload` as JSON, the tail."""
    total = parts_length(parts)
    async for chunk in _counted((_parts_head(parts), parts.tail), None, total, progress):
        yield chunk


async def upload_whole(
    connection: Connection, graphql: GraphQL, app_id: AppId, parts: Parts, progress: Progress
) -> BuildId:
    """The official way: prepare, PUT to a signed URL, finalize with the manifest. The build's id.

    Raises:
        BuildFailed: larger than a platform takes.
    """
    size = parts.upload.size_bytes
    if size > limits.MAX_ARTIFACT_BYTES:
        limit = limits.MAX_ARTIFACT_BYTES // limits.MIB
        hint = "keep large files on a volume; leave packages that the image has out of the dependencies"
        raise BuildFailed(f"the build has {size // limits.MIB} MiB, of which a platform takes {limit}", hint=hint)
    prepared = await graphql.run(PREPARE_UPLOAD, input={"flashAppId": app_id, "tarballSize": size})
    answer = await connection.ask(
        "PUT",
        prepared.upload_url,
        body=whole_body(parts, progress),
        headers={"Content-Type": "application/gzip", "Content-Length": str(size)},
        answer_s=limits.UPLOAD_S,
        with_key=False,  # the URL is signed; its host may be another's
    )
    if answer.is_error:
        raise refusal(connection.target, prepared.upload_url, answer.status, answer.content)
    finalized = await graphql.run(
        FINALIZE_UPLOAD,
        input={"flashAppId": app_id, "objectKey": prepared.object_key, "manifest": parts.upload.manifest},
    )
    return BuildId(finalized.id)


async def whole_body(parts: Parts, progress: Progress) -> AsyncGenerator[bytes]:
    """The whole artifact: header, layer, tail."""
    header = artifact_header(parts.upload.record)
    async for chunk in _counted((header, parts.tail), parts.packed.path, parts.upload.size_bytes, progress):
        yield chunk


async def _counted(
    ends: tuple[bytes, bytes], middle: Path | None, total: int, progress: Progress
) -> AsyncGenerator[bytes]:
    """`ends[0]`, the file's bytes, `ends[1]` in chunks; says after each how far it is."""
    done = 0
    async for chunk in _chunks(ends, middle):
        yield chunk
        done += len(chunk)
        progress(done, total)


async def _chunks(ends: tuple[bytes, bytes], middle: Path | None) -> AsyncGenerator[bytes]:
    first, last = ends
    yield first
    if middle is not None:
        async with await anyio.open_file(middle, "rb") as file:
            while chunk := await file.read(limits.UPLOAD_CHUNK_BYTES):
                yield chunk
    for start in range(0, len(last), limits.UPLOAD_CHUNK_BYTES):
        yield last[start : start + limits.UPLOAD_CHUNK_BYTES]
