"""Receiver of webhooks that records each message with its time of arrival."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Sink(ThreadingHTTPServer):
    """A receiver of webhooks that records each message with its time of arrival."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[float, str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        """URL of the receiver."""
        return f"http://127.0.0.1:{self.server_port}/in"

    def of_type(self, kind: str) -> list[tuple[float, str, dict[str, Any]]]:
        """Return time, id and data of the messages of that type."""
        return [(at_s, number, body["data"]) for at_s, number, body in list(self.got) if body["type"] == kind]

    def reported(self, kind: str, part: str) -> bool:
        """Return whether a notice of that type about that part of the service has arrived."""
        return any(data["part"] == part for _, _, data in self.of_type(kind))

    def alarms(self) -> dict[str, list[tuple[float, str, dict[str, Any]]]]:
        """Return place of the sensor -> messages of its alarm."""
        found: dict[str, list[tuple[float, str, dict[str, Any]]]] = {}
        for message in self.of_type("hazard.opened"):
            if message[2]["kind"] == "fire":
                place = "unassigned:" + message[2]["place"]["en"].removeprefix("unassigned sensor ")
                found.setdefault(place, []).append(message)
        return found


class _Handler(BaseHTTPRequestHandler):
    """Handler that passes each POST to the server."""

    server: Sink

    def do_POST(self) -> None:
        """Record the message and answer 204."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.got.append((time.monotonic(), self.headers["webhook-id"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write no access log."""
