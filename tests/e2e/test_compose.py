"""Compose layout without containers: its preparation and files, on the programs of the system."""

from __future__ import annotations

import json
import os
import re
import runpy
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import paho.mqtt.client as mqtt
import pytest

from tests.processes.ports import wait_for_port
from tests.processes.servers import mosquitto_program
from tests.processes.service import ENVIRONMENT, PASSWORD, twinward
from twinward.broker import Accounts

COMPOSE = Path(__file__).resolve().parents[2] / "deploy" / "compose"
DASHBOARDS = sorted((COMPOSE / "grafana" / "dashboards").iterdir())


class Layout:
    """Broker and service with the files of the layout; paths, names and ports are those of the test."""

    def __init__(self, folder: Path, port: Callable[[], int], *, database: str, influx_url: str) -> None:
        self.made, self.folder = folder / "made", folder
        self.made.mkdir()
        prepare = runpy.run_path(str(COMPOSE / "prepare.py"))["main"]
        for _start in range(2):  # a second start changes nothing
            prepare(self.made, ["school.example"], os.geteuid())
        self.broker_port, self.port = port(), port()
        self._processes: list[subprocess.Popen[bytes]] = []
        self.tls = ssl.create_default_context(cafile=str(self.made / "tls" / "ca.pem"))
        config = (COMPOSE / "mosquitto.conf").read_text(encoding="utf-8").replace("8883", str(self.broker_port))
        root = "user root\n" if os.geteuid() == 0 else ""
        (folder / "mosquitto.conf").write_text(self._here(config) + root, encoding="utf-8")
        settings = (COMPOSE / "twinward.toml").read_text(encoding="utf-8")
        for old, new in {
            "postgresql+psycopg://twinward@postgres/twinward": database,
            "mosquitto:8883": f"localhost:{self.broker_port}",
            "http://influxdb:8086": influx_url,
            "0.0.0.0": "127.0.0.1",  # noqa: S104 - replaced
            "8443": str(self.port),
            'kind = "influxdb"': 'kind = "influxdb"\ninflux_api = "1"',  # the system's server has version 1
        }.items():
            assert old in settings
            settings = settings.replace(old, new)
        (folder / "twinward.toml").write_text(self._here(settings), encoding="utf-8")

    def _here(self, text: str) -> str:
        paths = {"/run/made": "twinward", "/accounts": "accounts", "/tls": "tls", "/mosquitto/data": "broker"}
        for path, part in (paths | {"/var/lib/twinward": "data"}).items():
            text = re.sub(rf"(?<![\w/]){path}", str(self.made / part), text)
        return text

    def start(self) -> None:
        """Start broker and service; wait until the service is ready."""
        self._run([mosquitto_program(), "-c", str(self.folder / "mosquitto.conf")])
        wait_for_port(self.broker_port, timeout_s=30)
        self._run(twinward("run", "--config", self.folder / "twinward.toml"))

    def _run(self, command: list[str]) -> None:
        environment = ENVIRONMENT | {"TWINWARD_ADMIN_PASSWORD": PASSWORD}
        with (self.folder / "log.txt").open("ab") as log:
            self._processes.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))

    def get(self, path: str) -> httpx.Response | None:
        """Return the answer of the service; None while it does not listen. Fails when a process has ended."""
        assert all(one.poll() is None for one in self._processes), (self.folder / "log.txt").read_text()[-4000:]
        try:
            return httpx.get(f"https://localhost:{self.port}{path}", verify=self.tls, timeout=5)
        except httpx.TransportError:
            return None

    def ready(self) -> bool:
        """Return whether every part works."""
        answer = self.get("/readyz")
        return answer is not None and answer.status_code == 200

    def publish(self, account: str, password: str, topic: str, payload: bytes) -> None:
        """Publish at QoS 1 as a device over TLS."""
        device = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        device.username_pw_set(account, password)
        device.tls_set_context(self.tls)
        device.connect("localhost", self.broker_port)
        device.loop_start()
        device.publish(topic, payload, qos=1).wait_for_publish(10)
        device.disconnect()
        device.loop_stop()

    def stop(self) -> None:
        """End service and broker."""
        for process in reversed(self._processes):
            process.terminate()
            process.wait(30)


@pytest.fixture
def layout(tmp_path: Path, free_port: Callable[[], int], postgresql_database: str, influxdb: Any) -> Iterator[Layout]:
    """Yield the layout on the test's PostgreSQL and InfluxDB."""
    httpx.post(f"{influxdb.url}/query", params={"q": "CREATE DATABASE twinward"}).raise_for_status()
    made = Layout(tmp_path, free_port, database=postgresql_database, influx_url=influxdb.url)
    yield made
    made.stop()
    httpx.post(f"{influxdb.url}/query", params={"q": "DROP DATABASE twinward"}).raise_for_status()


@pytest.mark.broker
@pytest.mark.postgresql
def test_an_alarm_passes_the_layout_and_each_panel_has_data(layout: Layout, run_twinward: Any, influxdb: Any) -> None:
    """A device's alarm over TLS becomes a ticket; the dashboards' queries run on the store and name known metrics."""
    accounts = Accounts(layout.made / "accounts", "twinward", password_file=layout.made / "twinward" / "mqtt-password")
    password = accounts.add("smoke-1", site="school-1")
    layout.start()
    run_twinward.until(
        lambda: (answer := layout.get("/readyz")) and answer.status_code == 200, timeout_s=120, what="ready"
    )
    readings = json.dumps({"time": time.time_ns() // 1_000_000, "smoke": True, "smoke_density": 0.4, "co": 30})
    layout.publish("smoke-1", password, "campus/school-1/smoke/smoke-1", readings.encode())
    with httpx.Client(verify=layout.tls) as client:
        token = client.post(
            f"https://localhost:{layout.port}/api/v1/session", json={"username": "admin", "password": PASSWORD}
        ).json()["token"]
        client.headers["Authorization"] = f"Bearer {token}"

        def tickets() -> list[str]:
            return [
                row["place"] for row in client.get(f"https://localhost:{layout.port}/api/v1/tickets").json()["items"]
            ]

        assert run_twinward.until(tickets, timeout_s=60, what="a ticket") == ["unassigned:smoke-1"]

    def sensors(metric: str) -> list[str]:
        series = _influx(influxdb.url, _query(metric))
        return sorted(one["tags"]["sensor"] for one in series)

    for metric in ("smoke_density", "co"):
        assert run_twinward.until(lambda m=metric: sensors(m), timeout_s=30, what=metric) == ["smoke-1"]
    metrics = layout.get("/metrics")
    assert metrics is not None
    exported = set(re.findall(r"^# TYPE (\w+)", metrics.text, re.MULTILINE))
    named = {name for text in _targets("expr") for name in re.findall(r"twinward_\w+", text)}
    assert named
    assert named <= exported


def _targets(key: str) -> list[str]:
    """Return the texts of all panels under the key: `query` of InfluxDB, `expr` of Prometheus."""
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS]
    targets = [one for board in boards for panel in board["panels"] for one in panel["targets"]]
    return [one[key] for one in targets if key in one]


def _query(metric: str) -> str:
    """Return the query of a metric with Grafana's variables filled in."""
    (text,) = (text for text in _targets("query") if f"'{metric}'" in text)
    return text.replace("$timeFilter", "time > now() - 1h").replace("$__interval", "10s").replace("/^$site$/", "/^.*$/")


def _influx(url: str, query: str) -> list[dict[str, Any]]:
    answer = httpx.post(f"{url}/query", params={"db": "twinward", "q": query}).raise_for_status().json()
    assert "error" not in answer["results"][0], answer
    return answer["results"][0].get("series", [])
