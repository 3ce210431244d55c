"""ASGI middleware: turns of requests, and a rate for each caller, so that readers delay no alarm.

Handlers share the interpreter with the path of an alarm. Few of them run at the same time. A caller is a token or,
without one, an address.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass
from hashlib import blake2b

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.api import HttpSettings
from alerts.api.cookies import READS, SESSION_COOKIE
from alerts.api.problem import problem

BURST_S = 6
"""A caller may use the requests of this time at once."""
WAITING_MAX = 16
"""Reads of one caller that wait for their turn."""
WRITES_PARALLEL, SIGN_INS_PARALLEL, PAGES_PARALLEL, PROBES_PARALLEL = 8, 8, 8, 2
"""Writes wait for a locked database. Together with the reads they leave connections and threads to the others."""
API, STREAM, SIGN_IN = "/api/", "/api/v1/events", "/api/v1/session"
"""Files of the console are outside the API. They have no bound per address, which may be that of a whole school."""
PROBES = frozenset(("/healthz", "/readyz", "/metrics"))
"""Health probes have turns of their own: no reader makes the service look dead."""


class Turns:
    """Middleware inside those that find the client's address; each kind of request has turns of its own."""

    def __init__(self, app: ASGIApp, *, settings: HttpSettings) -> None:
        self._app, self._per_caller = app, settings.reads_per_caller
        self._rate = RateLimitItemPerSecond(settings.requests_per_s * BURST_S, BURST_S)
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._reads, self._probes = asyncio.Semaphore(settings.reads_max), asyncio.Semaphore(PROBES_PARALLEL)
        self._pages = asyncio.Semaphore(PAGES_PARALLEL)
        self._writes, self._sign_ins = asyncio.Semaphore(WRITES_PARALLEL), asyncio.Semaphore(SIGN_INS_PARALLEL)
        self._callers: dict[str, _Caller] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it with 429."""
        if scope["type"] != "http" or scope["path"] == STREAM:
            await self._app(scope, receive, send)
            return
        if not scope["path"].startswith(API) and scope["path"] not in PROBES:
            await self._run(_Turn(self._pages), scope, receive, send)
            return
        reads = scope["method"] in READS
        key = _caller(Request(scope))
        if not self._window.hit(self._rate, "read" if reads else "write", key):
            await self._refuse_rate(key, reads=reads)(scope, receive, send)
        elif not reads:
            await self._run(_Turn(self._sign_ins if scope["path"] == SIGN_IN else self._writes), scope, receive, send)
        else:
            await self._read(key, scope, receive, send)

    async def _read(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        caller = self._callers.setdefault(key, _Caller(asyncio.Semaphore(self._per_caller)))
        if caller.requests >= self._per_caller + WAITING_MAX:
            detail = f"{caller.requests} reads of this token or address are open, the maximum"
            zh = f"此登录或地址已有 {caller.requests} 个读取请求，已达上限"
            await problem(429, detail, zh=zh, headers={"Retry-After": "1"})(scope, receive, send)
            return
        caller.requests += 1
        turn = _Turn(caller.turns, self._probes if scope["path"] in PROBES else self._reads)
        try:
            await self._run(turn, scope, receive, send)
        finally:
            caller.requests -= 1
            if not caller.requests:
                del self._callers[key]

    async def _run(self, turn: _Turn, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await turn.acquire()
            await self._app(scope, receive, turn.sender(send))
        finally:
            turn.release()

    def _refuse_rate(self, key: str, *, reads: bool) -> ASGIApp:
        ends_s = self._window.get_window_stats(self._rate, "read" if reads else "write", key).reset_time
        wait_s = min(max(1, math.ceil(ends_s - time.time())), BURST_S)
        allowed = f"{self._rate.amount} in {BURST_S} s"
        detail = f"more requests than {allowed} from this token or address; try again in {wait_s} s"
        zh = f"此登录或地址的请求过多，请 {wait_s} 秒后再试"
        return problem(429, detail, zh=zh, headers={"Retry-After": str(wait_s)})


@dataclass
class _Caller:
    """turns: of its running reads; requests: number of its open reads."""

    turns: asyncio.Semaphore
    requests: int = 0


class _Turn:
    """Right to run, of the caller and of the service. It is free while the client takes a part of the answer."""

    def __init__(self, *turns: asyncio.Semaphore) -> None:
        self._turns = turns
        self._held: list[asyncio.Semaphore] = []

    async def acquire(self) -> None:
        for turn in self._turns:
            await turn.acquire()
            self._held.append(turn)

    def release(self) -> None:
        while self._held:
            self._held.pop().release()

    def sender(self, send: Send) -> Send:
        """Return `send` that releases the turn while the client is slow."""

        async def write(message: Message) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            self.release()
            await send(message)
            if message.get("more_body"):
                await self.acquire()

        return write


def _caller(request: Request) -> str:
    """Return the key of the token, or the address of a request without one."""
    token = request.headers.get("authorization") or request.cookies.get(SESSION_COOKIE)
    if token:
        return blake2b(token.encode(), digest_size=16).hexdigest()
    return request.client.host if request.client else ""
