"""The server: TLS, metrics, an occupied port, its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse, StreamingResponse

from alerts.api import HttpSettings
from twinward.commands.certificate import make_certificate
from twinward.errors import PortTaken
from twinward.web import WebServer, connection, server


@contextlib.contextmanager
def serving(settings: HttpSettings) -> Iterator[WebServer]:
    """A running server whose answer is the scheme of the request."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await PlainTextResponse(scope["scheme"])(scope, receive, send)

    running = WebServer(app, settings)
    running.start()
    try:
        yield running
    finally:
        running.stop()


def test_tls_serves_clients_and_ends_a_stalled_handshake(
    tmp_path: Path, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client of the authority gets an answer; one without a handshake is closed and frees its place."""
    monkeypatch.setattr(connection, "HANDSHAKE_S", 1.0)
    make_certificate(["127.0.0.1"], folder=tmp_path)
    files = {"certificate": str(tmp_path / "server.pem"), "key": str(tmp_path / "server.key")}
    settings = HttpSettings(port=free_port(), **files)
    with serving(settings) as running, socket.create_connection(("127.0.0.1", settings.port), timeout=8) as stalled:
        trusted = ssl.create_default_context(cafile=tmp_path / "ca.pem")
        with httpx.Client(verify=trusted) as client:
            assert client.get(f"https://127.0.0.1:{settings.port}/").text == "https"
        begun_s = time.monotonic()
        with contextlib.suppress(ConnectionResetError):
            assert stalled.recv(1) == b""
        assert time.monotonic() - begun_s < 5
        deadline_s = time.monotonic() + 20
        while running.limits.open.total() and time.monotonic() < deadline_s:
            time.sleep(0.02)
        assert running.limits.open.total() == 0


def test_metrics_count_open_refused_and_slow_connections(
    free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five connections of an address four are open, one is refused; the four end by their time."""
    monkeypatch.setitem(connection.LIMIT_S, connection._Phase.HEAD, 0.5)
    settings = HttpSettings(port=free_port(), connections_per_address=4)
    registry = CollectorRegistry()
    with serving(settings) as running, contextlib.ExitStack() as opened:
        registry.register(running)
        clients = [
            opened.enter_context(socket.create_connection(("127.0.0.1", settings.port), timeout=8)) for _ in range(5)
        ]
        assert clients[-1].recv(1) == b""
        assert registry.get_sample_value("twinward_http_connections") == 4
        for client in clients:
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        limits = ("number", "time")
        ended = [registry.get_sample_value("twinward_http_connections_ended_total", {"limit": one}) for one in limits]
        assert ended == [1, 4]


def test_an_occupied_port_is_named(free_port: Callable[[], int]) -> None:
    """The start fails with the port and its setting."""
    settings = HttpSettings(port=free_port())
    with serving(settings), pytest.raises(PortTaken, match=str(settings.port)):
        WebServer(lambda *_: None, settings).start()  # type: ignore[arg-type]


def test_a_stop_ends_live_streams_before_it_waits(free_port: Callable[[], int]) -> None:
    """A stream that ends by the call is complete for its client; the server cancels nothing."""
    ended = asyncio.Event()

    async def chunks() -> AsyncIterator[bytes]:
        yield b"begun\n"
        await ended.wait()
        yield b"ended\n"

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await StreamingResponse(chunks())(scope, receive, send)

    settings = HttpSettings(port=free_port())
    running = WebServer(app, settings, ending=ended.set)
    running.start()
    with httpx.stream("GET", f"http://127.0.0.1:{settings.port}/") as response:
        lines = response.iter_lines()
        assert next(lines) == "begun"
        running.stop()
        assert list(lines) == ["ended"]


def test_a_stop_waits_for_no_tick(free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop wakes the server, which otherwise looks at its connections once a second."""
    monkeypatch.setattr(server, "TICK_S", 3_600.0)
    with serving(HttpSettings(port=free_port())) as running:
        thread = running._thread
        assert thread is not None
        assert thread.is_alive()
    assert not thread.is_alive()
