"""Server-sent events: bytes → (id, data), with the cursor to resume from."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass

from flash_tui.client import limits
from flash_tui.client.connection import Connection
from flash_tui.client.failures import unreadable
from flash_tui.models.errors import TargetUnreachable
from flash_tui.models.events import EVENT, Event


@dataclass(frozen=True, slots=True)
class Message:
    """One event of the stream as it stands on the wire."""

    id: str
    data: str


class EventParser:
    """Bytes in, messages out. Source: the HTML standard, "Server-sent events"; only `id` and `data` are ours."""

    def __init__(self, max_bytes: int = limits.MAX_EVENT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._data: list[str] = []
        self._size = 0
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The messages that `chunk` completes.

        Raises:
            ValueError: an event or line is larger than the limit.
        """
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            message = self._line(line.removesuffix(b"\r").decode("utf-8", "replace"))
            if message is not None:
                yield message
        if self._size + len(self._rest) > self._max_bytes:
            raise ValueError(f"an event of more than {self._max_bytes} bytes")

    def _line(self, line: str) -> Message | None:
        if not line:
            data, self._data, self._size = self._data, [], 0
            return Message(self._id, "\n".join(data)) if data else None
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size += len(value)
        elif name == "id":
            self._id = value
        return None


async def read_messages(chunks: AsyncIterable[bytes]) -> AsyncGenerator[Message]:
    """All messages of a stream.

    Raises:
        ValueError: one is larger than the limit.
    """
    parser = EventParser()
    async for chunk in chunks:
        for message in parser.feed(chunk):
            yield message


async def follow(connection: Connection, url: str, cursor: int, app: str | None) -> AsyncGenerator[tuple[int, Event]]:
    """The platform's events after `cursor`, each with its own cursor. Never ends by itself.

    An event of a kind that this version does not know is passed over.

    Raises:
        TargetUnreachable: the stream ended, broke off or went silent; resume from the last cursor.
    """
    target = connection.target
    parameters = {"after": cursor, "app": app}
    async with connection.stream(url, parameters=parameters, silence_s=limits.EVENTS_SILENCE_S) as response:
        try:
            async with aclosing(read_messages(response.aiter_bytes())) as messages:
                async for message in messages:
                    event = _parse(message)
                    if event is not None:
                        yield event
        except ValueError as error:
            raise unreadable(target, url, str(error)) from error
    raise TargetUnreachable(f"{target.name} ended its stream of events", where=url, hint=target.start_hint)


def _parse(message: Message) -> tuple[int, Event] | None:
    try:
        return int(message.id or 0), EVENT.validate_json(message.data)
    except ValueError:  # no cursor, or (a validation error is one too) no event that this version knows
        return None
