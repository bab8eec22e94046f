"""The parser, the error boundary, and what the start costs."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import anyio
import pytest

from flash_tui.cli import main as main_module
from flash_tui.cli.main import load_handler, run
from flash_tui.cli.options import Invocation, ParseFailed
from flash_tui.cli.parser import build_parser, parse
from flash_tui.models.errors import (
    Conflict,
    FlashTuiError,
    Interrupted,
    NotFound,
    TargetUnreachable,
    Unauthorised,
    UsageError,
)

HEAVY = {"pydantic", "httpx", "textual", "watchfiles", "starlette", "uvicorn", "anyio", "asyncio"}


def loaded_by(*words: str) -> set[str]:
    """The top-level modules that a command line loads, in an interpreter of its own."""
    script = (
        "import sys; from flash_tui.cli.main import run\n"
        "try: run(sys.argv[1:])\n"
        "finally: print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=False)
    return {line.partition(".")[0] for line in done.stderr.splitlines()}


@pytest.mark.parametrize("words", [("--help",), ("deploy", "--help"), ("--version",), ("platform", "--help")])
def test_help_loads_the_standard_library_only(words: tuple[str, ...]) -> None:
    assert not loaded_by(*words) & HEAVY


def test_no_verb_loads_textual() -> None:
    handlers = {handler for _, handler in all_commands()} - {"flash_tui.cli.tui:open_tui"}
    script = "import sys; from flash_tui.cli.main import load_handler\n" + "\n".join(
        f"load_handler({handler!r})" for handler in sorted(handlers)
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nassert not {{'textual', 'starlette'}} & set(sys.modules)"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def all_commands() -> list[tuple[str, str]]:
    """(command, handler) of all that can be run."""
    found: list[tuple[str, str]] = []
    waiting = [build_parser()[0]]
    while waiting:
        parser = waiting.pop()
        if handler := parser.get_default("handler"):
            found.append((parser.prog, handler))
        for action in parser._actions:
            if isinstance(action.choices, dict):
                waiting += action.choices.values()
    return found


@pytest.mark.parametrize(("command", "handler"), all_commands(), ids=lambda value: value)
def test_every_command_has_a_handler(command: str, handler: str) -> None:
    assert callable(load_handler(handler)), command


def test_every_command_takes_a_target() -> None:
    groups = {"app", "env", "builds", "endpoint", "volume", "job", "platform"}
    for command, _ in all_commands():
        words = command.split()[1:]
        parser = build_parser()[0]
        for word in words:
            parser = next(a for a in parser._actions if isinstance(a.choices, dict)).choices[word]
        assert words[-1] in groups or "--target" in parser.format_help(), command


def test_without_a_command_the_ui_opens_on_the_folder() -> None:
    arguments = parse(["--env", "staging", "--read-only", "."])
    assert arguments.handler == "flash_tui.cli.tui:open_tui"
    assert (arguments.project, arguments.environment, arguments.read_only) == (".", "staging", True)


def test_a_project_named_like_a_command_is_written_with_a_dot(tmp_path, monkeypatch) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse(["demo"]).handler == "flash_tui.cli.project:demo"
    assert parse(["./demo"]).handler == "flash_tui.cli.tui:open_tui"


def test_a_mistyped_command_is_told_with_a_guess() -> None:
    with pytest.raises(ParseFailed, match="did you mean the command `promote`"):
        parse(["promot"])


def test_a_target_may_stand_before_the_command() -> None:
    assert parse(["--target", "runpod", "status"]).target == "runpod"
    assert parse(["status", "--target", "local"]).target == "local"


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (FlashTuiError("x"), 1, "failed"),
        (Conflict("x"), 1, "conflict"),
        (UsageError("x"), 2, "usage"),
        (NotFound("x"), 3, "not_found"),
        (Unauthorised("x"), 4, "unauthorised"),
        (TargetUnreachable("x"), 5, "unreachable"),
        (Interrupted("x"), 130, "interrupted"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (ExceptionGroup("several", [NotFound("x")]), 3, "not_found"),
        (BaseExceptionGroup("several", [KeyboardInterrupt(), NotFound("x")]), 130, "interrupted"),
        (ZeroDivisionError("x"), 1, "failed"),
    ],
)
def test_each_error_has_its_exit_code_and_document(error, code, word, capsys, monkeypatch) -> None:
    def fails(_invocation: Invocation) -> int:
        raise error

    monkeypatch.setattr(main_module, "load_handler", lambda _reference: fails)
    assert run(["status", "--json"]) == code
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert list(document) == ["error"]
    assert document["error"]["code"] == word
    assert {"code", "what", "where", "hint"} <= set(document["error"])
    assert "error:" in captured.err


def test_an_interruption_lets_a_shielded_step_end(capsys, monkeypatch) -> None:
    done: list[str] = []

    async def ships(_invocation: Invocation) -> int:
        await anyio.lowlevel.checkpoint()  # who listens for the signal has its turn
        with anyio.CancelScope(shield=True):
            signal.raise_signal(signal.SIGINT)
            await anyio.wait_all_tasks_blocked()
            done.append("asked")
        await anyio.sleep(30)
        return 0

    monkeypatch.setattr(main_module, "load_handler", lambda _reference: ships)
    assert run(["status"]) == 130
    assert done == ["asked"]
    assert "interrupted" in capsys.readouterr().err


def test_words_alone_go_to_stderr_without_json(capsys, monkeypatch) -> None:
    def fails(_invocation: Invocation) -> int:
        raise NotFound("no such app", where="apps/x", hint="flash-tui app list")

    monkeypatch.setattr(main_module, "load_handler", lambda _reference: fails)
    assert run(["status"]) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: no such app\n  at apps/x\n\nhint: flash-tui app list\n"


@pytest.mark.parametrize("words", [["app", "delete", "--json"], ["nonsense", "--json"], ["deploy", "--json", "--bad"]])
def test_a_usage_error_is_a_document_too(words: list[str], capsys) -> None:
    assert run(words) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"


@pytest.mark.parametrize(
    "words",
    [
        ["call", "api", "{}", "--route", "POST /x", "-e", "dev"],
        ["call", "api", "--route", "POST /x", "{}", "-e", "dev"],
        ["call", "--route", "POST /x", "-e", "dev", "api", "{}"],
        ["call", "-edev", "--route=POST /x", "api", "{}"],
    ],
)
def test_options_may_stand_anywhere(words: list[str]) -> None:
    arguments = parse(words)
    assert (arguments.endpoint, arguments.body, arguments.route, arguments.environment) == (
        "api",
        "{}",
        "POST /x",
        "dev",
    )


def test_what_stands_behind_two_dashes_is_left_as_it_is() -> None:
    assert parse(["platform", "run", "--", "flash", "deploy", "--env", "x"]).command[-2:] == ["--env", "x"]
    assert parse(["call", "api", "-"]).body == "-"


def test_async_handlers_are_awaited(monkeypatch) -> None:
    async def seven(_invocation: Invocation) -> int:
        return 7

    monkeypatch.setattr(main_module, "load_handler", lambda _reference: seven)
    assert run(["status"]) == 7


def test_the_ui_needs_a_terminal(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run([str(tmp_path)]) == 2
    assert "the UI needs a terminal" in capsys.readouterr().err


def test_a_reader_that_went_away_is_no_error(tmp_path) -> None:
    command = f"{sys.executable} -m flash_tui completion fish | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""


def test_help_has_examples_for_what_is_done_daily() -> None:
    parser, _ = build_parser()
    commands = next(a for a in parser._actions if isinstance(a.choices, dict)).choices
    for name in ("deploy", "promote", "rollback", "call", "watch", "demo", "logs"):
        assert "examples:" in commands[name].format_help(), name
