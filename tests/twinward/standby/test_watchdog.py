"""Dead-man signal: sent while alarms pass, withheld without them and during a red fault."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from alerts import Notice, ServiceFault, StorageFault, WatchdogChannel
from alerts.errors import ChannelError
from alerts.notices.channels import NotifySettings
from twinward.standby import WatchdogCollector, dead_man

NOW_NS = 1_790_000_000_000_000_000


@dataclass
class Monitor:
    """An outside monitor on a real port."""

    url: str
    paths: list[str] = field(default_factory=list)


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    """Return a monitor that accepts every ping."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield Monitor(f"http://127.0.0.1:{server.server_port}", paths)
    server.shutdown()
    thread.join()
    server.server_close()


def fault(part: str, grade: str) -> ServiceFault:
    """Return a fault that lasts."""
    return ServiceFault(part, StorageFault("x", "故障", "a fault"), NOW_NS, grade)


def test_the_signal_follows_alarms_and_red_faults(monitor: Monitor, tmp_path: Path) -> None:
    """Withheld before the first alarm and during a red fault; a yellow fault withholds nothing; metrics count each."""
    file = tmp_path / "monitors"
    file.write_text(f"ping {monitor.url}/campus\n", encoding="utf-8")
    file.chmod(0o600)
    now = [0.0]
    channel, faults = WatchdogChannel(30, monotonic=lambda: now[0]), list[ServiceFault]()
    standby: Any = SimpleNamespace(faults=faults)
    settings = NotifySettings(dead_man_file=file, allow_private=True, watchdog_s=30)
    pings = dead_man(settings, channel, standby, lambda: NOW_NS)
    pings.turn()
    assert (monitor.paths, pings.withheld_total) == ([], 1)
    channel.deliver(Notice.pending("w", channel="watchdog", type="watchdog", body={}, at_ns=NOW_NS))
    pings.turn()
    assert (monitor.paths, pings.sent_total) == (["/campus"], 1)
    faults.append(fault("disk", "yellow"))
    pings.turn()
    assert pings.sent_total == 2
    faults.append(fault("log", "red"))
    pings.turn()
    assert (pings.sent_total, pings.withheld_total) == (2, 2)
    faults.clear()
    now[0] = 1_000.0
    pings.turn()
    assert pings.withheld_total == 3, "no synthetic alarm for over two intervals"
    registry = CollectorRegistry()
    registry.register(WatchdogCollector(channel, pings))
    text = generate_latest(registry).decode()
    for line in (
        "twinward_watchdog_age_seconds 1000.0",
        'twinward_dead_man_pings_total{result="sent"} 2.0',
        'twinward_dead_man_pings_total{result="failed"} 0.0',
        'twinward_dead_man_pings_total{result="withheld"} 3.0',
    ):
        assert line in text


def test_a_file_of_monitors_with_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """The message names the allowed kinds and no URL."""
    file = tmp_path / "monitors"
    file.write_text("fax https://example.org/secret\n", encoding="utf-8")
    file.chmod(0o600)
    standby: Any = SimpleNamespace(faults=[])
    with pytest.raises(ChannelError, match="allowed is one of") as raised:
        dead_man(NotifySettings(dead_man_file=file), WatchdogChannel(30), standby, lambda: NOW_NS)
    assert "secret" not in str(raised.value)
