"""`call`: invoke an endpoint and print its answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from flash_tui.cli.connect import open_client
from flash_tui.cli.options import Invocation
from flash_tui.cli.resources import environment_name
from flash_tui.models.errors import UsageError
from flash_tui.models.job import HttpAnswer, QueueAnswer
from flash_tui.models.states import JobStatus

_BAD_REQUEST = 400


async def call(invocation: Invocation) -> int:
    """Exit code 1 for a failed job and for a status of 400 and up."""
    arguments, output = invocation.arguments, invocation.output
    body = read_body(arguments.body)
    async with open_client(invocation) as client:
        answer = await client.call(
            arguments.endpoint,
            body,
            environment=environment_name(invocation),
            app=invocation.settings.app,
            route=arguments.route,
        )
    if output.as_json:
        output.document(answer)
    elif answer.output is not None:
        output.line(_text(answer.output))
    if isinstance(answer, QueueAnswer):
        return _tell_queue(invocation, answer)
    return _tell_http(invocation, answer)


def _tell_queue(invocation: Invocation, answer: QueueAnswer) -> int:
    if answer.status == JobStatus.COMPLETED:
        return 0
    invocation.output.say(f"{answer.endpoint} in {answer.environment}: {answer.status}")
    if answer.error:
        invocation.output.say(answer.error.rstrip())
    return 1


def _tell_http(invocation: Invocation, answer: HttpAnswer) -> int:
    if answer.status_code < _BAD_REQUEST:
        return 0
    invocation.output.say(f"{answer.endpoint} in {answer.environment}: status {answer.status_code}")
    return 1


def read_body(text: str | None) -> object:
    """The JSON argument: given as it is, in a file (`@path`), on stdin (`-`), or not at all.

    Raises:
        UsageError: there is no such file, or it is not JSON.
    """
    if text is None:
        return None
    source = "stdin" if text == "-" else text[1:] if text.startswith("@") else "the argument"
    try:
        return json.loads(_content(text))
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}", where=source) from error
    except ValueError as error:
        hint = """quote it for the shell: '{"text": "hello"}'"""
        raise UsageError(f"{source} is not JSON: {error}", where=source, hint=hint) from error


def _content(text: str) -> str:
    if text == "-":
        return sys.stdin.read()
    return Path(text[1:]).expanduser().read_text(encoding="utf-8") if text.startswith("@") else text


def _text(output: object) -> str:
    return output if isinstance(output, str) else json.dumps(output, indent=2, ensure_ascii=False)
