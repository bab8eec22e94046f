"""From the first message to a zygote, a spare, or a job of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any

from flash_tui.worker import confinement, failures, frozen, jobs, layers, preload, protocol, zygote

MAX_HANDED_OVER_BYTES = 100_000
"""What a socket surely takes at once, with nobody reading it yet."""

Inbox = list[tuple[protocol.Message, list[int]]]


def run(control_fd: int, boot: str, at_start: frozenset[str]) -> None:
    """Serve the control socket. Returns when the process shall end in the usual way (exit handlers run)."""
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    reader = protocol.FrameReader()
    inbox: Inbox = []
    hello, fds = _next(control, reader, inbox)
    confinement.die_with_parent(hello["parent"])
    os.chdir(hello["scratch"])
    layers.install(hello["base"], hello["dependencies"])
    start = Start(boot, hello, at_start)
    if "job" in hello:
        _run_known(start, jobs.Job(hello["job"]["kind"], hello["job"], (*fds, control.detach())))
        return
    confinement.confine()
    confinement.set_environment({"PATH": os.defpath, **preload.AFFIRMED, **hello["env"]})
    if not _warm_up(control, hello):
        return
    job = zygote.serve(control, reader, inbox) if hello["mode"] == "zygote" else _receive_job(control, reader, inbox)
    if job is None:
        return
    control.detach()
    job = jobs.take_place(job)
    jobs.enter_environment(job)
    reasons = frozen.reasons_to_start_afresh()
    if reasons:
        start.afresh(job, f"{', '.join(reasons)} is read when modules are imported")
    frozen.thaw()
    start.run(job)


class Start:
    """How this process was started, in case that it has to be done again."""

    def __init__(self, boot: str, hello: dict[str, Any], at_start: frozenset[str]) -> None:
        self.boot = boot
        self.hello = hello
        self.at_start = at_start

    def run(self, job: jobs.Job) -> None:
        """Do the job, here or, where the user's files stand in for modules that are imported already, afresh."""
        if job.is_worker and not self.hello.get("on_top"):
            names = layers.shadowed(job.document["app_dir"], self.at_start)
            if names:
                reason = f"the project has its own {', '.join(names)}, also for the SDK"
                self.afresh(job, reason, on_top=True)
        jobs.run(job)

    def afresh(self, job: jobs.Job, reason: str, *, on_top: bool = False) -> None:
        """Become a fresh interpreter for the job, under the same process id. Does not return."""
        sys.stderr.write(f"flash-tui: a fresh interpreter starts: {reason}\n")
        sys.stderr.flush()
        again = {**self.hello, "mode": "spawn", "parent": os.getppid(), "job": job.document, "on_top": on_top}
        data = protocol.encode({**again, "fds": len(job.fds)})
        if len(data) > MAX_HANDED_OVER_BYTES:
            raise SystemExit(f"flash-tui: an environment of {len(data)} bytes is too large for that")
        mine, theirs = socket.socketpair()
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * MAX_HANDED_OVER_BYTES)
        socket.send_fds(mine, [data], list(job.fds))
        mine.close()
        theirs.set_inheritable(True)
        command = [sys.executable, "-I", "-S", "-X", "utf8", self.boot, str(theirs.fileno())]
        os.execv(sys.executable, command)  # noqa: S606 - a shell has no place here


def _run_known(start: Start, job: jobs.Job) -> None:
    """A job that was known before the SDK is imported: its environment stands from the start."""
    job = jobs.take_place(job)
    control = socket.socket(fileno=job.fds[-1])
    if start.hello.get("on_top"):
        layers.put_on_top(job.document["app_dir"])
    jobs.enter_environment(job)
    env = dict(os.environ)
    for name, value in preload.AFFIRMED.items():
        os.environ.setdefault(name, value)
    if not _warm_up(control, start.hello):
        raise SystemExit(1)
    control.close()
    confinement.set_environment(env)
    start.run(jobs.Job(job.kind, job.document, job.fds[:-1]))


def _warm_up(control: socket.socket, hello: dict[str, Any]) -> bool:
    """Import the SDK and tell the host; False after a failure, when the process shall end."""

    def tell(message: protocol.Message) -> None:
        with suppress(BrokenPipeError):  # what was a fork before is not listened to
            protocol.send(control, message)

    try:
        with frozen.recording():
            preload.warm(hello["leave_out"], lambda module: tell({"importing": module}), is_to_fork="job" not in hello)
    except preload.Spoiled as error:
        tell({"spoiled": error.module, "why": error.why})
        return False
    except BaseException as error:
        traceback.print_exc()
        tell({"failed": failures.sdk_failure(error, hello["base"], hello["dependencies"])})
        return False
    tell({"ready": os.getpid()})
    return True


def _receive_job(control: socket.socket, reader: protocol.FrameReader, inbox: Inbox) -> jobs.Job:
    message, fds = _next(control, reader, inbox)
    return jobs.Job(message["kind"], message, fds)


def _next(control: socket.socket, reader: protocol.FrameReader, inbox: Inbox) -> tuple[protocol.Message, list[int]]:
    while not inbox:
        messages = protocol.receive(control, reader)
        if messages is None:
            os.kill(os.getpid(), signal.SIGKILL)  # the host is gone
            raise SystemExit
        inbox += messages
    return inbox.pop(0)
