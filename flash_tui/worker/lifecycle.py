"""From the first message to a zygote, a spare, or a job of its own."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any

from flash_tui.worker import confinement, failures, jobs, layers, preload, protocol, zygote


def run(control_fd: int, at_start: frozenset[str]) -> None:
    """Serve the control socket. Returns when the process shall end in the usual way (exit handlers run)."""
    control = socket.socket(fileno=control_fd)
    control.set_inheritable(False)
    reader = protocol.FrameReader()
    inbox: list[tuple[protocol.Message, list[int]]] = []
    hello, fds = _next(control, reader, inbox)
    confinement.die_with_parent(hello["parent"])
    job = jobs.Job(hello["job"]["kind"], hello["job"], fds) if "job" in hello else None
    os.chdir(hello["scratch"])
    confinement.confine()
    layers.install(hello["base"], hello["dependencies"])
    confinement.set_environment(_environment_while_warm(hello, job))
    report = _warm(control, hello)
    if report is None:
        return
    protocol.send(control, report)
    if hello["mode"] == "zygote":
        job = zygote.serve(control, reader, inbox)
        if job is None:
            return
    elif job is None:
        message, fds = _next(control, reader, inbox)
        job = jobs.Job(message["kind"], message, fds)
    warm = "job" not in hello
    control.detach()
    confinement.reset_signals()
    jobs.run(job, at_start, warm=warm)


def _environment_while_warm(hello: dict[str, Any], job: jobs.Job | None) -> dict[str, str]:
    """A fresh interpreter for a known worker imports the SDK in the worker's own environment."""
    if job is not None and job.kind in ("queue", "http"):
        return job.document["env"]
    return {**preload.SCRUBBED, **hello["env"]}


def _warm(control: socket.socket, hello: dict[str, Any]) -> dict[str, Any] | None:
    """Import the SDK; None after a failure was reported and the process shall end."""

    def announce(module: str) -> None:
        protocol.send(control, {"importing": module})

    try:
        left_out = preload.warm(hello["leave_out"], announce)
    except preload.Spoiled as error:
        protocol.send(control, {"spoiled": error.module, "why": error.why})
        return None
    except BaseException as error:
        protocol.send(control, {"failed": failures.sdk_failure(error, hello["base"], hello["dependencies"])})
        return None
    return {"ready": {"left_out": left_out, "pid": os.getpid(), "python": sys.version}}


def _next(
    control: socket.socket, reader: protocol.FrameReader, inbox: list[tuple[protocol.Message, list[int]]]
) -> tuple[protocol.Message, list[int]]:
    while not inbox:
        messages = protocol.receive(control, reader)
        if messages is None:
            os.kill(os.getpid(), signal.SIGKILL)
            raise SystemExit
        inbox += messages
    return inbox.pop(0)
