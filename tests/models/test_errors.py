from __future__ import annotations

import pytest

from flash_tui.models.errors import (
    BuildFailed,
    Conflict,
    ErrorDocument,
    FlashTuiError,
    Interrupted,
    NotFound,
    TargetUnreachable,
    Unauthorised,
    UsageError,
    error_from_document,
)


@pytest.mark.parametrize(
    ("family", "exit_code"),
    [
        (FlashTuiError, 1),
        (BuildFailed, 1),
        (Conflict, 1),
        (UsageError, 2),
        (NotFound, 3),
        (Unauthorised, 4),
        (TargetUnreachable, 5),
        (Interrupted, 130),
    ],
)
def test_each_error_has_its_exit_code(family: type[FlashTuiError], exit_code: int) -> None:
    assert family("what").exit_code == exit_code


def test_an_error_survives_the_wire() -> None:
    sent = BuildFailed("NameError: x", where="resize.py:31", hint="define x", file="resize.py", line=31, traceback="…")
    received = error_from_document(ErrorDocument.model_validate_json(sent.document().model_dump_json()))
    assert type(received) is BuildFailed
    assert received.document() == sent.document()


def test_a_code_of_a_newer_peer_is_still_an_error_that_says_what() -> None:
    assert error_from_document(ErrorDocument(code="quota", what="too many apps")).what == "too many apps"
