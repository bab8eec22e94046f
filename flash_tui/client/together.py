"""Several questions at once; the first error is raised as itself and ends the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import anyio

from flash_tui.models.errors import FlashTuiError

A = TypeVar("A")
T = TypeVar("T")


async def ask_all(question: Callable[[A], Awaitable[T]], about: Iterable[A], at_once: int) -> list[T]:
    """`question` about each, at most `at_once` at a time; the answers in the order of `about`.

    Raises:
        FlashTuiError: what the first question that failed raised.
    """
    items = list(about)
    answers: dict[int, T] = {}
    errors: list[FlashTuiError] = []
    limiter = anyio.CapacityLimiter(at_once)

    async with anyio.create_task_group() as group:

        async def ask(index: int, item: A) -> None:
            async with limiter:
                try:
                    answers[index] = await question(item)
                except FlashTuiError as error:
                    errors.append(error)
                    group.cancel_scope.cancel()

        for index, item in enumerate(items):
            group.start_soon(ask, index, item)
    if errors:
        raise errors[0]
    return [answers[index] for index in range(len(items))]
