"""Log lines of the SDK inside a worker. With an endpoint id set it prints JSON; people read its other form.

Source: runpod 1.12 `serverless/modules/rp_logger.py`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

_BEGINNING = '{"requestId":'
_COMPLAINTS = ("Error while returning job result.", "Failed to return job results.")


@dataclass(frozen=True, slots=True)
class SdkLine:
    job_id: str | None
    level: str
    message: str

    @property
    def text(self) -> str:
        """As the SDK itself prints it where there is no endpoint."""
        message = f"{self.job_id} | {self.message}" if self.job_id else self.message
        return f"{self.level:<7}| {message}"

    @property
    def complaint(self) -> str | None:
        """Why a result could not be sent, if this line says so."""
        if not self.message.startswith(_COMPLAINTS):
            return None
        return self.message.partition("|")[2].strip() or self.message


def parse_sdk_line(text: str) -> SdkLine | None:
    """None for a line that somebody else printed."""
    if not text.startswith(_BEGINNING):
        return None
    try:
        raw = json.loads(text)
    except ValueError:
        return None
    if not isinstance(raw, dict):
        return None
    line = cast("dict[str, Any]", raw)
    job_id = line.get("requestId")
    message, level = line.get("message"), line.get("level")
    if not isinstance(message, str) or not isinstance(level, str):
        return None
    return SdkLine(job_id if isinstance(job_id, str) else None, level, message)
