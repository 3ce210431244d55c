"""Escalation of a running service: a kill between two steps, then an acknowledgement."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt import publish

from tests.processes.waiting import until

WAIT_S = 40
CAMPUS = """
[[site]]
id = "s"
[[zone]]
site = "s"
id = "z"
[[place]]
site = "s"
zone = "z"
id = "p"
[[sensor]]
site = "s"
id = "smoke-1"
kind = "smoke"
place = "p"
"""
ROSTERS = f"""
[[person]]
site = "s"
id = "li"
name_en = "Li"
contacts = {{ app = "people-1" }}
[[person]]
site = "s"
id = "wang"
name_en = "Wang"
contacts = {{ app = "people-2" }}
[[post]]
site = "s"
id = "dorm"
[[shift]]
site = "s"
post = "dorm"
begin = 00:00:00
end = 00:00:00
persons = ["li"]
[[chain]]
site = "s"
id = "fire"
steps = [{{ wait_s = {WAIT_S}, posts = ["dorm"] }}, {{ wait_s = {WAIT_S}, persons = ["wang"] }}]
"""


class Phones(ThreadingHTTPServer):
    """Receiver of messages by address: path -> (monotonic seconds, text)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, float, str]] = []

    def pages(self, name: str) -> list[float]:
        """Return the times of the fire's pages to a person, in monotonic seconds."""
        return [at for path, at, text in self.got if path == f"/{name}" and "s-fire" not in text and "smoke" in text]


class _Handler(BaseHTTPRequestHandler):
    server: Phones

    def do_POST(self) -> None:
        """Record the message."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path.rstrip("/"), time.monotonic(), json.dumps(json.loads(body))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def phones() -> Iterator[Phones]:
    """Return a running receiver."""
    made = Phones()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


@pytest.mark.broker
def test_a_kill_between_two_steps_moves_no_step(
    tmp_path: Path, make_service: Any, mosquitto: Any, phones: Phones
) -> None:
    """The second step comes after its 40 s +-1 s through a kill -9, once; an acknowledgement ends the chain."""
    people, rosters = tmp_path / "people", tmp_path / "rosters.toml"
    people.touch(mode=0o600)
    port = phones.server_address[1]
    people.write_text(f"json://127.0.0.1:{port}/li\njson://127.0.0.1:{port}/wang\n")
    rosters.write_text(ROSTERS, encoding="utf-8")
    service = make_service(mosquitto.url, campus=CAMPUS, extra=f'[notify]\napprise_file = "{people}"\n')
    text = service.config.read_text(encoding="utf-8")
    service.config.write_text(f'rosters = "{rosters}"\n{text}', encoding="utf-8")
    service.start()
    message = json.dumps({"smoke_density": 0.5})
    until(lambda: _burns(mosquitto, message, phones), timeout_s=30, what="the first page", every_s=1.0)
    (first_s,) = phones.pages("li")
    assert phones.pages("wang") == []
    service.kill()
    service.spawn()
    until(service.ready, timeout_s=60, what="ready again")
    client = service.client()
    until(lambda: phones.pages("wang"), timeout_s=WAIT_S + 5, what="the second page")
    late_s = phones.pages("wang")[0] - first_s - WAIT_S
    assert -1 <= late_s <= 1, late_s
    (hazard,) = client.get("hazards").json()["items"]
    assert client.get(f"hazards/{hazard['id']}/escalation").json()["step"] == 2
    client.post(f"hazards/{hazard['id']}/actions/acknowledge")
    time.sleep(3)
    assert client.get(f"hazards/{hazard['id']}/escalation").json()["state"] == "taken"
    assert (len(phones.pages("li")), len(phones.pages("wang"))) == (1, 1)
    assert service.stop() == 0


def _burns(mosquitto: Any, message: str, phones: Phones) -> bool:
    """Send one reading of the fire; return whether the first page has arrived."""
    publish.single("campus/s/smoke/smoke-1", message, qos=1, port=mosquitto.port)
    return bool(phones.pages("li"))
