"""Builds: immutable, versioned artifacts of an app."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.document import Document
from flash_tui.models.identifiers import BuildId, Digest, LayerKey


class BuildReference(Document):
    """Enough to name a build anywhere; shown as `v14`."""

    id: BuildId
    version: int | None
    """Counts per app from 1. None on a target that numbers nothing."""
    digest: Digest | None

    @property
    def label(self) -> str:
        return f"v{self.version}" if self.version is not None else self.id


class Build(BuildReference):
    """One artifact and where it runs."""

    app: str
    source_digest: str | None
    size_bytes: int
    created_at: datetime
    runs_in: tuple[str, ...] = ()
    """Names of the environments in which this build serves now."""
    gone: bool = False
    """The artifact was collected; the build is history and no rollback target."""

    def reference(self) -> BuildReference:
        return BuildReference(id=self.id, version=self.version, digest=self.digest)


class RuntimePlatform(Document):
    """What an artifact was built for."""

    python: str
    """`3.11`: major and minor."""
    os: str
    """`linux` or `macos`."""
    architecture: str
    """`x86_64` or `aarch64`."""

    def __str__(self) -> str:
        return f"{self.os}-{self.architecture}-py{self.python}"


class LayerRecord(Document):
    """How an artifact is put together. Stands in the comment of the gzip header, which every other reader skips."""

    source_digest: Digest
    """Over layer key, user files and generator version: equal for equal sources on any machine."""
    dependency_layer: LayerKey
    base_layer: LayerKey
    sdk_version: str
    platform: RuntimePlatform
    layer_bytes: int
    """Length of the layer's deflate bytes, which begin right behind the gzip header; the code's follow them."""
    layer_crc: int
    layer_size: int
    """Length of the layer's part of the tar when inflated."""


class BuildUpload(Document):
    """What our extension is told with a build; the artifact's bytes behind the layer follow in the same body."""

    app: str
    digest: Digest
    """Of the whole artifact, layer included."""
    size_bytes: int
    record: LayerRecord
    manifest: dict[str, object]


class BuiltArtifact(Document):
    """The document of `flash-tui build`."""

    path: str
    digest: Digest
    source_digest: str
    size_bytes: int
    resources: tuple[str, ...]
    timings_ms: dict[str, float]


class CodeFile(Document):
    """One file of a build's code part, for comparing builds."""

    path: str
    """Relative, posix."""
    size: int
    """Bytes."""
    sha256: str
