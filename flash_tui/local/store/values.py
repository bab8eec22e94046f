"""How ids, times and documents are written into columns."""

from __future__ import annotations

import json
import re
import secrets
from datetime import UTC, datetime
from typing import Any, TypeVar

from flash_tui.models.build import BuildReference
from flash_tui.models.document import Document
from flash_tui.models.errors import UsageError
from flash_tui.models.identifiers import BuildId, Digest

MAX_NAME_CHARS = 100

_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]{1,100}")

D = TypeVar("D", bound=Document)


def random_text(length: int) -> str:
    """Lower-case letters and digits: 5 bits and more each."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def new_id(prefix: str) -> str:
    """`build_` and sixteen random characters."""
    return f"{prefix}_{random_text(16)}"


def new_endpoint_id() -> str:
    """Letters and digits only: it becomes a part of host names."""
    return f"ep{random_text(14)}"


def now_utc() -> datetime:
    return datetime.now(UTC)


def as_text(moment: datetime) -> str:
    """Fixed width, so that texts sort as the moments do."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def now_text() -> str:
    return as_text(now_utc())


def as_moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def maybe_moment(text: str | None) -> datetime | None:
    return None if text is None else as_moment(text)


def as_json(value: object) -> str:
    """Compact; NaN and infinities stay as Python writes them, since job results hold them."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def from_json(text: str) -> Any:  # noqa: ANN401 - JSON is anything
    return json.loads(text)


def document_json(document: Document | None) -> str | None:
    return None if document is None else document.model_dump_json()


def maybe_document(kind: type[D], text: str | None) -> D | None:
    return None if text is None else kind.model_validate_json(text)


def maybe_reference(build_id: str | None, version: int | None, digest: str | None) -> BuildReference | None:
    """The reference that three joined columns hold, or None where there is no build."""
    if build_id is None:
        return None
    return BuildReference(id=BuildId(build_id), version=version, digest=None if digest is None else Digest(digest))


def checked_name(name: str, noun: str) -> str:
    """A name that can stand in a URL path and on one line of a screen.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name) or name in {".", ".."} or name != name.strip():
        raise UsageError(
            f"{name[:MAX_NAME_CHARS]!r} cannot be the name of an {noun}",
            where=noun,
            hint=f"use 1 to {MAX_NAME_CHARS} characters without slashes, control characters or spaces at the ends",
        )
    return name
