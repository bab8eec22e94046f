"""Lines that workers and deployments wrote."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.document import Document


class LogLine(Document):
    """One line, without its line end, escape sequences as the worker wrote them."""

    at: datetime
    app: str
    environment: str
    endpoint: str | None
    worker: str | None
    build: int | None
    stream: str
    """`stdout` or `stderr` of a worker, `system` for what the platform says."""
    text: str
