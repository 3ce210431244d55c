"""Clients behind a proxy: forwarded headers count from named proxies only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from alerts.api import HttpSettings
from alerts.api.trusted_proxies import TrustedProxies

OFF = "10.0.0.9"


def seen(peer: str, headers: dict[str, str], settings: HttpSettings) -> tuple[Any, ...]:
    """Return client and scheme of the request behind the middleware, or the status of its refusal."""
    found: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        found.extend((scope["client"][0], scope["scheme"]))

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found.append(message["status"])

    async def receive() -> Any:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "client": (peer, 4_000),
        "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run(TrustedProxies(app, settings=settings)(scope, receive, send))
    return tuple(found)


@pytest.mark.parametrize(
    ("peer", "headers", "result"),
    [
        ("10.0.0.1", {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}, ("192.0.2.1", "https")),
        ("10.0.0.1", {"x-forwarded-for": "1.1.1.1, 192.0.2.1, 10.0.0.1"}, ("192.0.2.1", "http")),
        ("10.0.0.1", {"x-forwarded-for": "1.1.1.1, nonsense"}, ("10.0.0.1", "http")),
        ("::ffff:10.0.0.1", {"x-forwarded-proto": "gopher"}, ("::ffff:10.0.0.1", "http")),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.1"}, ("127.0.0.1", "http")),
        (OFF, {"x-forwarded-for": "192.0.2.1", "x-forwarded-proto": "https"}, (403,)),
        ("", {}, (403,)),
    ],
)
def test_only_a_named_proxy_gives_the_client(peer: str, headers: dict[str, str], result: tuple[Any, ...]) -> None:
    """The client cannot forge its address; without TLS no other peer off this machine is served."""
    assert seen(peer, headers, HttpSettings(host="10.0.0.5", proxies=("10.0.0.1",))) == result


def test_plain_permits_other_peers_without_their_headers() -> None:
    """With consent to plain HTTP another peer is served under its own address."""
    settings = HttpSettings(host="10.0.0.5", proxies=("10.0.0.1",), plain=True)
    assert seen(OFF, {"x-forwarded-for": "192.0.2.1"}, settings) == (OFF, "http")
