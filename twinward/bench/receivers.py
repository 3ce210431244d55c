"""Receivers of a measurement: the program behind a webhook, and one or many live streams."""

from __future__ import annotations

import base64
import contextlib
import json
import re
import selectors
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, create_connection, socket
from typing import Any, Self, cast

OPENED = "hazard.opened"
_OPENED = re.compile(rb'"kind": ?"hazard\.opened", ?"id": ?"([^"]+)"')
CHUNK, TURN_S = 65_536, 0.2
NANOS_PER_US = 1_000


class WebhookReceiver:
    """HTTP server on loopback that accepts every webhook and keeps the arrival time of each opened hazard."""

    def __init__(self, folder: Path) -> None:
        """folder: for the file with the signing secret."""
        secret = folder / "webhook-secret"
        secret.touch(mode=0o600)
        secret.write_text(f"whsec_{base64.b64encode(bytes(24)).decode()}\n")
        self._opened: dict[str, tuple[str, int, int]] = {}
        self._server = _Server(self._opened)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        port = self._server.server_address[1]
        self.settings = (
            f'[notify]\nallow_private = true\nwebhook_secret_file = "{secret}"\n'
            f'webhooks = ["http://127.0.0.1:{port}/"]\n'
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def sensors(self) -> dict[str, str]:
        """Return the sensor of each hazard, by its id."""
        return {hazard: sensor for hazard, (sensor, _, _) in self._opened.copy().items()}

    def received(self) -> dict[str, int]:
        """Return the arrival time of the webhook of each sensor's hazard, in ns."""
        return {sensor: received_ns for sensor, _, received_ns in self._opened.copy().values()}

    def applied(self) -> dict[str, int]:
        """Return the time at which the alert service began to apply each sensor's detection, in ns; whole ms."""
        return {sensor: applied_ns for sensor, applied_ns, _ in self._opened.copy().values()}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, opened: dict[str, tuple[str, int, int]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.opened = opened


class _Handler(BaseHTTPRequestHandler):
    """Accepts a webhook. The connection stays open, as at a program that keeps it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer 204, then keep the time of an opened hazard."""
        received_ns = time.time_ns()
        event = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(204)
        self.send_header("content-length", "0")
        self.end_headers()
        if event["type"] == OPENED:
            body = event["data"]
            sensor = body["place"]["en"].rpartition(" ")[2]
            applied_ns = int(datetime.fromisoformat(event["timestamp"]).timestamp() * 1e6) * NANOS_PER_US
            cast("_Server", self.server).opened.setdefault(body["alarm_id"], (sensor, applied_ns, received_ns))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - name of the base class
        """Write nothing."""


class LiveStream:
    """Client of the live stream that keeps the arrival time of the event of each opened hazard."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        """Open the stream of the service on this port of loopback; headers: with the credential."""
        self._connection = HTTPConnection("127.0.0.1", port)
        self._connection.request("GET", "/api/v1/events", headers=dict(headers))
        self._response = self._connection.getresponse()
        self._socket = self._connection.sock
        self._received: dict[str, int] = {}
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(SHUT_RDWR)  # ends the read of the thread
        self._thread.join()
        self._connection.close()

    def received(self) -> dict[str, int]:
        """Return the arrival time of the event of each opened hazard, by its id, in ns."""
        return self._received.copy()

    def _read(self) -> None:
        with contextlib.suppress(OSError, HTTPException):
            while line := self._response.readline():
                now_ns = time.time_ns()
                event = json.loads(line[5:]) if line.startswith(b"data:") else {}
                if event.get("kind") == OPENED:
                    self._received.setdefault(event["id"], now_ns)


class LiveStreams:
    """Many clients of the live stream in one thread; keeps each client's arrival times of opened hazards."""

    def __init__(self, port: int, headers: Mapping[str, str], count: int) -> None:
        """Open the streams. They differ from consoles: they read no list after an event."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        request = f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n".encode()
        self._selector, self._ended = selectors.DefaultSelector(), threading.Event()
        self._times: list[dict[str, int]] = []
        for _ in range(count):
            one = create_connection(("127.0.0.1", port), timeout=10)
            one.sendall(request)
            self._times.append({})
            self._selector.register(one, selectors.EVENT_READ, (self._times[-1], bytearray()))
        self._thread = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            cast("socket", key.fileobj).close()
        self._selector.close()

    def received(self) -> list[dict[str, int]]:
        """Return the arrival time of the event of each opened hazard in ns, by its id, for each stream."""
        return [times.copy() for times in self._times]

    def _read(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(TURN_S):
                chunk, now_ns = cast("socket", key.fileobj).recv(CHUNK), time.time_ns()
                if not chunk:
                    self._selector.unregister(key.fileobj)
                    continue
                times, rest = key.data
                rest += chunk
                for hazard in _OPENED.findall(rest):
                    times.setdefault(hazard.decode(), now_ns)
                del rest[: rest.rfind(b"\n") + 1]
