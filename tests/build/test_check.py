from __future__ import annotations

import pytest

from flash_tui.build.check import check_syntax
from flash_tui.models.errors import BuildFailed


def failure_of(*modules: tuple[str, bytes]) -> BuildFailed:
    with pytest.raises(BuildFailed) as failure:
        check_syntax(modules)
    return failure.value


def test_good_modules_pass_and_none_of_them_runs() -> None:
    check_syntax([("a.py", b"raise SystemExit"), ("empty.py", b""), ("latin.py", b"# coding: latin-1\nX = '\xe9'\n")])


def test_a_warning_is_no_error() -> None:
    check_syntax([("a.py", b"X = '\\d'\nassert (1, 'x')\n")])


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        (b"x = (1,\n", 1, "never closed"),
        (b"def f():\nreturn 1\n", 2, "indented block"),
        (b"return 1\n", 1, "outside function"),
        (b"await x\n", 1, "outside function"),
        (b"x = 1\n\ty = 2\n", 2, "indent"),
        (b"\xff\xfe", None, "unicode|utf-8"),
        (b"x = 1\0", None, "null bytes"),
    ],
)
def test_an_error_has_file_line_and_words(source: bytes, line: int | None, words: str) -> None:
    failure = failure_of(("pkg/a.py", source))
    assert failure.file == "pkg/a.py"
    assert line is None or failure.line == line
    assert any(word in failure.what for word in words.split("|"))


def test_the_caret_is_shown() -> None:
    assert "    x = = 1\n        ^\n" in (failure_of(("a.py", b"x = = 1\n")).traceback or "")


def test_nesting_beyond_the_parser_is_an_error_like_another() -> None:
    assert failure_of(("deep.py", b"(" * 10_000)).file == "deep.py"


def test_several_errors_are_counted() -> None:
    assert "and 2 more files" in failure_of(*((f"{i}.py", b"(") for i in range(3))).what
