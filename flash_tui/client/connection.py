"""One target's connections: kept alive, every wait and every answer bounded, every failure one of ours."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from flash_tui import __version__
from flash_tui.client import limits
from flash_tui.client.failures import first_problem, refusal, transport_errors, unreadable
from flash_tui.client.target import Target

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

Parameters = Mapping[str, str | int | float | bool | None]
Body = bytes | AsyncIterable[bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, whatever its status."""

    url: str
    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_error(self) -> bool:
        return self.status >= 400  # noqa: PLR2004 - HTTP


class Connection:
    """Asks one target. Close it, or use it as a context manager."""

    def __init__(self, target: Target, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.target = target
        self._http = httpx.AsyncClient(
            headers={"User-Agent": f"flash-tui/{__version__}"}
            | ({"Accept-Encoding": "identity"} if target.is_local else {}),
            timeout=timeouts(limits.ANSWER_S),
            limits=httpx.Limits(
                max_connections=limits.MAX_CONNECTIONS,
                max_keepalive_connections=limits.MAX_CONNECTIONS,
                keepalive_expiry=limits.KEEP_ALIVE_S,
            ),
            transport=transport,
            # The local platform speaks plain http, and reading the root certificates takes 15 ms.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if target.is_local else True,
            trust_env=not target.is_local,  # a proxy for this machine's own loopback is never what anybody means
            follow_redirects=False,  # a redirect would carry the key elsewhere
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        parameters: Parameters | None = None,
        body: Body | None = None,
        headers: Mapping[str, str] | None = None,
        answer_s: float = limits.ANSWER_S,
        max_bytes: int = limits.MAX_ANSWER_BYTES,
        with_key: bool = True,
    ) -> Answer:
        """One request; the answer whatever its status.

        Raises:
            TargetUnreachable: no answer, or not all of it.
            FlashTuiError: the answer is larger than `max_bytes`.
        """
        with transport_errors(self.target, url):
            request = self._request(method, url, parameters, body, headers, answer_s, with_key=with_key)
            response = await self._http.send(request, stream=True)
            try:
                content = await self._read(response, url, max_bytes)
            finally:
                await response.aclose()
        return Answer(url, response.status_code, response.headers, content)

    async def json(self, method: str, url: str, document: object = None, **options: Any) -> object:  # noqa: ANN401
        """Send a document (or nothing) and take one; `options` as of `ask`.

        Raises:
            FlashTuiError: of the family that the answer's status or error document says.
        """
        if document is not None:
            options["body"] = dump(document)
            options["headers"] = {"Content-Type": "application/json"}
        answer = await self.ask(method, url, **options)
        if answer.is_error:
            raise refusal(self.target, url, answer.status, answer.content)
        return self.parse(answer)

    def parse(self, answer: Answer) -> object:
        """The answer's JSON."""
        try:
            return json.loads(answer.content) if answer.content else None
        except (ValueError, RecursionError) as error:
            raise unreadable(self.target, answer.url, "not JSON") from error

    def model(self, kind: type[M], raw: object, url: str) -> M:
        """`raw` as a document of ours."""
        try:
            return kind.model_validate(raw)
        except ValidationError as error:
            raise unreadable(self.target, url, first_problem(error)) from error

    def adapt(self, kind: TypeAdapter[T], raw: object, url: str) -> T:
        """`raw` as what an adapter makes of it: lists and unions of documents."""
        try:
            return kind.validate_python(raw)
        except ValidationError as error:
            raise unreadable(self.target, url, first_problem(error)) from error

    @asynccontextmanager
    async def stream(
        self, url: str, *, parameters: Parameters | None = None, silence_s: float
    ) -> AsyncGenerator[httpx.Response]:
        """An answer that goes on; lost when silent for `silence_s`. The body is read inside `transport_errors`."""
        with transport_errors(self.target, url):
            request = self._request(
                "GET", url, parameters, None, {"Accept": "text/event-stream"}, silence_s, with_key=True
            )
            response = await self._http.send(request, stream=True)
            try:
                if response.status_code >= 400:  # noqa: PLR2004 - HTTP
                    content = await self._read(response, url, limits.MAX_ANSWER_BYTES)
                    raise refusal(self.target, url, response.status_code, content)
                yield response
            finally:
                await response.aclose()

    def _request(
        self,
        method: str,
        url: str,
        parameters: Parameters | None,
        body: Body | None,
        headers: Mapping[str, str] | None,
        answer_s: float,
        *,
        with_key: bool,
    ) -> httpx.Request:
        if not _is_web_address(url):
            raise httpx.UnsupportedProtocol("not an http or https address")
        wanted = {name: value for name, value in (parameters or {}).items() if value is not None}
        request = self._http.build_request(
            method, url, params=wanted or None, content=body, headers=dict(headers or {}), timeout=timeouts(answer_s)
        )
        if with_key and self.target.token and self.target.knows(url):
            request.headers["Authorization"] = f"Bearer {self.target.token}"
        return request

    async def _read(self, response: httpx.Response, url: str, max_bytes: int) -> bytes:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > max_bytes:
                raise unreadable(self.target, url, f"more than {max_bytes} bytes")
        return bytes(content)


def _is_web_address(url: str) -> bool:
    """Addresses come from answers, too."""
    try:
        place = urlsplit(url)
    except ValueError:
        return False
    return place.scheme in {"http", "https"} and bool(place.hostname)


def timeouts(answer_s: float) -> httpx.Timeout:
    """All four waits of a request."""
    return httpx.Timeout(connect=limits.CONNECT_S, read=answer_s, write=limits.WRITE_S, pool=limits.POOL_S)


def dump(document: object) -> bytes:
    """A document or plain JSON value as bytes."""
    if isinstance(document, BaseModel):
        return document.model_dump_json().encode()
    return json.dumps(document, separators=(",", ":")).encode()
