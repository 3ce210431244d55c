"""ASGI middleware: bound on the request body, security headers, request durations."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .problem import problem

POLICY = (
    "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""Only styles may be inline: the map and the charts position their elements by style attributes."""
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 2, 10)


class TooLarge(Exception):  # noqa: N818 - names the state
    """The body exceeds its bound."""


class RequestLimits:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, *, body_bytes_max: int, registry: CollectorRegistry) -> None:
        self._app, self._body_bytes_max = app, body_bytes_max
        self._seconds = Histogram(
            "twinward_http_request_seconds",
            "Duration of a request, without the live stream",
            labelnames=("method", "status"),
            buckets=BUCKETS_S,
            registry=registry,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > self._body_bytes_max:
            await self._refuse(scope, receive, send)
            return
        begun = time.perf_counter()
        status: list[int] = []
        try:
            await self._app(scope, self._bounded(receive), _with_headers(send, scope["path"], status))
        except TooLarge:
            await self._refuse(scope, receive, send)
        if status and not scope["path"].endswith("/events"):
            self._seconds.labels(scope["method"], str(status[0])).observe(time.perf_counter() - begun)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem(413, f"the body exceeds {self._body_bytes_max} bytes")
        await response(scope, receive, _with_headers(send, scope["path"], []))

    def _bounded(self, receive: Receive) -> Callable[[], Awaitable[Message]]:
        received = 0

        async def read() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._body_bytes_max:
                raise TooLarge
            return message

        return read


def _with_headers(send: Send, path: str, status: list[int]) -> Send:
    """Return `send` with the headers added; it appends the status to `status`."""

    async def write(message: Message) -> None:
        if message["type"] == "http.response.start":
            status.append(message["status"])
            extra = list(HEADERS)
            if path.startswith("/api/"):
                extra.append((b"cache-control", b"no-store"))
            message["headers"] = [*message.get("headers", []), *extra]
        await send(message)

    return write
