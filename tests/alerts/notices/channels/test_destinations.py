"""Webhook destinations: no form of a URL and no answer of the resolver leads to an internal address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import pytest

from alerts.model import Notice
from alerts.notices.channels import ChannelError
from alerts.notices.channels.destinations import allowed, read_destination
from alerts.notices.channels.webhook import Webhook

KEYS = [bytes(range(32))]
NOTICE = Notice("msg_1", "s", "h", "t", "w", "hazard.opened", 1, {}, "pending", 0, 0, None, "")

TRICKS = """
https://127.0.0.1:{port}/
https://127.1:{port}/
https://127.0.1:{port}/
https://127.255.255.254:{port}/
https://0:{port}/
https://0.0.0.0:{port}/
https://2130706433:{port}/
https://017700000001:{port}/
https://0x7f000001:{port}/
https://0x7f.0.0.1:{port}/
https://0x7F.1:{port}/
https://0177.0.0.1:{port}/
https://0177.0.0.01:{port}/
https://127.0.0.0x1:{port}/
https://127.0.0.1.:{port}/
https://localhost:{port}/
https://LOCALHOST:{port}/
https://localhost.:{port}/
https://[::1]:{port}/
https://[0:0:0:0:0:0:0:1]:{port}/
https://[::]:{port}/
https://[::127.0.0.1]:{port}/
https://[::7f00:1]:{port}/
https://[::ffff:127.0.0.1]:{port}/
https://[::ffff:7f00:1]:{port}/
https://[::ffff:0:127.0.0.1]:{port}/
https://[::ffff:10.0.0.1]:{port}/
https://[::ffff:169.254.169.254]:{port}/
https://[64:ff9b::127.0.0.1]:{port}/
https://[64:ff9b::7f00:1]:{port}/
https://[64:ff9b::10.0.0.1]:{port}/
https://[64:ff9b::169.254.169.254]:{port}/
https://[64:ff9b:1::127.0.0.1]:{port}/
https://[64:ff9b:1:fffe::10.0.0.1]:{port}/
https://[2002:7f00:1::]:{port}/
https://[2002:a00:1::1]:{port}/
https://[2002:a9fe:a9fe::]:{port}/
https://[2001:0:7f00:1::]:{port}/
https://[2001:0:4136:e378:8000:63bf:80ff:fffe]:{port}/
https://[2001:db8::1]:{port}/
https://[3fff::1]:{port}/
https://[2606:4700::5efe:7f00:1]:{port}/
https://[2606:4700::200:5efe:a00:1]:{port}/
https://[fe80::1]:{port}/
https://[fe80::1%25lo]:{port}/
https://[fe80::1%lo]:{port}/
https://[::1%25lo]:{port}/
https://[fec0::1]:{port}/
https://[fc00::1]:{port}/
https://[fd00:ec2::254]:{port}/
https://[fd20:ce::254]:{port}/
https://[ff02::1]:{port}/
https://[ff0e::1]:{port}/
https://[100::1]:{port}/
https://[5f00::1]:{port}/
https://10.0.0.1:{port}/
https://172.16.0.1:{port}/
https://192.168.0.1:{port}/
https://100.64.0.1:{port}/
https://100.100.100.200:{port}/
https://169.254.169.254:{port}/latest/meta-data/
https://2852039166:{port}/
https://168.63.129.16:{port}/
https://192.0.0.192:{port}/
https://192.0.2.1:{port}/
https://192.88.99.1:{port}/
https://198.18.0.1:{port}/
https://203.0.113.1:{port}/
https://224.0.0.1:{port}/
https://239.255.255.250:{port}/
https://240.0.0.1:{port}/
https://255.255.255.255:{port}/
https://user@127.0.0.1:{port}/
https://example.org@127.0.0.1:{port}/
https://example.org:443@127.0.0.1:{port}/
https://127.0.0.1:{port}@example.org/
https://example.org%40127.0.0.1:{port}/
https://example.org\\@127.0.0.1:{port}/
https://127.0.0.1:{port}\\.example.org/
https://127.0.0.1:{port}#@example.org/
https:///127.0.0.1:{port}/
https:127.0.0.1:{port}/
//127.0.0.1:{port}/
http://127.0.0.1:{port}/
gopher://127.0.0.1:{port}/
file:///etc/passwd
https://127.0.0.1:{port}\t/
https://①②⑦.⓪.⓪.①:{port}/
https://１２７.0.0.1:{port}/
https://127。0。0。1:{port}/
https://ｌocalhost:{port}/
https://locaⓛhost:{port}/
https://metadata.test:{port}/
https://mixed.test:{port}/
https://mapped.test:{port}/
https://nat64.test:{port}/
https://zone.test:{port}/
https://127.0.0.1.test:{port}/
https://[::1:{port}/
https://[v1.127.0.0.1]:{port}/
https://127.0.0.1:0/
https://127.0.0.1:99999/
""".strip("\n").split("\n")

NAMES = {
    "metadata.test": ["169.254.169.254"],
    "mixed.test": ["93.184.215.14", "127.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "nat64.test": ["64:ff9b::7f00:1"],
    "zone.test": ["fe80::1%lo"],
    "127.0.0.1.test": ["127.0.0.1"],
}


class Listener:
    """Sockets on IPv4 and IPv6 loopback that count connections."""

    def __init__(self) -> None:
        self.connects = 0
        first = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = first.getsockname()[1]
        self._sockets = [first]
        if socket.has_ipv6:
            self._sockets.append(socket.create_server(("::1", self.port), family=socket.AF_INET6))
        for one in self._sockets:
            threading.Thread(target=self._count, args=(one,), daemon=True).start()

    def _count(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connects += 1
            connection.close()

    def close(self) -> None:
        """Close the sockets."""
        for one in self._sockets:
            one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen on loopback."""
    made = Listener()
    yield made
    made.close()


def resolve_with(names: Callable[[str], list[str] | None]) -> Callable[..., list[Any]]:
    """Return a `getaddrinfo` that has some names and resolves the others by the system."""
    system = socket.getaddrinfo

    def found(host: str, port: int, **options: Any) -> list[Any]:
        addresses = names(host)
        if addresses is None:
            return list(system(host, port, **options))
        return [(socket.AF_UNSPEC, socket.SOCK_STREAM, 0, "", (address, port)) for address in addresses]

    return found


def test_no_trick_url_connects(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """About a hundred URLs of internal targets: refused as a setting or at delivery, with 0 connection attempts."""
    attempts: list[str] = []
    connect = httpcore.SyncBackend.connect_tcp

    def counted(self: httpcore.SyncBackend, host: str, port: int, **options: Any) -> httpcore.NetworkStream:
        attempts.append(host)
        return connect(self, host, port, **options)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", counted)
    monkeypatch.setattr(socket, "getaddrinfo", resolve_with(NAMES.get))
    assert len(TRICKS) >= 60
    for trick in TRICKS:
        try:
            receipt = Webhook("w", trick.format(port=listener.port), KEYS).deliver(NOTICE)
        except ChannelError:
            continue
        assert not receipt.delivered, trick
    assert (attempts, listener.connects) == ([], 0)


def test_the_connection_goes_to_the_checked_address(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to a public address once and to loopback afterwards (rebinding) never reaches loopback."""
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]])
    attempts: list[str] = []

    def refuse(_: httpcore.SyncBackend, host: str, port: int, **_options: Any) -> httpcore.NetworkStream:
        attempts.append(f"{host} {port}")
        raise httpcore.ConnectError("refused by the test")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", resolve_with(lambda _: next(answers)))
    hook = Webhook("w", f"https://rebinding.test:{listener.port}/", KEYS)
    assert not hook.deliver(NOTICE).delivered
    assert attempts == [f"93.184.215.14 {listener.port}"]
    assert not hook.deliver(NOTICE).delivered
    assert (len(attempts), listener.connects) == (1, 0)


def test_a_resolver_that_hangs_ends_at_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit covers name resolution; a second delivery starts no second resolution."""
    released, calls = threading.Event(), []

    def hang(*_: object, **__: object) -> list[Any]:
        calls.append(1)
        released.wait(20)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    monkeypatch.setattr("alerts.notices.channels.webhook.TIMEOUT_S", 0.2)
    hook = Webhook("w", "https://slow.test/", KEYS)
    receipts = [hook.deliver(NOTICE) for _ in range(2)]
    released.set()
    assert [(receipt.delivered, receipt.retry) for receipt in receipts] == [(False, True)] * 2
    assert "name resolution" in receipts[1].error
    assert len(calls) == 1


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2606:4700:4700::1111", "2400:3200::1"])
def test_public_addresses_are_allowed(address: str) -> None:
    """Ordinary public addresses stay reachable."""
    assert allowed(address, allow_private=False)


@pytest.mark.parametrize(
    ("address", "private"),
    [("127.0.0.1", True), ("10.0.0.1", True), ("192.168.1.1", True), ("fd00::1", True), ("::1", True),
     ("169.254.169.254", False), ("100.100.100.200", False), ("fd00:ec2::254", False), ("0.0.0.0", False),  # noqa: S104
     ("224.0.0.1", False), ("fe80::1%lo", False), ("::ffff:127.0.0.1", False), ("64:ff9b::a00:1", False)],
)  # fmt: skip
def test_consent_to_private_addresses_is_no_consent_to_metadata(address: str, *, private: bool) -> None:
    """notify.allow_private opens private networks and loopback, never metadata services, multicast or disguises."""
    assert not allowed(address, allow_private=False)
    assert allowed(address, allow_private=True) is private


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [("https://example.org", "example.org", "/"), ("https://Example.org:8443/in?a=1#x", "example.org:8443", "/in?a=1"),
     ("https://xn--fiq228c.example/%E4%B8%AD", "xn--fiq228c.example", "/%E4%B8%AD"),
     ("https://[2606:4700:4700::1111]/", "[2606:4700:4700::1111]", "/")],
)  # fmt: skip
def test_usual_urls_are_read(url: str, authority: str, target: str) -> None:
    """Ports, queries, IDN in its ASCII form and IPv6 literals stay possible."""
    found = read_destination("w", url, allow_private=False)
    assert (found.authority, found.target) == (authority, target)
