"""Where a platform is reached and who runs it."""

from __future__ import annotations

from datetime import datetime

from flash_tui.models.document import Document


class PlatformDocument(Document):
    """The address file, and the answer to the question after a platform's health."""

    pid: int
    url: str
    """Origin: scheme, host and port, without a slash at its end."""
    home: str
    """Absolute path of its FLASH_TUI_HOME."""
    version: str
    started_at: datetime

    def uptime_s(self, now: datetime) -> float:
        """Seconds since it started."""
        return max(0.0, (now - self.started_at).total_seconds())


class LoginDocument(Document):
    """A program asks for the platform's key; a person approves or denies it."""

    id: str
    status: str
    """`PENDING`, `APPROVED`, `DENIED`, `EXPIRED`, `CONSUMED`."""
    created_at: datetime
    expires_at: datetime
