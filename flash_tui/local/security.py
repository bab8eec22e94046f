"""Who may talk to the platform: the token, where a request says it goes and comes from, signed URLs.

Any program of this computer, and any web page its browser shows, can reach a loopback port. So every single request
must know the token, must name a loopback host (else a page could rebind its own name to 127.0.0.1) and must not come
from another origin. All comparisons with secrets take constant time.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

HOST_SUFFIX: Final = ".flash.localhost"
"""`{endpoint id}.flash.localhost` is an endpoint's second address; two dots, else a wildcard certificate is refused."""

_LOOPBACK_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]", "flash.localhost"})
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?")
_ORIGIN_SCHEMES: Final = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in. `status` is what HTTP answers."""

    status: int
    what: str
    hint: str


def secret_file(path: Path) -> str:
    """The secret that `path` holds, made at the first call; readable by the user alone (0600).

    Written aside and linked into place, so that of two makers one wins and no reader sees half a secret.
    """
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    aside = path.with_name(f"{path.name}.{secrets.token_hex(6)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
        os.link(aside, path)
    except FileExistsError:
        pass  # another maker was faster: its secret holds
    finally:
        aside.unlink()
    return path.read_text(encoding="ascii").strip()


class Gate:
    """Checks the head of every request."""

    def __init__(self, token: str) -> None:
        self._token = token.encode("ascii")

    def check(self, headers: Iterable[tuple[bytes, bytes]], *, token_needed: bool = True) -> Refusal | None:
        """None lets the request in. `headers` have lower-case names; one that counts may stand there only once."""
        found: dict[bytes, bytes] = {}
        for name, value in headers:
            if name in {b"authorization", b"host", b"origin"}:
                if name in found:
                    return Refusal(400, f"two {name.decode()} headers", "send one")
                found[name] = value
        host = _authority(found.get(b"host", b""))
        if host is None or not _is_loopback(host):
            return Refusal(
                421 if b"host" in found else 400,
                "this platform does not answer to that host name",
                "use http://127.0.0.1 and the port that `flash-tui platform status` shows",
            )
        if b"origin" in found and not _same_origin(found[b"origin"], host):
            return Refusal(403, "requests from web pages are refused", "call the platform from a program, not a page")
        if token_needed and not self.knows_token(found.get(b"authorization", b"")):
            return Refusal(
                401,
                "the platform's key is missing or wrong",
                "send `Authorization: Bearer KEY`; `flash-tui platform env` shows the key",
            )
        return None

    def knows_token(self, authorization: bytes) -> bool:
        """`Bearer KEY`, or the bare key as the SDK's workers send it."""
        scheme, _, rest = authorization.strip().partition(b" ")
        offered = rest.strip() if scheme.lower() == b"bearer" else authorization.strip()
        return hmac.compare_digest(offered, self._token)


def _authority(raw: bytes) -> tuple[str, str] | None:
    """(host, port) in lower case; the port may be empty. None if it is no authority."""
    match = _AUTHORITY.fullmatch(raw.decode("latin-1").strip().lower())
    return (match["host"], match["port"] or "") if match else None


def _is_loopback(authority: tuple[str, str]) -> bool:
    host = authority[0]
    return host in _LOOPBACK_NAMES or (host.endswith(HOST_SUFFIX) and len(host) > len(HOST_SUFFIX))


def _same_origin(origin: bytes, host: tuple[str, str]) -> bool:
    """An origin that is the very host and port the request goes to (which is loopback already)."""
    text = origin.decode("latin-1").strip().lower()
    for scheme in _ORIGIN_SCHEMES:
        if text.startswith(scheme):
            return _authority(text.removeprefix(scheme).encode("latin-1")) == host
    return False


class UrlSigner:
    """Signed, expiring URLs: the official upload sends no key, so the URL carries its own secret."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode("ascii")

    def sign(self, method: str, key: str, expires_at: int) -> str:
        """The query that opens `/artifacts/{key}` to one method until `expires_at` (Unix seconds)."""
        return f"expires={expires_at}&signature={self._signature(method, key, str(expires_at))}"

    def verify(self, method: str, key: str, query: str, now: float) -> bool:
        """Whether `query` was made by `sign` for the same method and key, and has not expired."""
        try:
            values = parse_qs(query, strict_parsing=True, max_num_fields=8)
        except ValueError:
            return False
        expires, signature = values.get("expires", []), values.get("signature", [])
        if len(expires) != 1 or len(signature) != 1 or not re.fullmatch(r"[0-9]{1,12}", expires[0]):
            return False
        wanted = self._signature(method, key, expires[0])
        return hmac.compare_digest(signature[0].encode(), wanted.encode()) and now < int(expires[0])

    def _signature(self, method: str, key: str, expires: str) -> str:
        return hmac.new(self._secret, f"{method}\n{key}\n{expires}".encode(), sha256).hexdigest()
