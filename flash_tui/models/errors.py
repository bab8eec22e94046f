"""The error family: what happened, where, what to do.

    FlashTuiError        1  build_failed, boot_failed, conflict, …
    ├── UsageError       2  usage
    ├── NotFound         3  not_found
    ├── Unauthorised     4  unauthorised
    ├── TargetUnreachable 5 unreachable
    ├── BuildFailed      1  build_failed   (file, line, the user's traceback)
    ├── BootFailed       1  boot_failed    (the worker's traceback)
    ├── Conflict         1  conflict
    └── Interrupted      130 interrupted

Foreign exceptions become one of these at the rim of the package that called the foreign code, always `from error`.
"""

from __future__ import annotations

from typing import ClassVar

from flash_tui.models.document import Document


class ErrorDocument(Document):
    """An error as JSON: on the wire, in command output, in records."""

    code: str
    what: str
    where: str = ""
    hint: str = ""
    file: str | None = None
    line: int | None = None
    traceback: str | None = None


class FlashTuiError(Exception):
    """Something the user should read. `what` happened, `where`, and a `hint` at what to do."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "failed"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        file: str | None = None,
        line: int | None = None,
        traceback: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint
        self.file = file
        self.line = line
        self.traceback = traceback

    def document(self) -> ErrorDocument:
        return ErrorDocument(
            code=self.code,
            what=self.what,
            where=self.where,
            hint=self.hint,
            file=self.file,
            line=self.line,
            traceback=self.traceback,
        )


class UsageError(FlashTuiError):
    exit_code = 2
    code = "usage"


class NotFound(FlashTuiError):
    exit_code = 3
    code = "not_found"


class Unauthorised(FlashTuiError):
    exit_code = 4
    code = "unauthorised"


class TargetUnreachable(FlashTuiError):
    exit_code = 5
    code = "unreachable"


class BuildFailed(FlashTuiError):
    """The user's source does not build. `traceback` holds the user's frames only."""

    code = "build_failed"


class BootFailed(FlashTuiError):
    """A new build's workers did not become healthy; the old build goes on serving."""

    code = "boot_failed"


class Conflict(FlashTuiError):
    """Somebody else changed the environment since it was looked at."""

    code = "conflict"


class Interrupted(FlashTuiError):
    exit_code = 130
    code = "interrupted"


_FAMILY: dict[str, type[FlashTuiError]] = {
    family.code: family
    for family in (
        UsageError,
        NotFound,
        Unauthorised,
        TargetUnreachable,
        BuildFailed,
        BootFailed,
        Conflict,
        Interrupted,
    )
}


def error_from_document(document: ErrorDocument) -> FlashTuiError:
    """The exception that a peer's error document stands for; an unknown code is a plain `FlashTuiError`."""
    family = _FAMILY.get(document.code, FlashTuiError)
    return family(
        document.what,
        where=document.where,
        hint=document.hint,
        file=document.file,
        line=document.line,
        traceback=document.traceback,
    )
