"""The ground of all verbs: a target, opened when the client is entered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

from flash_tui.models.release import StageReport
from flash_tui.settings import Settings

if TYPE_CHECKING:
    from flash_tui.client.dialect import Dialect
    from flash_tui.client.opening import Session
    from flash_tui.client.target import Target

Report = Callable[[StageReport], None]


def silent(_: StageReport) -> None:
    """A report that nobody wants."""


class Opened:
    """Holds the session with a target.

    `narrate` is told in words when the local platform has to be started. `official_only` speaks the official protocol
    even where there is more.
    """

    def __init__(
        self, settings: Settings, *, narrate: Callable[[str], None] = lambda _: None, official_only: bool = False
    ) -> None:
        self.settings = settings
        self._narrate = narrate
        self._official_only = official_only
        self._stack = AsyncExitStack()
        self._opened: Session | None = None

    async def __aenter__(self) -> Self:
        """Raises `UsageError` if the settings name no target."""
        from flash_tui.client.opening import open_session  # noqa: PLC0415 - httpx: 100 ms that --help need not spend

        opening = open_session(self.settings, self._narrate, official_only=self._official_only)
        self._opened = await self._stack.enter_async_context(opening)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._opened = None
        await self._stack.aclose()

    @property
    def target(self) -> Target:
        """Where the platform is reached."""
        return self._session.target

    @property
    def capabilities(self) -> frozenset[str]:
        """What the target can do beyond the official protocol: `releases`, `events`, `history`, `logs`, `layers`."""
        return self._session.capabilities

    @property
    def _session(self) -> Session:
        assert self._opened is not None, "the client is used outside `async with`"
        return self._opened

    @property
    def _dialect(self) -> Dialect:
        return self._session.dialect
