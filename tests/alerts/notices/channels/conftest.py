"""Fixtures of channels: an HTTP server with a behaviour per test, notices of a hazard."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from alerts import Notice, People, open_database
from alerts.people.push_devices import PushDevices

OPENED_NS = 1_790_000_000_000_000_000
BODY: dict[str, Any] = {
    "alarm_id": "5f0c2d1e9a7b4c3d8e6f1a2b",
    "site": "school-1",
    "zone": "dorm",
    "place": {"zh": "101室", "en": "Room 101"},
    "kind": "fire",
    "grade": "red",
    "page": True,
    "active": True,
    "late": False,
    "drill": False,
    "opened_at": "2026-09-21T14:13:20.000+00:00",
    "text": {"zh": "烟雾", "en": "smoke"},
    "ticket": "school-1-2026-000001",
}


class HttpPeer(ThreadingHTTPServer):
    """An HTTP/1.1 server; `answer` gets path, headers and body and returns status and content."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: Callable[[str, dict[str, str], bytes], tuple[int, bytes]] = lambda *_: (200, b"{}")
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.close_after = False
        """Whether connections end after a response that does not announce it."""

    def url(self, path: str = "/") -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.server_port}{path}"

    def get_request(self) -> Any:
        """Count the connections."""
        self.connections += 1
        return super().get_request()


class _Handler(BaseHTTPRequestHandler):
    """Passes each request to the server's behaviour."""

    server: HttpPeer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer one request and keep the connection."""
        body = self.rfile.read(int(self.headers["content-length"]))
        given = self.path, {name.lower(): value for name, value in self.headers.items()}, body
        self.server.requests.append(given)
        status, content = self.server.answer(*given)
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.close_connection = self.server.close_after

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@contextmanager
def serving() -> Iterator[HttpPeer]:
    """Run an HTTP server on a free loopback port."""
    with HttpPeer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def peer() -> Iterator[HttpPeer]:
    """Return a running HTTP server."""
    with serving() as server:
        yield server


@pytest.fixture
def notice() -> Callable[..., Notice]:
    """Return a maker of notices: type, id, and changes of the body; None removes a key."""

    def make(kind: str = "hazard.opened", notice_id: str = "msg_1", **changes: Any) -> Notice:
        body = {key: value for key, value in (BODY | changes).items() if value is not None}
        made = Notice.pending(notice_id, channel="c", type=kind, body=body, at_ns=OPENED_NS)
        return replace(made, site=str(body.get("site", "")), hazard=str(body.get("alarm_id", "")))

    return make


@pytest.fixture
def devices(tmp_path: Path) -> PushDevices:
    """Browsers of a database of their own, with the accounts li and wang of school-1."""
    engine = open_database(f"sqlite:///{tmp_path / 'alerts.db'}")
    people = People(engine, time.time_ns, hasher=PasswordHasher(1, 8, 1))
    for name in ("li", "wang"):
        people.create(name, "a long enough password", roles=["operator"], sites=["school-1"])
    return people.push_devices
