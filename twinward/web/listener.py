"""Listening sockets that bound their connections: in all, per address, and by free file descriptors."""

from __future__ import annotations

import contextlib
import resource
import socket
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

RESERVED = 256
"""File descriptors that no connection takes: log, database, store and channels can always open files."""
SELECT_MAX = 1_024
"""The MQTT client waits with select(), which accepts descriptors below this number only."""
BACKLOG = 128
REFUSED_AT_ONCE = 32
"""Connections refused in one turn of the event loop."""
SEND_BUFFER_BYTES = 262_144
UNACKNOWLEDGED_MS = 30_000
"""Time after which the kernel ends a connection whose client takes no byte."""
IPV6_PREFIX = 64
"""Bits of an IPv6 address that one customer cannot change."""


def descriptors_max() -> int:
    """Return the bound of a connection's file descriptor under the limit of this process."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    usable = min(SELECT_MAX, soft if soft >= 0 else SELECT_MAX)
    return max(usable - RESERVED, usable // 2)


@dataclass
class ConnectionLimits:
    """Number of open connections, and their bounds. The event loop alone uses it.

    total, per_address: bounds; exempt: networks of proxies, which have no bound per address. descriptors: bound of a
    connection's file descriptor; the kernel assigns the lowest free one, so a high one means that few are free.
    """

    total: int
    per_address: int
    exempt: Sequence[IPv4Network | IPv6Network] = ()
    descriptors: int = field(default_factory=descriptors_max)
    refused_total: int = 0
    open: Counter[str] = field(default_factory=Counter)

    def accept(self, host: str, descriptor: int) -> str | None:
        """Count a new connection and return its key for `release`; None for one beyond a bound."""
        key = self._key(host)
        full = self.open.total() >= self.total or (key != "" and self.open[key] >= self.per_address)
        if full or descriptor >= self.descriptors:
            self.refused_total += 1
            return None
        self.open[key] += 1
        return key

    def release(self, key: str) -> None:
        """Count the end of a connection."""
        self.open[key] -= 1
        if not self.open[key]:
            del self.open[key]

    def _key(self, host: str) -> str:
        """Return the address, or its customer's network; "" for a proxy."""
        address = ip_address(host.partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self.exempt):
            return ""
        if isinstance(address, IPv4Address):
            return str(address)
        return str(ip_network((address, IPV6_PREFIX), strict=False))


class Listener(socket.socket):
    """A listening socket. `accept` closes connections beyond the limits."""

    limits: ConnectionLimits

    def accept(self) -> tuple[socket.socket, Any]:
        """Return the next connection within the limits. Raises BlockingIOError without one."""
        for _ in range(REFUSED_AT_ONCE):
            plain, address = super().accept()
            key = self.limits.accept(address[0], plain.fileno())
            if key is None:
                plain.close()
                continue
            accepted = _Accepted(plain.family, plain.type, plain.proto, fileno=plain.detach())
            accepted.released = lambda key=key: self.limits.release(key)
            with contextlib.suppress(OSError):  # the client may be away already
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
            return accepted, address
        raise BlockingIOError


class _Accepted(socket.socket):
    """A connection; `close` calls `released` once."""

    released: Callable[[], None] | None = None

    def close(self) -> None:
        released, self.released = self.released, None
        if released is not None:
            released()
        super().close()


def listen(host: str, port: int, limits: ConnectionLimits) -> list[socket.socket]:
    """Return a listening socket for each address of the host. Raises OSError."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    with contextlib.ExitStack() as opened:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = opened.enter_context(Listener(family, kind, protocol))
            listener.limits = limits
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
            listeners.append(listener)
        opened.pop_all()
    return listeners
