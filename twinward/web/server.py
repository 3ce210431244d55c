"""Runs the HTTP application in a thread: uvicorn with the limits of the settings."""

from __future__ import annotations

import threading
import time
from typing import Any

import uvicorn
from fastapi import FastAPI

from alerts.api import HttpSettings

OPTIONS: dict[str, Any] = {"log_level": "warning", "access_log": False, "server_header": False, "proxy_headers": False}
STOP_S = 2


class WebServer:
    """One server on the host and port of the settings, with TLS if they have a certificate."""

    def __init__(self, app: FastAPI, settings: HttpSettings) -> None:
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            ssl_certfile=settings.certificate or None,
            ssl_keyfile=settings.key or None,
            timeout_graceful_shutdown=STOP_S,
            **OPTIONS,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Start the thread; return when the server accepts connections or has failed."""
        self._thread.start()
        while self._thread.is_alive() and not self._server.started:
            time.sleep(0.01)

    def stop(self) -> None:
        """Finish open requests for two seconds, then close."""
        self._server.should_exit = True
        self._thread.join(10)

    def started(self) -> bool:
        """Return whether the server accepts connections."""
        return bool(self._server.started)
