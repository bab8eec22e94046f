"""The build before, kept in the project's `.flash/`: an unchanged project starts no interpreter and no uv.

Two files: `flash-tui.json` and, beside it, the tail. Whoever finds them damaged, or of another format, builds anew.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flash_tui.build.prepared import PreparedBuild
from flash_tui.build.project import FLASH_FOLDER
from flash_tui.build.snapshot import Entry, Snapshot
from flash_tui.models.build import LayerRecord
from flash_tui.models.identifiers import Digest
from flash_tui.runtime.archive import PackedLayer, artifact_size, written_aside
from flash_tui.runtime.layers import Layer

_FORMAT = 1
_FACTS = "flash-tui.json"
_TAIL = "flash-tui.tail"
_ENTRY_FIELDS = tuple(field.name for field in fields(Entry))


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that decides a build but the layers, which follow from it."""

    source: str
    environment: str
    app: str
    python: str
    target: str
    generator: str
    """Our format, the pins and the interpreter of this flash-tui."""


@dataclass(frozen=True, slots=True)
class KeptBuild:
    """What the files say."""

    inputs: Inputs
    snapshot: Snapshot
    record: LayerRecord
    manifest: dict[str, Any]
    digest: Digest
    tail: bytes
    notes: tuple[str, ...]
    reached: dict[str, tuple[str, ...]]
    requirements_known: dict[str, tuple[tuple[str, ...], tuple[str, ...]]]

    def prepared(self, app: str, snapshot: Snapshot, layer: Layer, packed: PackedLayer) -> PreparedBuild | None:
        """The build again; None if the packed layer is not the one it was made with."""
        record = self.record
        if (packed.length, packed.crc, packed.size) != (record.layer_bytes, record.layer_crc, record.layer_size):
            return None
        return PreparedBuild(
            app=app,
            manifest=self.manifest,
            record=record,
            digest=self.digest,
            source_digest=record.source_digest,
            size_bytes=artifact_size(record, len(self.tail)),
            tail=self.tail,
            layer=layer,
            packed=packed,
            snapshot=snapshot,
            timings_ms={},
            notes=self.notes,
            reached=self.reached,
            requirements_known=self.requirements_known,
        )


def keep_build(root: Path, inputs: Inputs, build: PreparedBuild) -> None:
    """Write both files. A folder that cannot be written costs the next command a full build, no more. Blocks."""
    facts = {
        "format": _FORMAT,
        "inputs": asdict(inputs),
        "taken_at_ns": build.snapshot.taken_at_ns,
        "entries": {
            path: [getattr(entry, name) for name in _ENTRY_FIELDS] for path, entry in build.snapshot.entries.items()
        },
        "record": build.record.model_dump(mode="json"),
        "manifest": build.manifest,
        "digest": build.digest,
        "tail_sha256": sha256(build.tail).hexdigest(),
        "notes": build.notes,
        "reached": build.reached,
        "requirements_known": build.requirements_known,
    }
    folder = root / FLASH_FOLDER
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        with written_aside(folder / _TAIL) as stream:
            stream.write(build.tail)
        with written_aside(folder / _FACTS) as stream:
            stream.write(json.dumps(facts).encode())


def read_kept(root: Path) -> KeptBuild | None:
    """What the last build left; None if there is none, or it is not whole. Blocks."""
    folder = root / FLASH_FOLDER
    try:
        facts: dict[str, Any] = json.loads((folder / _FACTS).read_bytes())
        tail = (folder / _TAIL).read_bytes()
        if facts["format"] != _FORMAT or facts["tail_sha256"] != sha256(tail).hexdigest():
            return None
        return KeptBuild(
            inputs=Inputs(**facts["inputs"]),
            snapshot=Snapshot(
                {path: Entry(*values) for path, values in facts["entries"].items()},
                facts["taken_at_ns"],
                tuple(facts["notes"]),
            ),
            record=LayerRecord.model_validate(facts["record"]),
            manifest=facts["manifest"],
            digest=Digest(facts["digest"]),
            tail=tail,
            notes=tuple(facts["notes"]),
            reached={name: tuple(paths) for name, paths in facts["reached"].items()},
            requirements_known={
                key: (tuple(wanted), tuple(left_out)) for key, (wanted, left_out) in facts["requirements_known"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return None
