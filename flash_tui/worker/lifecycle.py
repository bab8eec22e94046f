"""From the first message to a zygote, a spare, or a job of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any

from flash_tui.worker import confinement, failures, frozen, jobs, layers, preload, protocol, zygote

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
    if "job" in hello:
        job = jobs.take_place(jobs.Job(hello["job"]["kind"], hello["job"], (*fds, control.detach())))
        _run_known(job, hello, at_start)
        return
    confinement.confine()
    confinement.set_environment({"PATH": os.defpath, **preload.AFFIRMED, **hello["env"]})
    if not _warm_up(control, hello):
        return
    if hello["mode"] == "zygote":
        job = zygote.serve(control, reader, inbox)
        if job is None:
            return
    else:
        message, fds = _next(control, reader, inbox)
        job = jobs.Job(message["kind"], message, fds)
    control.detach()
    job = jobs.take_place(job)
    jobs.enter_environment(job)
    reasons = frozen.reasons_to_start_afresh()
    if reasons:
        _start_afresh(boot, hello, job, reasons)
    frozen.thaw()
    jobs.run(job, at_start)


def _run_known(job: jobs.Job, hello: dict[str, Any], at_start: frozenset[str]) -> None:
    """A job that was known before the SDK is imported: its environment stands from the start."""
    control = socket.socket(fileno=job.fds[-1])
    jobs.enter_environment(job)
    env = dict(os.environ)
    for name, value in preload.AFFIRMED.items():
        os.environ.setdefault(name, value)
    if not _warm_up(control, hello):
        return
    control.close()
    confinement.set_environment(env)
    jobs.run(jobs.Job(job.kind, job.document, job.fds[:-1]), at_start)


def _warm_up(control: socket.socket, hello: dict[str, Any]) -> bool:
    """Import the SDK and tell the host; False after a failure, when the process shall end."""

    def tell(message: protocol.Message) -> None:
        try:
            protocol.send(control, message)
        except BrokenPipeError:  # nobody listens to what was a fork before
            if "importing" not in message and "ready" not in message:
                raise SystemExit(f"flash-tui: the SDK cannot be imported: {message}") from None

    try:
        with frozen.recording():
            preload.warm(hello["leave_out"], lambda module: tell({"importing": module}))
    except preload.Spoiled as error:
        tell({"spoiled": error.module, "why": error.why})
        return False
    except BaseException as error:
        tell({"failed": failures.sdk_failure(error, hello["base"], hello["dependencies"])})
        return False
    tell({"ready": os.getpid()})
    return True


def _start_afresh(boot: str, hello: dict[str, Any], job: jobs.Job, reasons: list[str]) -> None:
    """Become a fresh interpreter for the job, under the same process id. Does not return."""
    sys.stderr.write(f"flash-tui: a fresh interpreter starts, since {', '.join(reasons)} must be set before imports\n")
    sys.stderr.flush()
    mine, theirs = socket.socketpair()
    message = {**hello, "mode": "spawn", "parent": os.getppid(), "job": job.document, "fds": len(job.fds)}
    data = protocol.encode(message)
    mine.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(data))
    socket.send_fds(mine, [data], list(job.fds))
    mine.close()
    theirs.set_inheritable(True)
    command = [sys.executable, "-I", "-S", "-X", "utf8", boot, str(theirs.fileno())]
    os.execv(sys.executable, command)  # noqa: S606 - a shell has no place here


def _next(control: socket.socket, reader: protocol.FrameReader, inbox: Inbox) -> tuple[protocol.Message, list[int]]:
    while not inbox:
        messages = protocol.receive(control, reader)
        if messages is None:
            os.kill(os.getpid(), signal.SIGKILL)  # the host is gone
            raise SystemExit
        inbox += messages
    return inbox.pop(0)
