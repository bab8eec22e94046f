"""`api.Client` as a script: what it answers, and when it is gone."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Self

import anyio

from flash_tui.models.errors import TargetUnreachable
from flash_tui.models.events import Event, PlatformState


class FakeTarget:
    """What a test decides; clients of it come and go."""

    def __init__(self, state: PlatformState) -> None:
        self.state = state
        self.is_up = True
        self.opened = 0
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.results: dict[str, Any] = {}
        """By method: an answer, or an error to raise."""
        self._events: deque[Event | None] = deque()
        self._arrived = anyio.Event()

    def publish(self, event: Event | None) -> None:
        self._events.append(event)
        self._arrived.set()

    def die(self) -> None:
        self.is_up = False
        self.publish(None)

    def client(self, *_: object, **__: object) -> FakeClient:
        return FakeClient(self)

    async def next_event(self) -> Event:
        while not self._events:
            self._arrived = anyio.Event()
            await self._arrived.wait()
        event = self._events.popleft()
        if event is None:
            raise TargetUnreachable("local does not answer")
        return event


class FakeClient:
    def __init__(self, target: FakeTarget) -> None:
        self._target = target

    async def __aenter__(self) -> Self:
        if not self._target.is_up:
            raise TargetUnreachable("local does not answer")
        self._target.opened += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""

    async def state(self) -> PlatformState:
        return self._target.state

    async def events(self, cursor: int) -> AsyncIterator[tuple[int, Event]]:
        while True:
            event = await self._target.next_event()
            cursor += 1
            yield cursor, event

    async def logs(self, *_: object, **__: object) -> tuple[()]:
        return ()

    def __getattr__(self, name: str) -> Any:
        async def method(*arguments: Any, **_: object) -> Any:
            self._target.calls.append((name, arguments))
            result = self._target.results.get(name)
            if isinstance(result, BaseException):
                raise result
            if callable(result):
                return await result(*arguments)
            return result

        return method
