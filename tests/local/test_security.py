"""Who is let in, what URLs open, and that no secret reaches a log."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash_tui.local.security import Gate, UrlSigner, secret_file

GATE = Gate("s3cret-token")
AUTHORISED = (b"authorization", b"Bearer s3cret-token")
SIGNER = UrlSigner("another-secret")


def status(*headers: tuple[bytes, bytes]) -> int | None:
    refusal = GATE.check(headers)
    return refusal.status if refusal else None


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8000",
        "localhost",
        "LOCALHOST:1",
        "[::1]",
        "[::1]:8000",
        "flash.localhost:8000",
        "ep1.flash.localhost",
        "ep1.flash.localhost:8000",
    ],
)
def test_loopback_hosts_are_let_in(host: str) -> None:
    assert status((b"host", host.encode()), AUTHORISED) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "flash.localhost.evil.example",
        "127.0.0.1@evil.example",
        "evil.example#localhost",
        ".flash.localhost",
        "xflash.localhost",
        "0.0.0.0",
        "127.0.0.1:",
        "localhost localhost",
        "localhost, evil.example",
        "locälhost",
        "localhost:99999999",
    ],
)
def test_any_other_host_is_refused(host: str) -> None:
    assert status((b"host", host.encode("latin-1")), AUTHORISED) in {400, 421}


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://127.0.0.1:8000", True),
        ("https://127.0.0.1:8000", True),
        ("http://127.0.0.1:8001", False),
        ("http://localhost:8000", False),
        ("http://127.0.0.1", False),
        ("http://evil.example", False),
        ("http://127.0.0.1:8000.evil.example", False),
        ("null", False),
        ("", False),
        ("file://", False),
        ("chrome-extension://127.0.0.1:8000", False),
    ],
)
def test_only_the_platforms_own_pages_may_ask(origin: str, allowed: bool) -> None:
    refused = status((b"host", b"127.0.0.1:8000"), (b"origin", origin.encode()), AUTHORISED)
    assert refused == (None if allowed else 403)


@pytest.mark.parametrize("value", [b"Bearer s3cret-token", b"bearer  s3cret-token ", b"s3cret-token"])
def test_the_key_opens_with_and_without_bearer(value: bytes) -> None:
    assert status((b"host", b"localhost"), (b"authorization", value)) is None


@pytest.mark.parametrize("value", [b"", b"Bearer", b"Bearer s3cret", b"Basic s3cret-token", b"s3cret-tokenx", b"\xff"])
def test_anything_else_does_not(value: bytes) -> None:
    assert status((b"host", b"localhost"), (b"authorization", value)) == 401


def test_no_key_is_refused_and_two_of_a_header_are() -> None:
    assert status((b"host", b"localhost")) == 401
    assert status((b"host", b"localhost"), AUTHORISED, AUTHORISED) == 400


def test_where_no_key_is_needed_host_and_origin_still_count() -> None:
    page = [(b"host", b"localhost"), (b"origin", b"http://evil.example")]
    assert GATE.check([(b"host", b"localhost")], token_needed=False) is None
    refusal = GATE.check(page, token_needed=False)
    assert refusal is not None
    assert refusal.status == 403


def test_a_signed_url_opens_what_it_was_made_for_until_it_expires() -> None:
    query = SIGNER.sign("PUT", "a/b", 1000)
    assert SIGNER.verify("PUT", "a/b", query, 999)
    assert not SIGNER.verify("PUT", "a/b", query, 1000)
    assert not SIGNER.verify("GET", "a/b", query, 999)
    assert not SIGNER.verify("PUT", "a/c", query, 999)
    assert not UrlSigner("a third secret").verify("PUT", "a/b", query, 999)


@pytest.mark.parametrize(
    "change",
    [
        ("expires=1000", "expires=9999"),
        ("expires=1000&", ""),
        ("expires=", "expires=+"),
        ("signature=", "signature=0"),
        ("expires=1000", "expires=1000&expires=2000"),
        ("signature=", "signature=x&signature="),
        ("=", ""),
    ],
)
def test_a_changed_signed_url_opens_nothing(change: tuple[str, str]) -> None:
    assert not SIGNER.verify("PUT", "a/b", SIGNER.sign("PUT", "a/b", 1000).replace(*change), 999)


@given(st.text(max_size=60))
def test_no_made_up_query_opens_anything(query: str) -> None:
    assert not SIGNER.verify("PUT", "a/b", query, 0)


def test_a_secret_file_is_made_once_and_is_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "platform" / "token"
    secret = secret_file(path)
    assert (len(secret) >= 43, secret_file(path)) == (True, secret)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["token"]


def test_many_makers_of_a_secret_get_the_same(tmp_path: Path) -> None:
    secrets: list[str] = []
    threads = [threading.Thread(target=lambda: secrets.append(secret_file(tmp_path / "token"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(secrets), len(set(secrets))) == (16, 1)
