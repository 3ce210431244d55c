"""Bounds on connections: in all, per address, by file descriptor."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from twinward.web.listener import ConnectionLimits, listen


@contextlib.contextmanager
def listening(limits: ConnectionLimits) -> Iterator[socket.socket]:
    """A listening socket on a free loopback port."""
    (listener,) = listen("127.0.0.1", 0, limits)
    with listener:
        yield listener


def test_an_address_has_a_bound_and_a_closed_connection_frees_its_place() -> None:
    """The third connection of an address with two is closed; after the end of one, another is accepted."""
    limits = ConnectionLimits(10, 2)
    with listening(limits) as listener, contextlib.ExitStack() as clients:

        def connect() -> socket.socket:
            return clients.enter_context(socket.create_connection(listener.getsockname(), timeout=5))

        connect(), connect()
        first, second = (listener.accept()[0] for _ in range(2))
        refused = connect()
        with pytest.raises(BlockingIOError):
            listener.accept()
        assert refused.recv(1) == b""
        first.close()
        first.close()
        connect()
        third, _ = listener.accept()
        assert (limits.open.total(), limits.refused_total) == (2, 1)
        second.close(), third.close()
    assert limits.open.total() == 0


def test_addresses_are_counted_apart_and_proxies_only_in_all() -> None:
    """One IPv6 network of 64 bits is one address; a mapped IPv4 address is that address; a proxy has no own bound."""
    limits = ConnectionLimits(8, 2, exempt=[ip_network("10.1.0.0/16")])
    accepted = [limits.accept(host, 5) for host in ("192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1")]
    assert accepted == ["192.0.2.1", "192.0.2.1", None]
    accepted = [
        limits.accept(host, 5) for host in ("2001:db8::1", "2001:db8::2", "2001:db8:0:0:1::3", "2001:db8:0:1::1")
    ]
    assert accepted == ["2001:db8::/64", "2001:db8::/64", None, "2001:db8:0:1::/64"]
    assert [limits.accept("10.1.2.3", 5) for _ in range(4)] == ["", "", "", None]
    limits.release("")
    assert limits.accept("10.1.2.3", 5) == ""


def test_reserved_descriptors_are_never_taken() -> None:
    """A connection with a high file descriptor is refused: few are free."""
    limits = ConnectionLimits(1_000, 1_000, descriptors=700)
    assert limits.accept("192.0.2.1", 699) is not None
    assert limits.accept("192.0.2.1", 700) is None
