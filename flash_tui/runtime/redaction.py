"""What is shown of what programs say: without secrets, and with the files of a project named as its user knows them.

A secret is what is known to be one, the value of a variable whose name says so, and what has the shape of one.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

HIDDEN: Final = "[hidden]"
_SHORTEST: Final = 6
"""A shorter value (`true`, `dev`) is no secret worth the name, and hiding it would spoil every other text."""
_SECRET_NAMES: Final = re.compile(
    r"(?i)key|token|secret|passw|passphrase|credential|(?:^|_)(?:auth|dsn)$|_(?:pwd|pass|pat)$"
)
_PLACES: Final = re.compile(r"(?i)_(?:file|path|dir|sock)$")
"""Such a variable says where a secret lies."""
_ASSIGNMENT: Final = re.compile(r"^\s*(?:export\s+)?(?P<name>\w+)\s*=\s*(?P<value>.*?)\s*$", re.MULTILINE)
_SHAPES: Final = re.compile(
    r"(?i)(?P<before>(?:authorization['\"]?\s*[:=]\s*['\"]?(?:(?:bearer|basic)\s+)?|\bbearer\s+|[?&](?:signature|token|api_key)=))"
    r"(?P<secret>[^\s'\"&,}\\]+)"
    r"|(?P<user>://[^\s:/@'\"]*:)[^\s/@'\"\\]+(?=@)"
    r"|\brpa_[A-Za-z0-9]{16,}"
)


def secrets_in(env: Mapping[str, str]) -> tuple[str, ...]:
    """The values of variables whose names say that they are secrets."""
    return tuple(
        value for name, value in env.items() if value and _SECRET_NAMES.search(name) and not _PLACES.search(name)
    )


def secrets_in_file(path: Path) -> tuple[str, ...]:
    """The same of a `.env` file; none if it cannot be read. Blocks."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return secrets_in({match["name"]: _unquoted(match["value"]) for match in _ASSIGNMENT.finditer(text)})


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote in {"'", '"'} and quote in value[1:]:
        return value[1 : value.index(quote, 1)]
    return re.split(r"\s+#", value, maxsplit=1)[0]


class Redactor(logging.Filter):
    """Hides secrets in texts, and in every log record that passes: known ones, and what looks like one."""

    def __init__(self, *known: str) -> None:
        super().__init__()
        self._secrets = frozenset(known)
        forms = sorted({form for secret in known for form in _forms(secret)}, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, forms)) or r"(?!)")

    def clean(self, text: str) -> str:
        return _SHAPES.sub(
            lambda match: f"{match['before'] or match['user'] or ''}{HIDDEN}", self._known.sub(HIDDEN, text)
        )

    def also(self, secrets: Iterable[str]) -> Redactor:
        """One that hides these as well."""
        return Redactor(*self._secrets, *secrets)

    def of_process(self, env: Mapping[str, str], folder: Path) -> Callable[[str], str]:
        """Cleans what a process says that has `env` and runs the files of a project in `folder`."""
        clean, name_files = self.also(secrets_in(env)).clean, relative_to(folder)
        return lambda text: name_files(clean(text))

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self.clean(record.getMessage()), None
        if record.exc_info and record.exc_info[0] is not None:
            record.exc_text = self.clean(logging.Formatter().formatException(record.exc_info))
        return True


def _forms(secret: str) -> Iterable[str]:
    """As it may stand in a text: whole, line by line, and as JSON and Python write it between quotes."""
    for part in (secret, *secret.splitlines()):
        if len(part.strip()) >= _SHORTEST:
            yield part.strip()
            yield json.dumps(part.strip())[1:-1]
            yield repr(part.strip())[1:-1]


def relative_to(folder: Path) -> Callable[[str], str]:
    """Names files in `folder` relative to it, wherever a text has their full path."""
    if not folder.is_absolute():
        return str
    places = sorted({str(folder), os.path.realpath(folder)}, key=len, reverse=True)
    pattern = re.compile(rf"(?:{'|'.join(map(re.escape, places))})(?:/|(?![\w.-]))")
    return lambda text: pattern.sub(lambda match: "" if match[0].endswith("/") else ".", text)
