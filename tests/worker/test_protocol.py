"""Frames and descriptors over a socket pair."""

from __future__ import annotations

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.worker import protocol


@given(st.lists(st.dictionaries(st.text(), st.integers() | st.text()), max_size=5), st.integers(1, 40))
def test_frames_survive_any_cutting(messages: list[dict[str, object]], size: int) -> None:
    messages = [{key: value for key, value in message.items() if key != "fds"} for message in messages]
    data = b"".join(protocol.encode(message) for message in messages)
    reader = protocol.FrameReader()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert [message for piece in pieces for message, _ in reader.feed(piece)] == messages


def test_descriptors_come_with_their_message_and_are_not_inherited() -> None:
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    with ours, theirs:
        socket.send_fds(ours, [protocol.encode({"plain": 1}) + protocol.encode({"job": 1, "fds": 1})], [writing])
        received = protocol.receive(theirs, protocol.FrameReader())
    assert received is not None
    (plain, none), (job, (fd,)) = received
    assert (plain, none, job) == ({"plain": 1}, [], {"job": 1})
    assert not os.get_inheritable(fd)
    os.write(fd, b"through")
    assert os.read(reading, 7) == b"through"
    for each in (reading, writing, fd):
        os.close(each)


def test_the_end_of_the_stream_is_none() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs:
        assert protocol.receive(theirs, protocol.FrameReader()) is None


def test_a_length_that_no_frame_has_is_refused() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        protocol.FrameReader().feed(b"\xff\xff\xff\xff")
