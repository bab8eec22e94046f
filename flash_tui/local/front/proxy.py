"""Load-balanced requests: each goes to a worker of the set that is active at this instant, its body passed on unread.

What a worker never got is sent to another one. What it got is repeated only if the method says that this does no
harm, nothing was answered yet and the body is still at hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import anyio

from flash_tui.local import limits
from flash_tui.local.front.answer import HOP_BY_HOP, Answer, render_head
from flash_tui.local.front.http import BadRequest, Body, ClientGone, Headers, Request
from flash_tui.local.front.upstream import (
    SWITCHING,
    Upstream,
    UpstreamBroken,
    UpstreamHead,
    UpstreamPool,
    UpstreamUnsent,
)
from flash_tui.local.ports import Lease, Router
from flash_tui.models.errors import FlashTuiError, NotFound, TargetUnreachable
from flash_tui.models.identifiers import EndpointId

LB_PREFIX: Final = re.compile(r"/lb/(?P<endpoint>[A-Za-z0-9_-]+)(?=[/?]|$)")

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_NOT_FORWARDED: Final = HOP_BY_HOP | {
    b"authorization",  # the platform's key is no business of user code
    b"content-length",
    b"expect",
    b"x-forwarded-for",
    b"x-forwarded-host",
    b"x-forwarded-prefix",
    b"x-forwarded-proto",
}
CLIENT_GONE_STATUS: Final = 499
"""What a lease is told when the client left before its answer."""
_LOGS_HINT: Final = "`flash-tui logs` shows what the worker wrote"


@dataclass(frozen=True, slots=True)
class Destination:
    """Which endpoint a request is for, and what its worker sees of the URL."""

    endpoint_id: EndpointId
    target: str
    prefix: str = ""


def destination_by_path(target: str) -> Destination | None:
    """`/lb/{endpoint id}/route?query` → that endpoint and `/route?query`."""
    match = LB_PREFIX.match(target)
    if match is None:
        return None
    rest = target[match.end() :]
    return Destination(EndpointId(match["endpoint"]), rest if rest.startswith("/") else f"/{rest}", match[0])


class Forwarder:
    """Sends requests to workers and their answers to clients."""

    def __init__(self, router: Router, pool: UpstreamPool) -> None:
        self._router = router
        self._pool = pool

    async def forward(self, request: Request, answer: Answer, to: Destination, *, scheme: str, client: str) -> None:
        """Answer `request` by a worker of the endpoint; every failure is answered too."""
        with anyio.CancelScope() as scope:
            answer.stream.when_lost(scope.cancel)
            try:
                head = _head(request, to, scheme=scheme, client=client)
                await _Exchange(self._router, self._pool, request, answer, to, head).run()
            except FlashTuiError as error:
                status = 404 if isinstance(error, NotFound) else 503
                await answer.fail(status, error.what, where=error.where, hint=error.hint)
        if scope.cancelled_caught:
            raise ClientGone


class _Exchange:
    """One request on its way, through up to `MAX_ATTEMPTS` workers."""

    def __init__(
        self, router: Router, pool: UpstreamPool, request: Request, answer: Answer, to: Destination, head: bytes
    ) -> None:
        self._router = router
        self._pool = pool
        self._request = request
        self._answer = answer
        self._to = to
        self._head = head
        self._body = _Replay(request)

    async def run(self) -> None:
        """Answer by one worker after the other, until one has answered or it makes no sense to go on."""
        avoid: set[str] = set()
        failure: _Failure | None = None
        while (lease := await self._acquire(frozenset(avoid), failure)) is not None:
            avoid.add(lease.worker)
            failure = await self._attempt(lease)
            if failure is None:
                return
            if not failure.may_repeat or len(avoid) == limits.MAX_ATTEMPTS:
                break
        assert failure is not None  # a first worker is found, or the search has raised
        where = f"endpoint {self._to.endpoint_id}, worker {failure.worker}"
        await self._answer.fail(failure.status, failure.what, where=where, hint=_LOGS_HINT)

    async def _acquire(self, avoid: frozenset[str], failure: _Failure | None) -> Lease | None:
        """A worker; None if a request that was broken off finds no other one soon.

        Raises:
            NotFound, TargetUnreachable: see `Router.acquire`.
        """
        is_repeat = failure is not None and failure.was_sent
        with anyio.move_on_after(limits.REPEAT_TIMEOUT_S if is_repeat else limits.ACQUIRE_TIMEOUT_S):
            return await self._router.acquire(self._to.endpoint_id, avoid=avoid)
        if is_repeat:
            return None
        where = f"endpoint {self._to.endpoint_id}"
        raise TargetUnreachable("no worker became free in time", where=where, hint=_LOGS_HINT)

    async def _attempt(self, lease: Lease) -> _Failure | None:
        """None if it was answered. Raises ClientGone, BadRequest, TimeoutError: the client's doing."""
        started = anyio.current_time()
        failure: _Failure | None = None
        try:
            while not await self._sent(lease):
                pass
        except UpstreamUnsent:
            what = "no worker takes the request"
            failure = _Failure(502, what, lease.worker, was_sent=False, may_repeat=self._body.can_replay)
        except UpstreamBroken:
            harmless = self._request.method in _IDEMPOTENT and self._body.can_replay and self._answer.status is None
            what = "the worker broke off before it had answered"
            failure = _Failure(502, what, lease.worker, was_sent=True, may_repeat=harmless)
        except _NoAnswer:
            what = f"the worker gave no answer within {limits.ANSWER_TIMEOUT_S:.0f} s"
            failure = _Failure(504, what, lease.worker, was_sent=True, may_repeat=False)
        finally:
            status = None if failure is not None else self._answer.status or CLIENT_GONE_STATUS
            lease.release(status_code=status, elapsed_ms=(anyio.current_time() - started) * 1000)
        return failure

    async def _sent(self, lease: Lease) -> bool:
        """False if it was an idle connection that the worker had closed meanwhile: another one may do."""
        upstream = await self._pool.take(lease.socket_path)
        try:
            await self._exchange(upstream)
        except UpstreamUnsent:
            if upstream.idle_since is None or not self._body.can_replay:
                raise
            return False
        finally:
            self._pool.give_back(lease.socket_path, upstream)
        return True

    async def _exchange(self, upstream: Upstream) -> None:
        start, complete = self._body.start()
        upstream.begin(self._request.method, self._head + start)
        if complete:
            await self._relay(upstream)
            return
        pump = _Pump(self._body, upstream)
        async with anyio.create_task_group() as group:
            group.start_soon(pump.run, group.cancel_scope)
            try:
                await self._relay(upstream)
            except (UpstreamBroken, _NoAnswer, ClientGone, TimeoutError) as error:
                pump.failure = pump.failure or error
            group.cancel_scope.cancel()
        if pump.failure is not None:
            raise pump.failure
        if not pump.done:
            upstream.spoil()

    async def _relay(self, upstream: Upstream) -> None:
        head = await _answer_head(upstream)
        self._body.keep = False
        if head.status == SWITCHING:
            if not self._request.upgrades:
                raise UpstreamBroken
            self._answer.switch(render_head(SWITCHING, head.headers), upstream.rest, upstream)
            await self._answer.stream.wait_lost()
            return
        self._answer.start(head.status, head.headers)
        while chunk := await upstream.read():
            await self._answer.write(chunk)
        self._answer.end()


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a worker did not answer a request."""

    status: int
    what: str
    worker: str
    was_sent: bool
    may_repeat: bool


class _NoAnswer(Exception):
    """The worker took too long."""


async def _answer_head(upstream: Upstream) -> UpstreamHead:
    with anyio.move_on_after(limits.ANSWER_TIMEOUT_S):
        return await upstream.head()
    raise _NoAnswer


class _Replay:
    """A request's body, framed for the worker; its beginning is kept as long as it may be sent again."""

    def __init__(self, request: Request) -> None:
        self._body: Body = request.body
        self._chunked = bool(request.header(b"transfer-encoding"))
        self._kept = b""
        self._closed = False
        """The chunk that ends it was framed."""
        self.keep = True
        self.can_replay = True

    def start(self) -> tuple[bytes, bool]:
        """What goes out with the head, and whether this is all."""
        chunk = self._body.take()
        again = self._kept
        return again + self._framed(chunk, ended=self._body.ended), self._body.ended

    async def next(self) -> tuple[bytes, bool]:
        chunk = await self._body.read()
        ended = self._body.read_to_end
        return self._framed(chunk, ended=ended), ended

    def _framed(self, chunk: bytes, *, ended: bool) -> bytes:
        framed = chunk
        if self._chunked:
            framed = b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunk else b""
            framed += b"0\r\n\r\n" if ended and not self._closed else b""
            self._closed = ended
        self._remember(framed)
        return framed

    def _remember(self, framed: bytes) -> None:
        if not self.keep or len(self._kept) + len(framed) > limits.REPLAY_BYTES:
            self.can_replay = self.can_replay and not framed
            self.keep, self._kept = False, b""
        else:
            self._kept += framed


class _Pump:
    """Passes on the rest of a body while the answer may begin already."""

    def __init__(self, body: _Replay, upstream: Upstream) -> None:
        self._body = body
        self._upstream = upstream
        self.done = False
        self.failure: Exception | None = None

    async def run(self, scope: anyio.CancelScope) -> None:
        try:
            while not self.done:
                framed, self.done = await self._body.next()
                self._upstream.write(framed)
                await self._drain()
        except (ClientGone, BadRequest, TimeoutError, _NoAnswer) as error:
            self.failure = error
            scope.cancel()

    async def _drain(self) -> None:
        try:
            await self._upstream.drain()
        except TimeoutError as error:
            raise _NoAnswer from error


def _head(request: Request, to: Destination, *, scheme: str, client: str) -> bytes:
    """The request's head as the worker gets it."""
    values = [value for name, value in request.headers if name == b"connection"]
    named = {token.strip().lower() for value in values for token in value.split(b",")} - {b"host"}
    headers: Headers = [pair for pair in request.headers if pair[0] not in _NOT_FORWARDED and pair[0] not in named]
    if request.header(b"transfer-encoding"):
        headers.append((b"transfer-encoding", b"chunked"))
    elif (length := request.content_length) is not None:
        headers.append((b"content-length", b"%d" % length))
    headers += [
        (b"x-forwarded-for", client.encode("ascii")),
        (b"x-forwarded-proto", scheme.encode("ascii")),
        (b"x-forwarded-host", request.header(b"host")),
    ]
    if to.prefix:
        headers.append((b"x-forwarded-prefix", to.prefix.encode("ascii")))
    if request.upgrades:
        headers += [(b"connection", b"Upgrade"), (b"upgrade", b"websocket")]
    lines = [f"{request.method} {to.target} HTTP/1.1".encode("ascii"), *(b"%b: %b" % pair for pair in headers)]
    return b"\r\n".join(lines) + b"\r\n\r\n"
