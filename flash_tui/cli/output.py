"""stdout is data, stderr is narration.

With `--json` stdout carries exactly one document (or one object a line, for streams). Colour only where a person looks
(a terminal, no NO_COLOR), and never alone: each coloured word says the same without.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TextIO, cast, runtime_checkable

if TYPE_CHECKING:
    from flash_tui.models.errors import ErrorDocument

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "dim": "2", "bold": "1"}


@runtime_checkable
class _Dumps(Protocol):
    """A pydantic model, without loading pydantic to know it."""

    def model_dump(self, *, mode: str) -> dict[str, object]: ...


def plain(value: object) -> object:
    """`value` as what JSON knows; models anywhere in it are dumped."""
    if isinstance(value, _Dumps):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in cast("Sequence[object]", value)]
    return value


def error_document(error: ErrorDocument) -> dict[str, object]:
    """`code`, `what`, `where` and `hint` always; `file`, `line` and `traceback` where known."""
    raw = error.model_dump(mode="json")
    optional = {key: raw[key] for key in ("file", "line", "traceback") if raw[key] is not None}
    return {key: raw[key] for key in ("code", "what", "where", "hint")} | optional


class Output:
    """The two streams of one command."""

    def __init__(self, *, as_json: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None) -> None:
        self.as_json = as_json
        self.streams = False
        """The command prints one object a line; so does its error."""
        self._stdout: TextIO = stdout or sys.stdout
        self._stderr: TextIO = stderr or sys.stderr
        self._transient = ""
        """The progress line that stands on the terminal and goes when something else is written."""

    @property
    def narrates_to_terminal(self) -> bool:
        return self._stderr.isatty()

    def document(self, value: object) -> None:
        """The command's one document."""
        indent = None if self.streams else 2
        self._write(self._stdout, json.dumps(plain(value), indent=indent, ensure_ascii=False, default=str))

    def object_line(self, value: object) -> None:
        """One object of a stream, on its own line."""
        self._write(self._stdout, json.dumps(plain(value), ensure_ascii=False, default=str))

    def line(self, text: str = "") -> None:
        """Data for people, on stdout."""
        self._write(self._stdout, text)

    def table(self, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Columns, left-aligned, two spaces apart; nothing but a word on stderr when there are no rows."""
        cells = [list(headers), *(list(row) for row in rows)]
        if len(cells) == 1:
            self.say("nothing there")
            return
        widths = [max(len(row[column]) for row in cells) for column in range(len(headers))]
        for index, row in enumerate(cells):
            text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
            self.line(self.coloured(text, "dim", stream=self._stdout) if index == 0 else text)

    def say(self, text: str) -> None:
        """Narration, on stderr."""
        self._write(self._stderr, text)

    def transient(self, text: str) -> None:
        """Progress that the next line replaces. Only for a terminal; elsewhere it says nothing."""
        if not self.narrates_to_terminal or text == self._transient:
            return
        self._clear()
        self._stderr.write(text)
        self._stderr.flush()
        self._transient = text

    def error(self, error: ErrorDocument, *, alone: bool = True) -> None:
        """What happened, where, what to do, on stderr; with `--json` also as the document, unless it has its own."""
        if self.as_json and alone:
            self.document({"error": error_document(error)})
        for text in error_lines(error, self):
            self.say(text)

    def coloured(self, text: str, colour: str, stream: TextIO | None = None) -> str:
        """`text` in a colour of the terminal's own palette, if `stream` (default: stderr) may carry one."""
        chosen = self._stderr if stream is None else stream
        if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not chosen.isatty():
            return text
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m"

    def coloured_data(self, text: str, colour: str) -> str:
        """`text` in a colour, for stdout."""
        return self.coloured(text, colour, stream=self._stdout)

    def _clear(self) -> None:
        if self._transient:
            self._stderr.write("\r\x1b[2K")
            self._transient = ""

    def _write(self, stream: TextIO, text: str) -> None:
        self._clear()
        stream.write(text + "\n")
        stream.flush()


def error_lines(error: ErrorDocument, output: Output) -> list[str]:
    """An error in words: `error: what`, the place, the traceback of the user's own frames, `hint: …`."""
    lines = [f"{output.coloured('error:', 'red')} {error.what}"]
    place = f"{error.file}:{error.line}" if error.file and error.line else error.file or error.where
    if place and place not in error.what:
        lines.append(f"  at {place}")
    if error.traceback:
        lines += ["", *(f"  {line}" for line in error.traceback.rstrip().splitlines())]
    if error.hint:
        lines += ["", f"{output.coloured('hint:', 'yellow')} {error.hint}"]
    return lines
