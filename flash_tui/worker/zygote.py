"""The zygote's loop: fork when asked, reap, report ends. One thread; the child leaves the loop as a return value."""

from __future__ import annotations

import os
import select
import signal
import socket
from typing import Any

from flash_tui.worker import confinement, protocol
from flash_tui.worker.jobs import Job


class Zygote:
    """State of the loop. `children` are process ids that were forked and not reaped."""

    def __init__(self, control: socket.socket, reader: protocol.FrameReader) -> None:
        self.control = control
        self.reader = reader
        self.children: set[int] = set()
        self.retiring = False
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_read, False)
        os.set_blocking(self.wake_write, False)
        signal.signal(signal.SIGCHLD, _wake)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)

    def run(self, inbox: list[tuple[protocol.Message, list[int]]]) -> Job | None:
        """A job in the child that shall do it; None in the zygote when it shall end."""
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        while True:
            while inbox:
                job = self._obey(*inbox.pop(0))
                if job is not None:
                    return job
            if self.retiring and not self.children:
                return None
            for fd, _ in poll.poll():
                if fd == self.wake_read:
                    self._reap()
                    continue
                messages = protocol.receive(self.control, self.reader)
                if messages is None:
                    self._kill_all()
                    return None
                inbox += messages

    def _obey(self, message: dict[str, Any], fds: list[int]) -> Job | None:
        """Do what the host wants. Only a forked child returns something."""
        order = message["do"]
        if order == "fork":
            return self._fork(message, fds)
        if order == "signal" and message["pid"] in self.children:
            _signal_group(message["pid"], message["signal"])
        elif order == "retire":
            self.retiring = True
        elif order == "end":
            self._kill_all()
            self.retiring = True
        return None

    def _fork(self, message: dict[str, Any], fds: list[int]) -> Job | None:
        ticket = message["ticket"]
        job = Job(message["job"]["kind"], message["job"], fds)
        threads = confinement.thread_count()
        if threads != 1 or self.retiring:
            self._answer(ticket, error=f"{threads} threads run here" if threads != 1 else "it is retiring")
        else:
            parent = os.getpid()
            pid = os.fork()
            if pid == 0:
                os.setsid()
                confinement.die_with_parent(parent)
                confinement.renew_identity()
                return job
            self.children.add(pid)
            self._answer(ticket, pid=pid)
        for fd in fds:
            os.close(fd)
        return None

    def _answer(self, ticket: int, **answer: object) -> None:
        protocol.send(self.control, {"ticket": ticket, **answer})

    def _reap(self) -> None:
        while _drain(self.wake_read):
            pass
        for pid in list(self.children):
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                continue
            _signal_group(pid, signal.SIGKILL)  # what it left behind; its number is its own until it is reaped
            _, status = os.waitpid(pid, 0)
            self.children.discard(pid)
            protocol.send(self.control, {"exit": pid, "status": os.waitstatus_to_exitcode(status)})

    def _kill_all(self) -> None:
        for pid in self.children:
            _signal_group(pid, signal.SIGKILL)
        for pid in self.children:
            os.waitpid(pid, 0)
        self.children.clear()


def serve(
    control: socket.socket, reader: protocol.FrameReader, inbox: list[tuple[protocol.Message, list[int]]]
) -> Job | None:
    """Fork children for `control` until told to end: None. In a child: its job."""
    return Zygote(control, reader).run(inbox)


def _wake(number: int, frame: object) -> None:
    """A handler must exist for the wake-up descriptor to be written to."""


def _signal_group(pid: int, number: int) -> None:
    """To its group; to itself where it has not become a group leader yet."""
    for send in (os.killpg, os.kill):
        try:
            send(pid, number)
        except ProcessLookupError:
            continue
        except PermissionError:  # a zombie's group, on some systems
            continue
        return


def _drain(fd: int) -> bytes:
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return b""
