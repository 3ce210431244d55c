"""HTTPS exchange with checked addresses, without redirects, bounded in time and size as a whole."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping
from typing import Any

import httpcore

from .destinations import Destination, allowed

ANSWER_BYTES_MAX = 65_536
_SEND_BUFFER_BYTES = 65_536
"""Room for the whole request, so that a receiver which reads slowly cannot delay the sender."""


class Exchange:
    """Posts to one destination. Not thread-safe: one worker delivers for one channel."""

    def __init__(self, destination: Destination, *, allow_private: bool, timeout_s: float) -> None:
        """timeout_s: limit of a whole exchange: name resolution, connection, request and response."""
        self._destination, self._timeout_s = destination, timeout_s
        self._resolver = _Resolver(destination, allow_private=allow_private)
        self._tls = httpcore.default_ssl_context()  # certificates of the system and of certifi

    def post(self, headers: Mapping[str, str], body: bytes) -> int:
        """Return the status of the response. Raises OSError, ValueError and the errors of httpcore."""
        until_s = time.monotonic() + self._timeout_s
        to = self._destination
        url = httpcore.URL(scheme=to.scheme, host=to.host, port=to.port, target=to.target)
        fields = [("host", to.authority), *headers.items(), ("content-length", str(len(body)))]
        backend = _CheckedNetwork(self._resolver, until_s)
        with (
            httpcore.ConnectionPool(ssl_context=self._tls, retries=0, network_backend=backend) as pool,
            pool.stream("POST", url, headers=fields, content=body) as response,
            contextlib.suppress(httpcore.TimeoutException),  # the status has arrived
        ):
            _drain(response.iter_stream())
        return int(response.status)


def _drain(chunks: Iterable[bytes]) -> None:
    """Read the response up to its limit: closing a connection with unread bytes would reset it."""
    read = 0
    for chunk in chunks:
        read += len(chunk)
        if read > ANSWER_BYTES_MAX:
            return


class _Resolver:
    """Resolves and checks the addresses of one destination within a time limit."""

    def __init__(self, destination: Destination, *, allow_private: bool) -> None:
        self._destination, self._allow_private = destination, allow_private
        self._running: threading.Thread | None = None

    def addresses(self, timeout_s: float) -> list[str]:
        """Return all addresses of the host. Raises ValueError unless every one is allowed, OSError for none.

        The system's resolver has no time limit: it runs in a thread of its own, one at a time.
        """
        if self._running is not None and self._running.is_alive():
            raise TimeoutError("the previous name resolution has not ended")
        results: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()
        self._running = threading.Thread(target=self._resolve, args=(results,), name="resolve", daemon=True)
        self._running.start()
        try:
            found = results.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError("the name resolution takes too long") from None
        if isinstance(found, OSError):
            raise found
        if not found or not all(allowed(address, allow_private=self._allow_private) for address in found):
            raise ValueError(f"{self._destination.host} has an address that webhooks may not go to")
        return found

    def _resolve(self, results: queue.SimpleQueue[list[str] | OSError]) -> None:
        to = self._destination
        try:
            found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
        except OSError as error:
            results.put(error)
        except UnicodeError as error:
            results.put(OSError(str(error)))
        else:
            results.put([*dict.fromkeys(str(entry[4][0]) for entry in found)])


class _CheckedNetwork(httpcore.NetworkBackend):
    """Network of one exchange: connects to checked addresses only, and ends every operation at the time limit."""

    def __init__(self, resolver: _Resolver, until_s: float) -> None:
        self._resolver, self._until_s = resolver, until_s
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
        addresses = self._resolver.addresses(_left_s(self._until_s))
        for number, address in enumerate(addresses, 1):
            share_s = _left_s(self._until_s) / (len(addresses) - number + 1)
            try:
                stream = self._backend.connect_tcp(address, port, timeout=share_s, socket_options=options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if number == len(addresses):
                    raise
            else:
                return _TimedStream(stream, self._until_s)
        raise OSError("the host has no address")


class _TimedStream(httpcore.NetworkStream):
    """A connection whose operations end at one time, however slowly the other side sends."""

    def __init__(self, stream: httpcore.NetworkStream, until_s: float) -> None:
        self._stream, self._until_s = stream, until_s

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within the time limit of the exchange."""
        del timeout
        return self._stream.read(max_bytes, _left_s(self._until_s))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write within the time limit of the exchange."""
        del timeout
        self._stream.write(buffer, _left_s(self._until_s))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Start TLS within the time limit of the exchange."""
        del timeout
        inner = self._stream.start_tls(ssl_context, server_hostname, _left_s(self._until_s))
        return _TimedStream(inner, self._until_s)

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """Return a fact about the connection."""
        return self._stream.get_extra_info(info)


def _left_s(until_s: float) -> float:
    """Return the time that is left. Raises httpcore.ReadTimeout after the limit."""
    left_s = until_s - time.monotonic()
    if left_s <= 0:
        raise httpcore.ReadTimeout("the time limit of the exchange")
    return left_s
