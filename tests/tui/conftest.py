"""The app on a saved snapshot: no connection, no process, no clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Any

import pytest
from textual.pilot import Pilot

from flash_tui.models.errors import FlashTuiError
from flash_tui.models.snapshot import Snapshot
from flash_tui.settings import Settings
from flash_tui.tui.app import FlashApp
from flash_tui.tui.intents import Answered, Intent, Refused
from tests.builders import NOW, a_photo_shop, a_settings


class Recorder:
    """In the conductor's place: keeps the wishes, and answers them with what a test prepared."""

    def __init__(self) -> None:
        self.wishes: list[Intent] = []
        self.answers: dict[type[Intent], object] = {}
        """By kind of intent; an error refuses it."""

    async def run(self) -> None:
        """There is nothing to run."""

    async def stop(self) -> None:
        """Nor to stop."""

    def take(self, intent: Intent) -> None:
        self.wishes.append(intent)
        if intent.asker is None or type(intent) not in self.answers:
            return
        answer = self.answers[type(intent)]
        if isinstance(answer, FlashTuiError):
            intent.asker.post_message(Refused(intent, answer))
        else:
            intent.asker.post_message(Answered(intent, answer))

    def wished(self, kind: type[Intent]) -> list[Any]:
        return [wish for wish in self.wishes if isinstance(wish, kind)]


class StillApp(FlashApp):
    """The app at one instant."""

    instant = NOW

    def now(self) -> datetime:
        return self.instant


class Stage:
    """A running app, and what a test does with it."""

    def __init__(self, app: StillApp, pilot: Pilot[int], recorder: Recorder) -> None:
        self.app, self.pilot, self.recorder = app, pilot, recorder

    async def show(self, change: Snapshot | Callable[[Snapshot], Snapshot]) -> None:
        self.app.store.apply(change if callable(change) else lambda _: change)
        await self.pilot.pause()

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def type(self, text: str) -> None:
        names = {" ": "space", ".": "full_stop", "-": "minus"}
        await self.press(*(names.get(character, character) for character in text))

    @property
    def lines(self) -> list[str]:
        strips = self.app.screen._compositor.render_strips(self.app.size)
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def bench(self):
        bench = self.app.workbench
        assert bench is not None
        return bench


OpenStage = Callable[..., AbstractAsyncContextManager[Stage]]


@pytest.fixture
def open_stage() -> OpenStage:
    @asynccontextmanager
    async def open_(
        snapshot: Snapshot | None = None,
        *,
        size: tuple[int, int] = (120, 40),
        settings: Settings | None = None,
        answers: dict[type[Intent], object] | None = None,
        read_only: bool = False,
    ) -> AsyncIterator[Stage]:
        recorder = Recorder()
        recorder.answers.update(answers or {})
        app = StillApp(settings or a_settings(), backstage=recorder, read_only=read_only)
        async with app.run_test(size=size) as pilot:
            stage = Stage(app, pilot, recorder)
            await stage.show(snapshot or a_photo_shop())
            yield stage

    return open_
