"""A build in memory: all that a platform needs to have handed over, and nothing written yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flash_tui.build.import_graph import Subject
from flash_tui.build.snapshot import Snapshot
from flash_tui.models.build import LayerRecord
from flash_tui.models.identifiers import Digest
from flash_tui.runtime.archive import PackedLayer
from flash_tui.runtime.layers import Layer


@dataclass(frozen=True, slots=True)
class PreparedBuild:
    """One artifact in its parts: layer (a file of the store) and tail."""

    app: str
    manifest: dict[str, Any]
    record: LayerRecord
    digest: Digest
    """sha256 of the whole file, whether it is ever written or not."""
    source_digest: Digest
    size_bytes: int
    """Of the whole file."""
    tail: bytes
    layer: Layer
    packed: PackedLayer
    snapshot: Snapshot
    timings_ms: dict[str, float]
    notes: tuple[str, ...] = ()
    """What a person should know, one sentence each."""
    reached: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Resource → project files imported with its module in discovery."""
    printed: str = ""
    """What user modules wrote while they were imported."""
    requirements_known: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(
        default_factory=dict[str, tuple[tuple[str, ...], tuple[str, ...]]]
    )
    """For the next build: what the requirements were collected from → (requirements, left out)."""

    @property
    def subject(self) -> Subject:
        """What decides whether workers of another build may go on."""
        record = self.record
        ground = f"{record.dependency_layer} {record.base_layer} {record.platform}"
        return Subject(self.snapshot, self.manifest.get("resources", {}), self.reached, ground)
