"""ASGI middleware: bounds on the request, security headers, request durations."""

from __future__ import annotations

import re
import time

from anyio import move_on_after, to_thread
from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from alerts.dangers.photos import BYTES_MAX

from .problem import INVALID, problem
from .unstorable import Fault, in_body, in_target

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
"""Nothing may be inline. Map and charts position their elements by script, which the policy does not restrict."""
HEADERS = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
CLOSE = {"Connection": "close"}
"""The rest of a body above the bound is never read, so the connection cannot serve another request."""
BUCKETS_S = (0.005, 0.02, 0.1, 0.5, 2, 10)


PHOTO_BYTES_MAX = BYTES_MAX
PHOTO_PATHS = re.compile(
    r"/api/v1/(?:dangers/[^/]+/photos|reports/[^/]+/photo|inspections/[^/]+/[^/]+/entries/[^/]+/photo)"
)
PLAN_PATHS = re.compile(r"/api/v1/plans/[^/]+/pictures")
"""Routes that take a photo or the picture of a plan have a bound of their own."""
UPLOADS_MAX, UPLOAD_S = 8, 120.0
"""Photos and pictures that are received and drawn at once, and the time to receive one.

Anyone may send a photo: without a bound, many at once would take the memory and the threads of the service.
"""
THREAD_BYTES = 32_768
"""Bodies above this size are checked in a thread, so that the event loop serves others meanwhile."""


class RequestLimits:
    """ASGI middleware around the whole application."""

    def __init__(
        self, app: ASGIApp, *, body_bytes_max: int, picture_bytes_max: int, registry: CollectorRegistry
    ) -> None:
        self._app, self._body_bytes_max, self._picture_bytes_max = app, body_bytes_max, picture_bytes_max
        self._uploads = 0
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
        begun = time.perf_counter()
        status: list[int] = []
        send = _with_headers(send, scope["path"], status)
        if self._takes_upload(scope["path"]):
            await self._upload(scope, receive, send)
        else:
            await self._bounded(scope, receive, send)
        if status and not scope["path"].endswith("/events"):
            self._seconds.labels(scope["method"], str(status[0])).observe(time.perf_counter() - begun)

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a photo or picture, or refuse it while others are served."""
        if self._uploads >= UPLOADS_MAX:
            headers = CLOSE | {"Retry-After": "5"}
            busy = problem(503, "other photos are received", zh="正在接收其他照片，请稍后再试", headers=headers)
            await busy(scope, receive, send)
            return
        self._uploads += 1
        try:
            await self._bounded(scope, receive, send, limit_s=UPLOAD_S)
        finally:
            self._uploads -= 1

    async def _bounded(self, scope: Scope, receive: Receive, send: Send, *, limit_s: float | None = None) -> None:
        headers = dict(scope["headers"])
        most = self._bytes_max(scope["path"])
        with move_on_after(limit_s) as waiting:
            body = await _read(headers, receive, most)
        if waiting.cancelled_caught:
            detail, zh = f"the body did not arrive within {limit_s:g} s", f"内容未在 {limit_s:g} 秒内传完"
            await problem(408, detail, zh=zh, headers=CLOSE)(scope, receive, send)
        elif body is None:
            zh = f"内容超过 {most} 字节"
            await problem(413, f"the body exceeds {most} bytes", zh=zh, headers=CLOSE)(scope, receive, send)
        elif fault := await _fault(scope, headers, body):
            rows = [{"path": fault.path, "message": fault.message, "text": {"zh": fault.zh, "en": fault.message}}]
            await problem(422, f"{fault.path}: {fault.message}", zh=INVALID["zh"], en=INVALID["en"], errors=rows)(
                scope, receive, send
            )
        else:
            await self._app(scope, _replayed(body, receive), send)

    @staticmethod
    def _takes_upload(path: str) -> bool:
        return (PLAN_PATHS.fullmatch(path) or PHOTO_PATHS.fullmatch(path)) is not None

    def _bytes_max(self, path: str) -> int:
        if PLAN_PATHS.fullmatch(path):
            return self._picture_bytes_max
        return PHOTO_BYTES_MAX if PHOTO_PATHS.fullmatch(path) else self._body_bytes_max


async def _read(headers: dict[bytes, bytes], receive: Receive, most: int) -> bytes | None:
    """Return the body; None for one above the bound, without the rest of it."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > most:
        return None
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > most:
            return None
        if not message.get("more_body"):  # a client that disconnects sends no more either
            return bytes(body)


async def _fault(scope: Scope, headers: dict[bytes, bytes], body: bytes) -> Fault | None:
    if not scope["path"].startswith("/api/"):
        return None
    raw_path = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogatepass")
    if fault := in_target(raw_path, scope["query_string"]):
        return fault
    content_type = headers.get(b"content-type", b"")
    if len(body) > THREAD_BYTES:
        return await to_thread.run_sync(in_body, content_type, body)
    return in_body(content_type, body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that yields the body that was read, then the messages behind it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Message:
        return waiting.pop() if waiting else await receive()

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
