"""Runs the HTTP application in a thread: uvicorn with limits on connections, times and requests."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import uvicorn
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.types import ASGIApp

from alerts.api import HttpSettings
from alerts.api.transport import networks, tls_context
from twinward.errors import PortTaken

from . import connection
from .connection import TimedConnection
from .listener import BACKLOG, ConnectionLimits, listen

OPTIONS: dict[str, Any] = {
    "log_level": "warning",
    "access_log": False,
    "server_header": False,
    "proxy_headers": False,
    "loop": f"{__name__}:EventLoop",
    "http": TimedConnection,
    "ws": "none",
    "backlog": BACKLOG,
}
STOP_S = 2
TICK_S = 1.0


class WebServer:
    """One server on the host and port of the settings, with TLS if they have a certificate."""

    def __init__(self, app: ASGIApp, settings: HttpSettings, *, ending: Callable[[], object] = lambda: None) -> None:
        """ending: called in the event loop when the server shall end, to end the live streams."""
        self._settings = settings
        self.limits = ConnectionLimits(
            settings.connections_max, settings.connections_per_address, exempt=networks(settings.proxies)
        )
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            ssl_context_factory=(lambda *_: tls_context(settings)) if settings.certificate else None,
            timeout_graceful_shutdown=STOP_S,
            **OPTIONS,
        )
        self._server = _Server(config)
        self._server.ending = ending
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Listen and start the thread; return when the server accepts connections or has failed. Raises PortTaken."""
        host, port = self._settings.host, self._settings.port
        try:
            listeners = listen(host, port, self.limits)
        except OSError as error:
            raise PortTaken(host, port, "http.port (--port)") from error
        self._thread = threading.Thread(target=self._server.run, args=(listeners,), name="http", daemon=True)
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """Finish open requests for two seconds, then close."""
        self._server.end()
        if self._thread is not None:
            self._thread.join(10)

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of connections, as a collector of Prometheus."""
        yield GaugeMetricFamily("twinward_http_connections", "Open connections", value=self.limits.open.total())
        ended = CounterMetricFamily("twinward_http_connections_ended", "Connections by limit", labels=("limit",))
        ended.add_metric(("number",), self.limits.refused_total)
        ended.add_metric(("time",), self._server.slow_total)
        yield ended

    def started(self) -> bool:
        """Return whether the server accepts connections."""
        return bool(self._server.started)


class EventLoop(asyncio.SelectorEventLoop):
    """asyncio's event loop with a shorter time for the handshake of TLS, which uvicorn cannot set."""

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:
        """Listen as the base class does."""
        if options.get("ssl") is not None:
            options["ssl_handshake_timeout"] = connection.HANDSHAKE_S
        return await super().create_server(*arguments, **options)


class _Server(uvicorn.Server):
    """uvicorn's server; checks the times of every connection once a second, and does nothing in between.

    uvicorn's own loop wakes ten times a second to see whether it shall end.
    """

    slow_total = 0
    ending: Callable[[], object]
    _wake: Callable[[], object] | None = None

    def end(self) -> None:
        """End the server; may be called from any thread."""
        self.should_exit = True
        if self._wake is not None:
            with contextlib.suppress(RuntimeError):  # its event loop has ended
                self._wake()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live streams, then wait for open requests as the base class does."""
        self.ending()
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        """Call `on_tick` once a second until the server shall end."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        self._wake = partial(loop.call_soon_threadsafe, ended.set)
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), TICK_S)

    async def on_tick(self, counter: int) -> bool:
        """Check the connections; return whether the server shall end."""
        now_s = asyncio.get_running_loop().time()
        for one in tuple(self.server_state.connections):
            if isinstance(one, TimedConnection):
                self.slow_total += one.check(now_s)
        return await super().on_tick(counter)
