"""Asking the official builder what a project consists of: a warm interpreter, kept from build to build."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flash_tui.models.errors import BootFailed, BuildFailed, ErrorDocument, error_from_document
from flash_tui.runtime.zygote import DiscoveryRequest, DiscoveryResult, LayerPair, RequirementsResult, Zygote


@dataclass(frozen=True, slots=True)
class Discovered:
    """What the official builder makes of the user's files."""

    manifest: dict[str, Any]
    generated: dict[str, str]
    reached: dict[str, list[str]]
    printed: str


class Discoverer:
    """Holds at most one warm interpreter: the one for the layers asked for last."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._zygote: Zygote | None = None

    def is_warm(self, pair: LayerPair | None = None) -> bool:
        """Whether an interpreter (for `pair`) is there."""
        zygote = self._zygote
        return zygote is not None and zygote.is_usable and pair in {None, zygote.pair}

    async def warm(self, pair: LayerPair) -> Zygote:
        """The interpreter for `pair`; takes 1 to 2 s if it is not the last one's.

        Raises:
            BuildFailed: the SDK cannot be imported with these layers.
        """
        if self._zygote is not None and self.is_warm(pair):
            return self._zygote
        await self.aclose()
        # Discovery sees our environment: warm in the same one, a fork has nothing to import anew (28 instead of 88 ms).
        self._zygote = await Zygote.start(pair, self._scratch, dict(os.environ))
        return self._zygote

    async def requirements(self, pair: LayerPair, folder: Path) -> RequirementsResult:
        """What the files in `folder` ask to be installed. Any warm interpreter will do: no user code is imported."""
        if self._zygote is not None and self.is_warm():
            try:
                return await self._zygote.requirements(folder)
            except BootFailed:
                await self.aclose()
        return await (await self.warm(pair)).requirements(folder)

    async def discover(self, pair: LayerPair, request: DiscoveryRequest) -> Discovered:
        """Manifest and generated files.

        Raises:
            BuildFailed: user code fails, or the official builder refuses it; with file, line and the user's frames.
        """
        try:
            result = await (await self.warm(pair)).discover(request)
        except BootFailed:  # the interpreter has ended since: once more with a new one
            await self.aclose()
            result = await (await self.warm(pair)).discover(request)
        return _checked(result)

    async def aclose(self) -> None:
        """End the interpreter."""
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            await zygote.aclose()


def _checked(result: DiscoveryResult) -> Discovered:
    if result.error is not None:
        raise _failure(result.error)
    return Discovered(result.manifest, result.generated, result.reached, result.printed)


def _failure(document: ErrorDocument) -> BuildFailed:
    error = error_from_document(document)
    if isinstance(error, BuildFailed):
        return error
    return BuildFailed(
        document.what,
        where=document.where,
        hint=document.hint,
        file=document.file,
        line=document.line,
        traceback=document.traceback,
    )
