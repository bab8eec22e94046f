"""Artifacts on disk: content-addressed, received with limits, unpacked once, collected when nobody can go back to them.

    whole/DIGEST.tar.gz      as it was uploaded
    parts/DIGEST.tail        what follows the layer; the layer itself lies in the layer store, held for the digest
    parts/DIGEST.json        the record that says which layers those are
    holds/DIGEST.json        the layers that are held for it, and the proof that they are
    code/DIGEST/             unpacked, shared by all workers of the build; its files are read-only
    assembled/DIGEST.tar.gz  made of parts for whoever asks for the whole file
    incoming/                what is being received or unpacked; emptied at the start

A file appears under its digest by rename, so what is there is whole. Nothing is flushed to the disk: what a power cut
damages fails its checksum when it is unpacked.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import anyio
import anyio.to_thread

from flash_tui.local import limits
from flash_tui.local.artifacts.folders import changed_at, disk_errors, protect, remove
from flash_tui.local.artifacts.layer_pairs import LayerPairs
from flash_tui.local.store import builds
from flash_tui.local.store.database import Store
from flash_tui.models.build import Build, BuildUpload, LayerRecord
from flash_tui.models.errors import NotFound, UsageError
from flash_tui.models.identifiers import BuildId, Digest, LayerKey
from flash_tui.runtime.archive import (
    PackedLayer,
    artifact_digest,
    assemble,
    extract_all,
    extract_tail,
    read_record,
    read_tail,
    written_aside,
)
from flash_tui.runtime.zygote import LayerPair

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Received:
    """A whole artifact that has arrived under its digest."""

    digest: Digest
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A build ready to start workers from."""

    app_dir: Path
    pair: LayerPair


class Artifacts:
    """The artifact store of one platform."""

    def __init__(self, root: Path, store: Store, layers: LayerPairs) -> None:
        self._root = root
        self._store = store
        self._layers = layers
        self._prepared: dict[Digest, Prepared] = {}
        self._turns: dict[Digest, anyio.Lock] = {}

    async def open(self) -> None:
        """Make the folders; drop what a platform that was killed left half done. Before anything else."""
        await anyio.to_thread.run_sync(self._open)

    def _open(self) -> None:
        for name in ("assembled", "incoming"):
            remove(self._root / name)
        for name in ("whole", "parts", "holds", "code", "assembled", "incoming"):
            (self._root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        for half in (*self._root.glob("parts/.*"), *self._root.glob("holds/.*")):
            half.unlink()

    # --- in

    async def receive(self, chunks: AsyncIterator[bytes], announced_bytes: int) -> Received:
        """Take in a whole artifact, streamed to the disk.

        Raises:
            UsageError: it is longer than announced or than allowed, or no gzip file.
        """
        with disk_errors("the artifact cannot be stored"):
            return await self._receive(chunks, min(announced_bytes, limits.MAX_ARTIFACT_BYTES))

    async def _receive(self, chunks: AsyncIterator[bytes], limit: int) -> Received:
        aside = self._aside()
        state, size = sha256(), 0
        try:
            async with await anyio.open_file(aside, "xb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > limit:
                        raise UsageError(
                            f"the artifact is larger than the {limit} bytes it may have",
                            where="upload",
                            hint="announce its size, and keep data files out of the project",
                        )
                    state.update(chunk)
                    await file.write(chunk)
            digest = Digest(state.hexdigest())
            await anyio.to_thread.run_sync(self._keep_whole, aside, digest)
            return Received(digest, size)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(aside.unlink, missing_ok=True))

    def _keep_whole(self, aside: Path, digest: Digest) -> None:
        with aside.open("rb") as stream:
            if stream.read(len(_GZIP_MAGIC)) != _GZIP_MAGIC:
                raise UsageError("the artifact is no gzip file", where="upload", hint="upload a .tar.gz")
        aside.replace(self._whole(digest))

    async def record_of(self, digest: Digest) -> LayerRecord | None:
        """What a whole artifact that was received says about its layers; kept as parts if they are here already.

        Raises:
            NotFound: there is no such artifact (any more).
        """
        whole = self._whole(digest)
        try:
            record = await anyio.to_thread.run_sync(read_record, whole)
        except FileNotFoundError:
            return await anyio.to_thread.run_sync(self._kept_record, digest)
        if record is not None and await anyio.to_thread.run_sync(self._layers.has, record):
            tail = await anyio.to_thread.run_sync(read_tail, whole, record)
            if await self._keep_parts(digest, record, tail):
                await anyio.to_thread.run_sync(partial(whole.unlink, missing_ok=True))
        return record

    async def keep_parts(self, upload: BuildUpload, tail: bytes) -> None:
        """Take in what follows the layer.

        Raises:
            NotFound: `where` names the layer that is not in the layer store; upload the whole file.
            UsageError: the parts do not come to the digest they were announced with.
        """
        with disk_errors("the build cannot be stored"):
            is_kept = await self._keep_parts(upload.digest, upload.record, tail)
        if not is_kept:
            raise UsageError(
                "the parts do not come to the announced digest",
                where=upload.digest,
                hint="build again and deploy that",
            )

    async def _keep_parts(self, digest: Digest, record: LayerRecord, tail: bytes) -> bool:
        packed = await self._layers.packed(record)
        if (packed.length, packed.crc, packed.size) != (record.layer_bytes, record.layer_crc, record.layer_size):
            return False
        if await anyio.to_thread.run_sync(artifact_digest, record, packed, tail) != digest:
            return False
        await anyio.to_thread.run_sync(self._write_tail, digest, record, tail)
        return True

    def _write_tail(self, digest: Digest, record: LayerRecord, tail: bytes) -> None:
        self._hold(digest, frozenset({record.base_layer, record.dependency_layer}))
        with written_aside(self._record(digest)) as stream:
            stream.write(record.model_dump_json().encode())
        with written_aside(self._tail(digest)) as stream:
            stream.write(tail)

    def _kept_record(self, digest: Digest) -> LayerRecord:
        if not self._tail(digest).is_file():
            raise _gone(digest)
        return LayerRecord.model_validate_json(self._record(digest).read_bytes())

    # --- out

    async def prepare(self, build_id: BuildId) -> Prepared:
        """Unpack a build unless it is, and name the layers under it.

        Raises:
            NotFound: no such build, or its artifact was collected.
            BuildFailed: the archive is damaged or hostile, or it cannot run on this computer.
        """
        build, record = await self._look_up(build_id)
        async with self._turn(build):
            known = self._prepared.get(_digest(build))
            if known is None:
                known = self._prepared[_digest(build)] = await self._prepare(build, record)
            return known

    async def _prepare(self, build: Build, record: LayerRecord | None) -> Prepared:
        digest = _digest(build)
        is_split = record is not None and await anyio.to_thread.run_sync(self._tail(digest).is_file)
        await anyio.to_thread.run_sync(self._unpack, digest, record if is_split else None)
        if record is not None and is_split:
            ground = await self._layers.of_record(record)
        else:
            manifest = await self._store.transact(lambda connection: builds.get_parsed_manifest(connection, build.id))
            ground = await self._layers.of_tree(self._code(digest), manifest, record)
        await anyio.to_thread.run_sync(self._hold, digest, ground.keys)
        return Prepared(self._code(digest), ground.pair)

    async def code_folder(self, build_id: BuildId) -> Path:
        """The unpacked files, wherever they can run. Raises as `prepare`."""
        build, record = await self._look_up(build_id)
        digest = _digest(build)
        async with self._turn(build):
            is_split = record is not None and await anyio.to_thread.run_sync(self._tail(digest).is_file)
            await anyio.to_thread.run_sync(self._unpack, digest, record if is_split else None)
        return self._code(digest)

    def _unpack(self, digest: Digest, record: LayerRecord | None) -> None:
        """The code part behind `record`'s layer, or the whole tree; nothing to do if it is there."""
        if self._code(digest).is_dir():
            return
        with disk_errors("the build cannot be unpacked"):
            self._unpack_aside(digest, record, self._aside())

    def _unpack_aside(self, digest: Digest, record: LayerRecord | None, aside: Path) -> None:
        aside.mkdir(mode=0o700)
        try:
            if record is not None:
                extract_tail(self._tail(digest), aside, layer_crc=record.layer_crc, layer_size=record.layer_size)
            else:
                extract_all(self._whole(digest), aside)
            protect(aside)
            aside.replace(self._code(digest))
        except FileNotFoundError as error:
            raise _gone(digest) from error
        finally:
            remove(aside)

    async def whole_file(self, build_id: BuildId) -> Path:
        """The build's .tar.gz, put together if it is kept in parts. Raises NotFound as `prepare`."""
        build, record = await self._look_up(build_id)
        digest = _digest(build)
        async with self._turn(build):
            for place in (self._whole(digest), self._assembled(digest)):
                if await anyio.to_thread.run_sync(place.is_file):
                    await anyio.to_thread.run_sync(os.utime, place)
                    return place
            if record is None or not await anyio.to_thread.run_sync(self._tail(digest).is_file):
                raise _gone(digest)
            packed = await self._layers.packed(record)
            await anyio.to_thread.run_sync(self._assemble, digest, record, packed)
            return self._assembled(digest)

    def _assemble(self, digest: Digest, record: LayerRecord, packed: PackedLayer) -> None:
        with disk_errors("the artifact cannot be put together"):
            assemble(record, packed, self._tail(digest).read_bytes(), self._assembled(digest))

    async def holds(self, digest: Digest) -> bool:
        """Whether the artifact is here, whole or in parts."""
        return await anyio.to_thread.run_sync(lambda: self._tail(digest).is_file() or self._whole(digest).is_file())

    # --- collected

    async def digests(self, *, older_than: float) -> frozenset[Digest]:
        """All that is kept here since before `older_than` (Unix seconds)."""
        return await anyio.to_thread.run_sync(self._digests, older_than)

    def _digests(self, older_than: float) -> frozenset[Digest]:
        places = [place for name in ("parts", "whole", "code") for place in (self._root / name).iterdir()]
        return frozenset(Digest(place.name.split(".")[0]) for place in places if changed_at(place) < older_than)

    async def remove(self, digest: Digest) -> None:
        """Let go of an artifact and of its layers."""
        self._prepared.pop(digest, None)
        self._turns.pop(digest, None)
        await anyio.to_thread.run_sync(self._remove, digest)

    def _remove(self, digest: Digest) -> None:
        for place in (self._tail(digest), self._whole(digest), self._assembled(digest)):
            place.unlink(missing_ok=True)
        remove(self._code(digest))
        self._record(digest).unlink(missing_ok=True)
        self._layers.release(self._held(digest), self._holds(digest))
        self._holds(digest).unlink(missing_ok=True)

    # --- layers

    def _held(self, digest: Digest) -> frozenset[LayerKey]:
        try:
            return frozenset(json.loads(self._holds(digest).read_bytes()))
        except FileNotFoundError:
            return frozenset()

    def _hold(self, digest: Digest, keys: frozenset[LayerKey]) -> None:
        """Noted before it is done, so that a hold that nobody remembers cannot be."""
        held = self._held(digest)
        if not keys <= held:
            with written_aside(self._holds(digest)) as stream:
                stream.write(json.dumps(sorted(keys | held)).encode())
        self._layers.hold(keys, self._holds(digest))

    async def remove_assembled(self, *, unused_since: float) -> None:
        """Whole files that nobody asked for since (Unix seconds); they can be made again."""
        await anyio.to_thread.run_sync(self._remove_assembled, unused_since)

    def _remove_assembled(self, unused_since: float) -> None:
        for place in (self._root / "assembled").iterdir():
            if place.stat().st_mtime < unused_since:
                place.unlink(missing_ok=True)

    # --- places

    async def _look_up(self, build_id: BuildId) -> tuple[Build, LayerRecord | None]:
        build, record = await self._store.transact(
            lambda connection: (builds.get_build(connection, build_id), builds.get_record(connection, build_id))
        )
        if build.gone:
            raise _gone(build.label)
        return build, record

    def _turn(self, build: Build) -> anyio.Lock:
        """One task at a time unpacks or assembles a digest."""
        return self._turns.setdefault(_digest(build), anyio.Lock())

    def _aside(self) -> Path:
        return self._root / "incoming" / secrets.token_hex(8)

    def _tail(self, digest: Digest) -> Path:
        return self._root / "parts" / f"{digest}.tail"

    def _record(self, digest: Digest) -> Path:
        return self._root / "parts" / f"{digest}.json"

    def _holds(self, digest: Digest) -> Path:
        return self._root / "holds" / f"{digest}.json"

    def _whole(self, digest: Digest) -> Path:
        return self._root / "whole" / f"{digest}.tar.gz"

    def _assembled(self, digest: Digest) -> Path:
        return self._root / "assembled" / f"{digest}.tar.gz"

    def _code(self, digest: Digest) -> Path:
        return self._root / "code" / digest


def _digest(build: Build) -> Digest:
    if build.digest is None:
        raise NotFound("this build has no artifact here", where=build.label, hint="deploy it again")
    return build.digest


def _gone(name: str) -> NotFound:
    return NotFound(
        "the build's artifact is gone",
        where=name,
        hint="deploy the source again; the last five builds of an environment are kept",
    )
