"""Presenters by table: model in, words out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from flash_tui.models.job import HttpAnswer, QueueAnswer
from flash_tui.models.snapshot import Link, LinkState, Notice, NoticeKind, Snapshot
from flash_tui.models.states import Cause, EndpointState, JobStatus, Outcome, WorkerState
from flash_tui.models.watch_view import WatchView
from flash_tui.tui.editor import command
from flash_tui.tui.present.ages import next_change_s
from flash_tui.tui.present.answer import answer_lines, verdict
from flash_tui.tui.present.dev_loop import dev_loop_lines, file_names
from flash_tui.tui.present.footer import Hint, footer_line, hint_at
from flash_tui.tui.present.history import day_name, entries, stage_bar
from flash_tui.tui.present.log_lines import level, log_line
from flash_tui.tui.present.notice import notice_line
from flash_tui.tui.present.outline import Outline
from flash_tui.tui.present.reasons import reason
from flash_tui.tui.present.signs import endpoint_sign
from flash_tui.tui.present.text_field import TextField
from flash_tui.tui.present.traffic import a_minute, dots, summed
from flash_tui.tui.project import holds_project
from flash_tui.tui.screens.invoke import json_problem
from flash_tui.tui.view import View
from tests.builders import (
    APP,
    NOW,
    a_deployment,
    a_line,
    a_photo_shop,
    a_settings,
    a_snapshot,
    a_traffic,
    a_watch,
    a_watch_event,
    a_worker,
    ago,
    an_endpoint,
    an_environment,
    an_error,
)

READY = a_watch_event("ready", environment="dev", files=38, version=14)


@pytest.mark.parametrize(
    ("watch", "words"),
    [
        (WatchView(), "not watching"),
        (a_watch(READY), "watching 38 files"),
        (a_watch(), "live in 412 ms"),
        (a_watch(READY, a_watch_event("change", paths=["a/api.py"])), "saving  api.py"),
        (
            a_watch(READY, a_watch_event("failed", stage="check", error=an_error())),
            "save failed  resize.py:31 NameError",
        ),
        (a_watch(READY, a_watch_event("paused", reason="rolled back")), "watch paused  rolled back"),
        (a_watch(READY, a_watch_event("waiting", reason="unreachable")), "watch waits  unreachable"),
    ],
)
def test_the_dev_loop_line_in_each_of_its_states(watch: WatchView, words: str) -> None:
    (line,) = dev_loop_lines(watch, an_environment(), 120, 1, NOW, 0)
    assert words in line.text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_verdict_of_a_save_is_never_dropped(width: int) -> None:
    failed = a_watch(READY, a_watch_event("failed", stage="check", error=an_error()))
    assert "save failed" in dev_loop_lines(failed, an_environment(), width, 1, NOW, 0)[0].text
    assert "live in 412 ms" in dev_loop_lines(a_watch(), an_environment(), width, 1, NOW, 0)[0].text


def test_a_failed_save_says_in_the_same_breath_what_serves() -> None:
    failed = a_watch(READY, a_watch_event("failed", stage="boot", error=an_error()))
    assert "v14 still serves" in dev_loop_lines(failed, an_environment(), 120, 1, NOW, 0)[0].text


@pytest.mark.parametrize(
    ("paths", "words"),
    [((), ""), (("src/api.py",), "api.py"), (("a.py", "b.py"), "a.py, b.py"), (("a.py", "b", "c"), "a.py and 2 more")],
)
def test_saved_files_in_a_few_words(paths: tuple[str, ...], words: str) -> None:
    assert file_names(paths) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ERROR something", "error"),
        ("ValueError: image is 0 bytes", "error"),
        ("Traceback (most recent call last):", "error"),
        ("WARNING: careful", "warning"),
        ("0 errors, all well", ""),
        ("GET /errors 200", ""),
    ],
)
def test_levels_are_read_from_words(text: str, expected: str) -> None:
    assert level(text) == expected


def test_a_system_line_is_ruled() -> None:
    assert log_line(a_line("v14 live", stream="system"), 60, 8).text.endswith("─")


def test_the_end_of_a_long_line_is_reached_by_shifting() -> None:
    line = a_line("x" * 80 + "end")
    assert "end" not in log_line(line, 60, 4).text
    assert "end" in log_line(line, 60, 4, shift=64).text


@pytest.mark.parametrize(
    ("state", "workers", "word"),
    [
        (EndpointState.HEALTHY, (WorkerState.RUNNING,), "running"),
        (EndpointState.HEALTHY, (), "idle"),
        (EndpointState.HEALTHY, (WorkerState.THROTTLED,), "throttled"),
        (EndpointState.STARTING, (), "starting"),
        (EndpointState.UNHEALTHY, (WorkerState.RUNNING,), "unhealthy"),
        (EndpointState.CLOUD_ONLY, (), "cloud only"),
        (EndpointState("paused"), (), "paused"),
    ],
)
def test_what_an_endpoint_does_now(state: EndpointState, workers: tuple[WorkerState, ...], word: str) -> None:
    endpoint = an_endpoint(state=state, workers=tuple(a_worker(state=one) for one in workers))
    assert endpoint_sign(endpoint).word == word


def test_traffic_ends_now_whatever_the_lengths() -> None:
    endpoints = (an_endpoint(traffic=a_traffic(1, 2, 3)), an_endpoint(traffic=a_traffic(10)))
    assert summed(endpoints) == (1, 2, 13)
    assert a_minute((100, 1, 1, 1, 1, 1, 1)) == 6


def test_empty_samples_are_a_base_line_and_any_traffic_rises_above_it() -> None:
    (row,) = dots((0, 0, 5, 5), 2)
    assert row[0] == ("⣀", "rail")
    assert row[1] == ("⣿", "soft")


@pytest.mark.parametrize(
    ("verb", "key", "why"),
    [
        ("environment.promote", ("environment", APP, "dev"), ""),
        ("environment.promote", ("environment", APP, "production"), "production is last"),
        ("environment.rollback", ("environment", APP, "dev"), ""),
        ("environment.rollback", ("environment", "doc-search", "dev"), "nothing ran before"),
        ("act.cancel", ("environment", APP, "dev"), "nothing runs"),
        ("endpoint.invoke", ("endpoint", APP, "dev", "api"), ""),
        ("environment.promote", ("environment", APP, "qa"), "qa is last"),
        ("build.diff", ("build", APP, "build_7"), "first build"),
    ],
)
def test_a_verb_that_does_nothing_has_a_reason(verb: str, key: tuple[str, ...], why: str) -> None:
    assert reason(verb, View(a_photo_shop(), a_settings(), key)) == why


def test_offline_and_read_only_turn_off_what_changes() -> None:
    view = View(a_photo_shop(), a_settings(), ("environment", APP, "dev"))
    lost = replace(a_photo_shop(), link=Link(LinkState.LOST, NOW))
    assert reason("environment.promote", replace(view, snapshot=lost)) == "target unreachable"
    assert reason("environment.promote", replace(view, is_read_only=True)) == "read only"
    assert reason("environment.history", replace(view, snapshot=lost)) == ""


def test_the_notice_that_needs_you_stands_before_what_passes() -> None:
    snapshot = Snapshot().with_notice(Notice(NoticeKind.FAILED, "did not boot", key="esc", verb="dismiss"))
    line = notice_line(snapshot.with_notice(Notice(NoticeKind.PASSING, "copied")), "local", 80, NOW)
    assert "did not boot" in line.text
    assert "esc dismiss" in line.text


def test_the_footer_drops_the_least_and_keeps_the_last() -> None:
    hints = [Hint("p", "promote", rank=1), Hint("x", "cancel", rank=9), Hint("u", "roll back", rank=2)]
    text = footer_line(hints, Hint("?", "keys"), 36).text
    assert text.startswith("  p promote   u roll back")
    assert text.endswith("? keys")
    assert "cancel" not in text


def test_a_click_on_the_footer_finds_its_key() -> None:
    hints, last = [Hint("p", "promote"), Hint("u", "roll back")], Hint("?", "keys")
    assert hint_at(hints, last, 80, 3) is hints[0]
    assert hint_at(hints, last, 80, 15) is hints[1]
    assert hint_at(hints, last, 80, 77) is last
    assert hint_at(hints, last, 80, 40) is None


@pytest.mark.parametrize(("seconds", "wait"), [(4.2, 0.8), (61, 59), (3599, 1), (7200, 3600), (90_000, None), (-5, 5)])
def test_no_timer_ticks_before_an_age_reads_differently(seconds: float, wait: float | None) -> None:
    snapshot = a_snapshot(an_environment(updated_at=ago(seconds=seconds)))
    found = next_change_s(snapshot, NOW)
    assert found == (None if wait is None else pytest.approx(wait, abs=0.1))


def test_days_are_told_where_they_change() -> None:
    acts = [a_deployment(1), a_deployment(2, started_at=ago(days=1)), a_deployment(3, started_at=ago(days=1.01))]
    found = entries(acts, NOW.astimezone().date())
    assert [isinstance(one, date) for one in found] == [False, True, False, False]
    assert day_name(date(2025, 11, 23), date(2025, 11, 24)) == "yesterday"
    assert day_name(date(2025, 11, 15), date(2025, 11, 24)) == "15 November"


def test_the_stage_bar_of_a_failure_ends_in_bad() -> None:
    act = a_deployment(outcome=Outcome.FAILED, took_ms=6200, cause=Cause.PROMOTE)
    assert stage_bar(act)[-1][1] == "bad"
    assert len("".join(text for text, _ in stage_bar(act))) > len(
        "".join(text for text, _ in stage_bar(a_deployment(took_ms=100)))
    )


@pytest.mark.parametrize(
    ("answer", "glyph"),
    [
        (QueueAnswer(endpoint="a", environment="dev", build=1, status=JobStatus.COMPLETED), "✓"),
        (QueueAnswer(endpoint="a", environment="dev", build=1, status=JobStatus.FAILED, error="boom"), "✗"),
        (HttpAnswer(endpoint="a", environment="dev", build=1, status_code=200, headers={}, elapsed_ms=3), "✓"),
        (HttpAnswer(endpoint="a", environment="dev", build=1, status_code=502, headers={}, elapsed_ms=3), "✗"),
    ],
)
def test_the_verdict_of_an_answer(answer: QueueAnswer | HttpAnswer, glyph: str) -> None:
    assert verdict(answer)[0][0] == glyph


def test_an_answer_is_laid_out_as_json_after_its_error() -> None:
    answer = QueueAnswer(
        endpoint="a", environment="dev", build=1, status=JobStatus.FAILED, error="boom\nframe", output={"a": [1]}
    )
    texts = [line.text.strip() for line in answer_lines(answer, 60)]
    assert texts == ["boom", "frame", "{", '"a": [', "1", "]", "}"]


@pytest.mark.parametrize(("text", "problem"), [("", ""), ("{}", ""), ("{\n1", "line 2"), ("nul", "line 1")])
def test_what_is_wrong_with_json_names_its_line(text: str, problem: str) -> None:
    assert json_problem(text).startswith(problem)
    assert bool(json_problem(text)) is bool(problem)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (("a", "b", "backspace"), "a"),
        (("a", "b", "left", "x"), "axb"),
        (("a", "b", "home", "delete"), "b"),
        (("a", "b", "ctrl+u", "c"), "c"),
        (("o", "space", "t", "ctrl+w"), "o"),
    ],
)
def test_a_text_field_does_what_line_editors_do(keys: tuple[str, ...], text: str) -> None:
    field = TextField()
    for key in keys:
        field = field.typed(key, " " if key == "space" else key if len(key) == 1 else None) or field
    assert field.text == text


def test_only_the_first_line_is_pasted() -> None:
    assert TextField().with_text("production\nrm -rf").text == "production"


@pytest.mark.parametrize(
    ("editor", "words"),
    [
        ("vim", ["vim", "+31", "/p/a.py"]),
        ("code --wait", ["code", "--wait", "--goto", "/p/a.py:31"]),
        ("hx", ["hx", "/p/a.py:31"]),
        ("unknown", ["unknown", "/p/a.py"]),
    ],
)
def test_editors_are_told_the_line_in_their_own_way(editor: str, words: list[str]) -> None:
    assert command(editor, Path("/p/a.py"), 31) == words


def test_rows_of_an_environment_are_made_once() -> None:
    outline, snapshot = Outline(a_settings().pipeline), a_photo_shop()
    before, after = outline.rows(snapshot, APP), outline.rows(snapshot, APP)
    same = [one is other for one, other in zip(before, after, strict=True) if one.key[0] == "endpoint"]
    assert same
    assert all(same)


def test_a_folder_with_endpoints_is_a_project(tmp_path: Path) -> None:
    assert not holds_project(tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "sdk.py").write_text("import runpod_flash")
    assert not holds_project(tmp_path)
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "main.py").write_text("from runpod_flash import Endpoint")
    assert holds_project(tmp_path)
