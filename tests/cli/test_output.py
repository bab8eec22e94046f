"""Data on stdout, words on stderr, colour only where a person looks."""

from __future__ import annotations

import io
import json

from flash_tui.cli.output import Output
from flash_tui.cli.progress import Progress
from flash_tui.models.errors import BuildFailed
from flash_tui.models.job import QueueAnswer
from flash_tui.models.release import StageReport
from flash_tui.models.states import JobStatus, Stage


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def an_output(
    stream: type[io.StringIO] = io.StringIO, *, as_json: bool = False
) -> tuple[Output, io.StringIO, io.StringIO]:
    stdout, stderr = stream(), stream()
    return Output(as_json=as_json, stdout=stdout, stderr=stderr), stdout, stderr


def test_models_anywhere_in_a_document_become_json() -> None:
    output, stdout, _ = an_output(as_json=True)
    answer = QueueAnswer(endpoint="e", environment="dev", build=3, status=JobStatus.COMPLETED, output={"a": (1, 2)})
    output.document([{"answer": answer}])
    assert json.loads(stdout.getvalue())[0]["answer"]["output"] == {"a": [1, 2]}


def test_progress_stays_off_what_is_no_terminal() -> None:
    output, stdout, stderr = an_output()
    output.transient("working …")
    assert stdout.getvalue() == stderr.getvalue() == ""


def test_progress_gives_way_to_the_next_line() -> None:
    output, _, stderr = an_output(Terminal)
    output.transient("working …")
    output.say("done")
    assert stderr.getvalue() == "working …\r\x1b[2Kdone\n"


def test_what_is_to_be_noted_about_a_build_stands_on_a_line_of_its_own() -> None:
    output, stdout, stderr = an_output(as_json=True)
    Progress(output)(StageReport(Stage.PACK, note="torch is not packed"))
    assert (stdout.getvalue(), stderr.getvalue()) == ("", "note: torch is not packed\n")


def test_colour_needs_a_terminal_and_no_wish_against_it(monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert an_output(Terminal)[0].coloured("x", "red") == "\x1b[31mx\x1b[0m"
    assert an_output()[0].coloured("x", "red") == "x"
    monkeypatch.setenv("NO_COLOR", "1")
    assert an_output(Terminal)[0].coloured("x", "red") == "x"


def test_an_error_names_the_place_and_shows_the_users_frames() -> None:
    output, stdout, stderr = an_output(as_json=True)
    output.error(
        BuildFailed("no module named 'nothing'", file="api.py", line=3, traceback="  File …", hint="h").document()
    )
    assert "at api.py:3" in stderr.getvalue()
    assert json.loads(stdout.getvalue())["error"] == {
        "code": "build_failed",
        "what": "no module named 'nothing'",
        "where": "",
        "hint": "h",
        "file": "api.py",
        "line": 3,
        "traceback": "  File …",
    }


def test_a_table_aligns_its_columns() -> None:
    output, stdout, _ = an_output()
    output.table(("app", "builds"), [("a-long-name", "3"), ("b", "12")])
    assert stdout.getvalue() == "app          builds\na-long-name  3\nb            12\n"


def test_an_empty_table_says_so_on_stderr_alone() -> None:
    output, stdout, stderr = an_output()
    output.table(("app",), [])
    assert (stdout.getvalue(), stderr.getvalue()) == ("", "nothing there\n")
