"""What a process is before user code runs in it: session, death signal, descriptors, signal table, streams, limits.

A fork passes through here and comes out as a fresh interpreter would; a fresh interpreter passes through here too, so
that the two differ in nothing.
"""

from __future__ import annotations

import ctypes
import fcntl
import locale
import multiprocessing.process
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence

_PR_SET_PDEATHSIG = 1
_HIGH_FD = 200
"""Descriptors are parked above this while 0, 1, 2 and the job's own take their places."""
_UMASK = 0o022

_libc: ctypes.CDLL | None = ctypes.CDLL(None) if sys.platform.startswith("linux") else None


def die_with_parent(parent: int | None = None) -> None:
    """Be killed when the thread that forked us ends. With `parent`: end at once if that process is gone already."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)


def bind_descendants() -> None:
    """Whatever this process forks (the SDK's heartbeat, pools) dies with it: a death signal is not inherited."""
    os.register_at_fork(after_in_child=die_with_parent)


def reset_signals() -> None:
    """A fresh interpreter's table: SIGPIPE and SIGXFSZ ignored, SIGINT raises KeyboardInterrupt, nothing blocked."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if number in (signal.SIGKILL, signal.SIGSTOP):
            continue
        if number in (signal.SIGPIPE, getattr(signal, "SIGXFSZ", None)):
            signal.signal(number, signal.SIG_IGN)
        elif number == signal.SIGINT:
            signal.signal(number, signal.default_int_handler)
        elif signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def keep_descriptors(stdout: int, stderr: int, extra: Sequence[int]) -> list[int]:
    """Put the job's descriptors in place (0 is /dev/null, `extra` from 3 on) and close all others; returns 3, 4, …"""
    parked = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _HIGH_FD) for fd in (stdout, stderr, *extra)]
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(parked[0], 1)
    os.dup2(parked[1], 2)
    for place, fd in enumerate(parked[2:], start=3):
        os.dup2(fd, place, inheritable=False)
    close_from(3 + len(extra))
    return list(range(3, 3 + len(extra)))


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    for fd in open_descriptors():
        if fd >= first:
            try:
                os.close(fd)
            except OSError:
                continue  # the one that was listing them


def open_descriptors() -> list[int]:
    """Those of this process; where no folder lists them, all that could be."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            return sorted(int(name) for name in os.listdir(folder))
        except OSError:
            continue
    return list(range(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))


def thread_count() -> int:
    """Of this process; 1 where the system does not tell."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 1


def set_environment(env: Mapping[str, str]) -> None:
    """Replace the environment whole, and what the C library has made of it."""
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    try:
        locale.setlocale(locale.LC_CTYPE, "")
    except locale.Error:
        locale.setlocale(locale.LC_CTYPE, "C")


def renew_identity() -> None:
    """What a fork shares with its parent and a fresh process has for itself."""
    multiprocessing.process.current_process().authkey = os.urandom(32)
    tempfile.tempdir = None
    renew = getattr(threading.main_thread(), "_set_native_id", None)  # Python 3.10 to 3.12 forget it
    if renew is not None:
        renew()


def confine() -> None:
    """What is the same for every job: own umask, no core dumps, no byte code beside the build, prompt output."""
    os.umask(_UMASK)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.dont_write_bytecode = True
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
