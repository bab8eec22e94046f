"""Last lines of a worker in, an error in the user's terms out."""

from __future__ import annotations

from pathlib import Path

from flash_tui.local.workers.boot_failure import failure
from flash_tui.local.workers.sdk_log import parse_sdk_line
from flash_tui.local.workers.traffic import TrafficMeters
from flash_tui.models.errors import ErrorDocument
from flash_tui.models.identifiers import EndpointId

APP = Path("/home/me/platform/code/abc")


def failed(*lines: str) -> ErrorDocument:
    return failure("resize", "did not start", "its process ended (exit code 1)", lines, APP, "handler_resize.py")


def test_the_innermost_user_frame_is_the_place():
    error = failed(
        "loading",
        "Traceback (most recent call last):",
        '  File "/usr/lib/python3.11/runpy.py", line 1, in run',
        f'  File "{APP}/handler_resize.py", line 20, in <module>',
        f'  File "{APP}/shop/prices.py", line 3, in <module>',
        "    import numpie",
        "    ^^^^^^^^^^^^^",
        "ModuleNotFoundError: No module named 'numpie'",
    )
    assert (error.file, error.line, error.where) == ("shop/prices.py", 3, "shop/prices.py:3")
    assert error.what == "resize did not start: ModuleNotFoundError: No module named 'numpie'"
    assert error.traceback is not None
    assert "runpy" not in error.traceback
    assert "handler_resize" not in error.traceback
    assert "    import numpie" in error.traceback


def test_a_syntax_error_names_its_line():
    error = failed(
        "Traceback (most recent call last):",
        f'  File "{APP}/handler_resize.py", line 20, in <module>',
        '  File "<frozen importlib._bootstrap>", line 241, in _call_with_frames_removed',
        f'  File "{APP}/shop.py", line 7',
        "    def price(:",
        "              ^",
        "SyntaxError: invalid syntax",
    )
    assert (error.file, error.line) == ("shop.py", 7)


def test_the_last_of_several_tracebacks_counts():
    error = failed(
        "Traceback (most recent call last):",
        f'  File "{APP}/a.py", line 1, in <module>',
        "KeyError: 'a'",
        "",
        "During handling of the above exception, another exception occurred:",
        "",
        "Traceback (most recent call last):",
        f'  File "{APP}/b.py", line 2, in <module>',
        "RuntimeError: no price",
    )
    assert (error.file, error.what) == ("b.py", "resize did not start: RuntimeError: no price")


def test_without_a_traceback_the_last_lines_are_shown():
    error = failed(*(f"line {number}" for number in range(30)))
    assert error.what == "resize did not start: its process ended (exit code 1)"
    assert error.traceback is not None
    assert error.traceback.splitlines()[0] == "line 10"
    assert error.file is None


def test_a_worker_that_said_nothing_has_no_traceback():
    assert failed().traceback is None


def test_sdk_lines_are_told_from_others():
    line = parse_sdk_line('{"requestId": null, "message": "Jobs in queue: 1", "level": "INFO"}')
    assert line is not None
    assert line.text == "INFO   | Jobs in queue: 1"
    assert [parse_sdk_line(text) for text in ("hello", '{"requestId": 1', '{"requestId": 1, "x": 2}')] == [None] * 3


def test_a_complaint_about_a_result_is_recognised():
    text = '{"requestId": "j", "message": "Error while returning job result. | not serializable", "level": "ERROR"}'
    line = parse_sdk_line(text)
    assert line is not None
    assert line.complaint == "not serializable"


def test_traffic_counts_by_ten_seconds_and_forgets():
    now = [1000.0]
    meters, endpoint = TrafficMeters(lambda: now[0]), EndpointId("ep")
    for elapsed_ms in (10, 20, 90):
        meters.record(endpoint, elapsed_ms, is_error=elapsed_ms > 50)
    now[0] += 25
    meters.record(endpoint, 30, is_error=False)
    read = meters.read(endpoint)
    assert (read.requests, read.errors, read.p50_ms, read.p95_ms) == ((3, 0, 1), 1, 30, 90)
    now[0] += 700
    assert meters.read(endpoint).requests == ()
