"""Output pipes, exit statuses and endings."""

from __future__ import annotations

import os
import signal

import anyio
import pytest

from flash_tui.runtime import processes
from flash_tui.runtime.processes import Ending, ExitStatus, Line, Output, RunningChild

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (ExitStatus.of(0), "exit code 0"),
        (ExitStatus.of(-9), "killed by SIGKILL"),
        (ExitStatus(signal=63), "killed by signal 63"),
        (ExitStatus(), "ended unseen"),
    ],
)
async def test_an_exit_status_says_how_it_ended(status: ExitStatus, text: str) -> None:
    assert status.text == text


async def written(*chunks: bytes) -> list[Line]:
    """What comes out as lines when these are written to stdout."""
    output = Output()
    pipe = output.attach("stdout")
    for chunk in chunks:
        os.write(pipe, chunk)
        await anyio.lowlevel.checkpoint()
    os.close(pipe)
    return [line async for line in output.lines()]


async def test_lines_are_put_together_from_any_pieces() -> None:
    assert await written(b"on", b"e\r\ntw", b"o") == [("stdout", "one"), ("stdout", "two")]


async def test_a_letter_cut_between_two_reads_stays_whole() -> None:
    assert await written("é".encode()[:1], "é".encode()[1:]) == [("stdout", "é")]


async def test_an_endless_line_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MAX_LINE_BYTES", 4)
    assert [text for _, text in await written(b"abcdefghij\n")] == ["abcd", "efgh", "ij"]
    assert [text for _, text in await written("äöü\n".encode())] == ["äö", "ü"]


async def test_what_nobody_reads_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "MAX_WAITING_CHARS", 8)
    first, *rest = await written(b"aaaa\nbbbb\ncccc\n")
    assert "1 lines were dropped" in first[1]
    assert [text for _, text in rest] == ["bbbb", "cccc"]


async def test_the_end_comes_when_both_pipes_are_closed() -> None:
    output = Output()
    stdout, stderr = output.attach("stdout"), output.attach("stderr")
    os.close(stdout)
    os.write(stderr, b"late\n")
    os.close(stderr)
    assert [line async for line in output.lines()] == [("stderr", "late")]


async def test_stop_is_patient_then_not() -> None:
    ending, signals = Ending(), list[int]()

    async def send_signal(number: int) -> None:
        signals.append(number)
        if number == signal.SIGKILL:
            ending.set(ExitStatus.of(-number))

    child = RunningChild(1, Output(), ending, send_signal)
    assert await child.stop(0.01) == ExitStatus(signal=signal.SIGKILL)
    assert signals == [signal.SIGTERM, signal.SIGKILL]


async def test_a_cancelled_stop_still_kills() -> None:
    ending, signals = Ending(), list[int]()

    async def send_signal(number: int) -> None:
        signals.append(number)
        if number == signal.SIGKILL:
            ending.set(ExitStatus.of(-number))

    with anyio.move_on_after(0.01):
        await RunningChild(1, Output(), ending, send_signal).stop(60)
    assert signals == [signal.SIGTERM, signal.SIGKILL]


async def test_an_ending_calls_whoever_asked_before_or_after() -> None:
    ending, heard = Ending(), list[ExitStatus]()
    ending.when_set(heard.append)
    ending.set(ExitStatus(code=1))
    ending.set(ExitStatus(code=2))
    ending.when_set(heard.append)
    assert heard == [ExitStatus(code=1)] * 2
