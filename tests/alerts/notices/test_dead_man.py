"""Dead-man signal against a real HTTP server: kinds of monitors, failures, and a withheld signal."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from alerts import DeadMan
from alerts.errors import ChannelError
from alerts.notices.dead_man import Monitor, read_monitors

NOW_NS = 1_790_000_000_000_000_000


class Monitors(ThreadingHTTPServer):
    """A server of all kinds of monitors; `status` is its answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, bytes]] = []
        self.status = 200

    @property
    def url(self) -> str:
        """Address of the server."""
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    """Records the request and answers with the status of the server."""

    server: Monitors

    def do_GET(self) -> None:
        """Record a ping."""
        self._answer(b"")

    def do_POST(self) -> None:
        """Record an alert."""
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def _answer(self, body: bytes) -> None:
        self.server.requests.append((self.command, self.path, body))
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()


@pytest.fixture
def server() -> Iterator[Monitors]:
    """A running server."""
    monitors = Monitors()
    thread = threading.Thread(target=monitors.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield monitors
    monitors.shutdown()
    thread.join()
    monitors.server_close()


def sender(*monitors: Monitor, passes: bool = True) -> DeadMan:
    """Return a sender that has not started."""
    return DeadMan(monitors, lambda: passes, every_s=30, allow_private=True, clock=lambda: NOW_NS)


def test_each_kind_of_monitor_gets_its_request(server: Monitors) -> None:
    """A ping is a GET; Alertmanager gets an alert that ends after four intervals."""
    signal = sender(Monitor("ping", f"{server.url}/ping/1"), Monitor("alertmanager", f"{server.url}/api/v2/alerts"))
    signal.turn()
    (get, path, _), (post, alerts, body) = server.requests
    assert (get, path, post, alerts) == ("GET", "/ping/1", "POST", "/api/v2/alerts")
    (alert,) = json.loads(body)
    assert alert["labels"]["alertname"] == "TwinwardWatchdog"
    assert alert["endsAt"].startswith("2026-09-21T")
    assert (signal.sent_total, signal.failed_total, signal.withheld_total) == (2, 0, 0)


def test_the_signal_is_withheld_while_alarms_do_not_pass(server: Monitors) -> None:
    """No request leaves the service."""
    signal = sender(Monitor("ping", server.url), passes=False)
    signal.turn()
    assert (server.requests, signal.withheld_total) == ([], 1)


def test_a_monitor_that_fails_does_not_stop_the_others(server: Monitors) -> None:
    """A refused connection and an error status are counted."""
    signal = sender(Monitor("ping", "http://127.0.0.1:9/x"), Monitor("ping", f"{server.url}/b"))
    server.status = 500
    signal.turn()
    assert len(server.requests) == 1
    assert (signal.sent_total, signal.failed_total) == (0, 2)


@pytest.mark.parametrize("line", ["https://example.org", "ping", "mail https://example.org", "ping file:///etc/passwd"])
def test_a_wrong_line_is_refused_without_its_url(tmp_path: Path, line: str) -> None:
    """Kind and URL are checked at the start; the message names the line, not the secret."""
    path = tmp_path / "monitors"
    path.write_text(f"# monitors outside\n{line}\n")
    path.chmod(0o600)
    with pytest.raises(ChannelError) as refused:
        sender(*read_monitors(path))
    assert "example.org" not in str(refused.value)
    assert "passwd" not in str(refused.value)


def test_private_addresses_need_the_setting(server: Monitors) -> None:
    """As for webhooks: without `allow_private` only https to public addresses."""
    with pytest.raises(ChannelError):
        DeadMan([Monitor("ping", server.url)], lambda: True, every_s=30, allow_private=False, clock=lambda: NOW_NS)
