"""What the watch says to people, and what it refuses."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from flash_tui.cli.main import run
from flash_tui.cli.output import Output
from flash_tui.cli.watch import Teller, shown_paths
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.watch_events import WatchEvent


def told(*events: tuple[str, dict[str, object]]) -> tuple[str, str]:
    """Stdout and stderr after some events."""
    stdout, stderr = io.StringIO(), io.StringIO()
    teller = Teller(Output(stdout=stdout, stderr=stderr), "dev")
    for name, fields in events:
        teller(WatchEvent.model_validate({"event": name, "at": datetime(2026, 1, 1, tzinfo=UTC), **fields}))
    return stdout.getvalue(), stderr.getvalue()


def test_one_line_says_what_is_live_and_where_the_time_went() -> None:
    fields = {"version": 41, "paths": ("api.py",), "elapsed_ms": 181.7, "stages_ms": {"notice": 16.0, "boot": 71.2}}
    stdout, _ = told(("change", {"paths": ("api.py",)}), ("build", {}), ("deploy", {"version": 41}), ("live", fields))
    assert stdout == "dev  v41 live, api.py saved, 182 ms (notice 16, boot 71)\n"


def test_a_failure_says_what_still_serves_and_where_to_look() -> None:
    error = ErrorDocument(code="build_failed", what="NameError: x", file="api.py", line=3, hint="save again")
    stdout, stderr = told(("failed", {"stage": "discover", "version": 40, "error": error}))
    assert stdout == "dev  failed at discover; v40 still live\n"
    assert stderr == "error: NameError: x\n  at api.py:3\n\nhint: save again\n"


def test_what_is_to_be_noted_is_said_while_it_is_new() -> None:
    one, two = ("build", {"notes": ("torch is not packed",)}), ("build", {"notes": ("torch is not packed", "b")})
    _, stderr = told(one, one, two, ("build", {}), one)
    assert stderr.splitlines() == ["dev  note: torch is not packed", "dev  note: b", "dev  note: torch is not packed"]


def test_why_nothing_happens_is_said_in_words() -> None:
    _, stderr = told(("paused", {"reason": "dev was rolled back to v3"}), ("unchanged", {"reason": "the same content"}))
    assert stderr == "dev  paused: dev was rolled back to v3\ndev  unchanged: the same content\n"


def test_many_saved_files_are_counted() -> None:
    assert shown_paths(("a", "b", "c", "d", "e")) == "a, b, c and 2 more"


@pytest.mark.parametrize("words", [["--target", "runpod"], ["--env", "dev"], []])
def test_a_target_that_costs_money_is_watched_only_if_asked_for_by_name(words, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FLASH_TUI_HOME", str(tmp_path / "home"))
    (tmp_path / "pyproject.toml").write_text('[tool.flash-tui]\ntarget = "runpod"\n')
    assert run(["watch", str(tmp_path), *words]) == 2
    assert "flash-tui watch --target runpod --env dev" in capsys.readouterr().err
