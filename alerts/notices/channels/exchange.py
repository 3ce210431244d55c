"""HTTPS exchange: checked addresses, kept connections, no redirects, bounded time and size."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

import httpcore

from .destinations import Destination, allowed

ANSWER_BYTES_MAX = 65_536
FAILURES = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
"""Errors of an exchange besides OSError and ValueError."""
_SEND_BUFFER_BYTES = 65_536
"""Room for the whole request, so that a receiver which reads slowly cannot delay the sender."""


KEPT_MAX = 2
"""Connections that are kept open: the outbox and the outbox in memory may send at the same time."""
KEEP_S = 60.0
"""Time without a request after which a connection is closed."""
_CLOSED = (httpcore.RemoteProtocolError, httpcore.ReadError, httpcore.WriteError)
"""Errors of a connection that the receiver has closed."""


class Exchange:
    """Posts to one destination over kept connections. Methods may be called from several threads."""

    def __init__(
        self,
        destination: Destination,
        *,
        allow_private: bool,
        timeout_s: float,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
    ) -> None:
        """timeout_s: limit of a whole exchange: name resolution, connection, request and response."""
        self._destination, self._timeout_s, self._bytes_max = destination, timeout_s, answer_bytes_max
        self._limit = _Limit()
        secure = destination.scheme == "https"
        self._pool = httpcore.ConnectionPool(
            # certificates of the system and of certifi
            ssl_context=httpcore.default_ssl_context() if secure else None,
            retries=0,
            max_keepalive_connections=KEPT_MAX,
            keepalive_expiry=KEEP_S,
            network_backend=_CheckedNetwork(_Resolver(destination, allow_private=allow_private), self._limit),
        )
        weakref.finalize(self, self._pool.close)

    def post(self, headers: Mapping[str, str], body: bytes, *, target: str = "") -> int:
        """Return the status of the response. Raises OSError, ValueError and FAILURES.

        target: path and query at the destination's host, if others than its own.
        """
        return self.ask("POST", {**headers, "content-length": str(len(body))}, body, target=target)[0]

    def get(self) -> int:
        """Return the status of the response. Raises OSError, ValueError and FAILURES."""
        return self.ask("GET", {}, None)[0]

    def ask(
        self, method: str, headers: Mapping[str, str], body: bytes | None, *, query: str = "", target: str = ""
    ) -> tuple[int, bytes]:
        """Return status and content of the response, read up to its limit. Raises as `post`.

        query: further parameters of the URL. A kept connection that the receiver has closed is replaced once.
        """
        return self.challenged(method, headers, body, query=query, target=target)[:2]

    def challenged(
        self, method: str, headers: Mapping[str, str], body: bytes | None, *, query: str = "", target: str = ""
    ) -> tuple[int, bytes, list[str]]:
        """Return status, content and the values of `www-authenticate`; see `ask`."""
        self._limit.until_s = time.monotonic() + self._timeout_s
        to = self._destination
        target = target or to.target
        target = f"{target}{'&' if '?' in target else '?'}{query}" if query else target
        url = httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=target)
        fields = [("host", to.authority), *headers.items()]
        for _ in range(KEPT_MAX):
            opened: list[str] = []
            try:
                return self._once(method, url, fields, body, opened)
            except _CLOSED:
                if opened:
                    raise
        return self._once(method, url, fields, body, [])

    def _once(
        self, method: str, url: httpcore.URL, fields: list[tuple[str, str]], body: bytes | None, opened: list[str]
    ) -> tuple[int, bytes, list[str]]:
        """Return status, content and challenges of one attempt. opened: gets an entry for a new connection."""

        def trace(event: str, _facts: Mapping[str, Any]) -> None:
            if event == "connection.connect_tcp.started":
                opened.append(event)

        answer = bytearray()
        with (
            self._pool.stream(method, url, headers=fields, content=body, extensions={"trace": trace}) as response,
            contextlib.suppress(httpcore.TimeoutException),  # the status has arrived
        ):
            _drain(response.iter_stream(), answer, self._bytes_max)
        asked = [value.decode("latin-1") for name, value in response.headers if name.lower() == b"www-authenticate"]
        return int(response.status), bytes(answer), asked


class _Limit(threading.local):
    """End of the exchange of this thread, in monotonic seconds."""

    until_s = 0.0

    def left_s(self) -> float:
        """Return the time that is left. Raises httpcore.ReadTimeout after the end."""
        left_s = self.until_s - time.monotonic()
        if left_s <= 0:
            raise httpcore.ReadTimeout("the time limit of the exchange")
        return left_s


def _drain(chunks: Iterable[bytes], answer: bytearray, bytes_max: int) -> None:
    """Read the response up to its limit: closing a connection with unread bytes would reset it."""
    for chunk in chunks:
        answer += chunk
        if len(answer) > bytes_max:
            return


class _Resolver:
    """Resolves and checks the addresses of one destination within a time limit."""

    def __init__(self, destination: Destination, *, allow_private: bool) -> None:
        self._destination, self._allow_private = destination, allow_private
        self._running: Future[list[str]] | None = None
        self._lock = threading.Lock()

    def addresses(self, timeout_s: float) -> list[str]:
        """Return all addresses of the host. Raises ValueError unless every one is allowed, OSError for none.

        The system's resolver has no time limit: it runs in a thread of its own, one at a time. Requests at the same
        time share its result.
        """
        with self._lock:
            if self._running is None or self._running.done():
                self._running = Future()
                threading.Thread(target=self._resolve, args=(self._running,), name="resolve", daemon=True).start()
            running = self._running
        try:
            found = running.result(timeout_s)
        except TimeoutError:
            raise TimeoutError("the name resolution takes too long") from None
        if not found or not all(allowed(address, allow_private=self._allow_private) for address in found):
            raise ValueError(f"{self._destination.host} has an address that webhooks may not go to")
        return found

    def _resolve(self, result: Future[list[str]]) -> None:
        to = self._destination
        try:
            found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
        except OSError as error:
            result.set_exception(error)
        except UnicodeError as error:
            result.set_exception(OSError(str(error)))
        else:
            result.set_result([*dict.fromkeys(str(entry[4][0]) for entry in found)])


class _CheckedNetwork(httpcore.NetworkBackend):
    """Network of one destination: connects to checked addresses only, and ends every operation at the time limit."""

    def __init__(self, resolver: _Resolver, limit: _Limit) -> None:
        self._resolver, self._limit = resolver, limit
        self._backend = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers; the host name stays in the header and the certificate check."""
        del host, timeout, local_address, socket_options
        options = [(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)]
        addresses = self._resolver.addresses(self._limit.left_s())
        for number, address in enumerate(addresses, 1):
            share_s = self._limit.left_s() / (len(addresses) - number + 1)
            try:
                stream = self._backend.connect_tcp(address, port, timeout=share_s, socket_options=options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
            else:
                return _TimedStream(stream, self._limit)
        raise OSError("the host has no address")


class _TimedStream(httpcore.NetworkStream):
    """A connection whose operations end at one time, however slowly the other side sends."""

    def __init__(self, stream: httpcore.NetworkStream, limit: _Limit) -> None:
        self._stream, self._limit = stream, limit

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within the time limit of the exchange."""
        del timeout
        return self._stream.read(max_bytes, self._limit.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write within the time limit of the exchange."""
        del timeout
        self._stream.write(buffer, self._limit.left_s())

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Start TLS within the time limit of the exchange."""
        del timeout
        inner = self._stream.start_tls(ssl_context, server_hostname, self._limit.left_s())
        return _TimedStream(inner, self._limit)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Return a fact about the connection."""
        return self._stream.get_extra_info(info)
