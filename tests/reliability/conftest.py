"""What the reliability runs share: a sender that keeps the receipts, alarms with their latency, the final reckoning.

Each run compares numbers one by one: what the broker acknowledged to the sender, what stands in the log and what stands
in the store. Behind every run both chains are verified and the accounts must balance.
"""

from __future__ import annotations

import base64
import json
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from numpy.typing import NDArray

from ingest import Catalog
from ingest.stores import open_store
from ingest.vocabulary import METRIC_BY_NAME
from twinward.balances import balances, summed
from twinward.log import TelemetryLog

Numbers = NDArray[np.int64]
SITE = "rel"
SENDER = Path(__file__).with_name("sender.py")
ROOT = Path(__file__).resolve().parents[2]
NUMBER = METRIC_BY_NAME["people_in_total"].code
GAP = METRIC_BY_NAME["data_gap"].code
POLL_S = 0.005
LAST_NS, READ_MAX = 2**63 - 1, 10_000_000


class Sender:
    """A process that sends numbered readings at QoS 1 and notes which the broker acknowledged."""

    def __init__(self, url: str, folder: Path, **plan: Any) -> None:
        self.count, self.sensors = int(plan["count"]), int(plan["sensors"])
        self._receipts = folder / f"acked-{time.monotonic_ns()}"
        command = [sys.executable, str(SENDER), url, str(self._receipts), json.dumps({"site": SITE} | plan)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)

    def acked(self) -> Numbers:
        """Numbers that the broker has acknowledged so far."""
        if not self._receipts.exists():
            return np.empty(0, np.int64)
        data = self._receipts.read_bytes()
        return np.frombuffer(data[: len(data) // 8 * 8], np.int64)

    def running(self) -> bool:
        """Whether it still sends."""
        return self.process.poll() is None

    def enough(self) -> None:
        """Ask it to send no more; `count` is known after `finish`."""
        self.count = 0
        self.process.terminate()

    def finish(self, timeout_s: float = 120) -> dict[str, int]:
        """Wait for the end; its counts. Every reading must have been acknowledged."""
        out, _ = self.process.communicate(timeout=timeout_s)
        counts: dict[str, int] = json.loads(out)
        self.count = self.count or counts["sent"]
        assert (counts["refused"], counts["lost"]) == (0, 0)
        assert np.array_equal(np.sort(self.acked()), np.arange(self.count))
        return counts

    def close(self) -> None:
        """Nothing of it runs afterwards."""
        if self.running():
            self.process.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process.wait(10)


class Alarms:
    """Smoke alarms of ever new sensors, and the seconds from publishing each to its ticket in the database."""

    def __init__(self, port: int, database: Path) -> None:
        self.raised: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.doubled: list[str] = []
        self._database = database
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def sound(self) -> str:
        """One more alarm; gives its sensor's place."""
        number = len(self.raised)
        place = f"unassigned:alarm-{number}"
        self.raised[place] = time.monotonic()
        self.publish(f"alarm-{number}", b'{"seq": %d, "smoke": true}' % number, kind="smoke")
        return place

    def publish(self, sensor: str, body: bytes, *, kind: str = "env", qos: int = 1) -> None:
        """Any message, beside the alarms."""
        self._client.publish(f"campus/{SITE}/{kind}/{sensor}", body, qos=qos)

    def every(self, seconds: float, times: int) -> list[str]:
        """So many alarms at that distance; gives the places."""
        places = []
        for _ in range(times):
            places.append(self.sound())
            time.sleep(seconds)
        return places

    def missing(self) -> list[str]:
        """Alarms without a ticket so far."""
        return [place for place in self.raised if place not in self.seconds]

    def p99_s(self, places: list[str]) -> float:
        """The 99th percentile over those alarms; each must have its ticket."""
        return float(np.quantile([self.seconds[place] for place in places], 0.99))

    def close(self) -> None:
        """Stop watching."""
        self._stop.set()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    def _watch(self) -> None:
        seen = 0
        while not self._stop.wait(POLL_S):
            with (
                suppress(sqlite3.OperationalError),  # before the first start, and while a killed process is recovered
                closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=1)) as database,
            ):
                while not self._stop.wait(POLL_S):
                    rows = database.execute("SELECT place FROM tickets ORDER BY rowid LIMIT -1 OFFSET ?", (seen,))
                    for (place,) in rows.fetchall():
                        seen += 1
                        if place in self.seconds:
                            self.doubled.append(place)
                        if place in self.raised:
                            self.seconds[place] = time.monotonic() - self.raised[place]


class Reckoning:
    """What the service keeps, number by number."""

    gap = GAP

    def __init__(self, data: Path) -> None:
        self._data = data

    def logged(self, metric: int = NUMBER) -> dict[str, Numbers]:
        """Sensor -> its values of that metric in the log, in order."""
        found: dict[int, list[NDArray[np.float64]]] = {}
        with closing(TelemetryLog(self._data / "telemetry.sqlite", clock=time.time_ns)) as log:
            names = {sensor.code: sensor.id for sensor in log.catalog()[0]}
            after = 0
            while entries := log.read(after, limit=256):
                after = entries[-1].seq
                for entry in entries:
                    mine = entry.batch.metric == metric
                    sensors, values = entry.batch.sensor[mine], entry.batch.value[mine]
                    for code in np.unique(sensors).tolist():
                        found.setdefault(code, []).append(values[sensors == code])
        return {names[code]: np.concatenate(parts).astype(np.int64) for code, parts in found.items()}

    def stored(self) -> Numbers:
        """The numbers in the DuckDB store, read through the store itself."""
        with closing(TelemetryLog(self._data / "telemetry.sqlite", clock=time.time_ns)) as log:
            codes = [sensor.code for sensor in log.catalog()[0]]
        with closing(open_store("duckdb", self._data / "readings.duckdb")) as store:
            span = {"from_ns": 0, "to_ns": LAST_NS, "limit": READ_MAX}
            found = [store.read(code, NUMBER, **span).value for code in codes]
        return np.concatenate(found).astype(np.int64)

    def sensors_with(self, metric: str) -> list[str]:
        """Sensors of which the log holds readings of that metric."""
        return sorted(self.logged(METRIC_BY_NAME[metric].code))

    def total(self) -> dict[str, Any]:
        """The accounts over all sites, also on a full disk: nothing is written for it."""
        where = f"file:{self._data / 'telemetry.sqlite'}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            return summed(database.execute("SELECT * FROM counts").fetchall())

    def devices(self) -> dict[str, Any]:
        """The accounts of the site by device."""
        with closing(TelemetryLog(self._data / "telemetry.sqlite", clock=time.time_ns)) as log:
            catalog = Catalog()
            catalog.load(*log.catalog())
            return balances(log, catalog, SITE, trouble=False)

    def check(self, sender: Sender, *, lost: Numbers | None = None, stored: Numbers | None = None) -> None:
        """Every acknowledged number but the lost ones stands once in log and store, at the sensor that sent it.

        stored: what the store holds, where that is not DuckDB.
        """
        wanted = np.setdiff1d(np.arange(sender.count), np.empty(0) if lost is None else lost)
        logged = self.logged()
        for sensor, numbers in logged.items():
            assert set((numbers % sender.sensors).tolist()) == {int(sensor[1:])}
        assert np.array_equal(np.sort(np.concatenate(list(logged.values()))), wanted)
        told = self.devices()
        assert {item["residual"] for item in (*told["items"], told["remainder"], told["total"])} == {0}
        assert told["remainder"]["stored"] == 0
        assert np.array_equal(np.sort(self.stored() if stored is None else stored), wanted)


SHORT_PATIENCE = 5


class Rig:
    """Everything that a run needs: services, senders, alarms and the reckoning; nothing of it outlives the test."""

    def __init__(
        self, request: pytest.FixtureRequest, folder: Path, make_service: Callable[..., Any], until: Callable[..., Any]
    ) -> None:
        self.until = until
        self.long = bool(request.config.getoption("--long"))
        given = request.config.getoption("--seed")
        self.seed = random.SystemRandom().randrange(1 << 30) if given is None else given
        self.dice = random.Random(self.seed)  # noqa: S311 - chooses moments, not keys
        self._request, self._folder, self._make_service = request, folder, make_service
        self._services: list[Any] = []
        self._senders: list[Sender] = []
        self._alarms: list[Alarms] = []

    def bound_s(self, promised_s: float) -> float:
        """What the long run must keep; the short one, on any machine beside anything, looks for gross faults."""
        return promised_s if self.long else SHORT_PATIENCE * promised_s

    def size(self, short: int, long: int) -> int:
        """The size of this run."""
        return long if self.long else short

    def service(self, broker_url: str, *, extra: str = "") -> Any:
        """A service whose chains and accounts are checked behind the test."""
        self._services.append(self._make_service(broker_url, extra=extra))
        return self._services[-1]

    def sender(self, url: str, **plan: Any) -> Sender:
        """A sender of its own process: rate, count, sensors."""
        self._senders.append(Sender(url, self._folder, **plan))
        return self._senders[-1]

    def alarms(self, port: int, service: Any) -> Alarms:
        """Alarms through the broker on that port, watched in the service's database."""
        self._alarms.append(Alarms(port, service.data / "alerts.sqlite"))
        return self._alarms[-1]

    def kept(self, service: Any) -> Reckoning:
        """What a service that has ended keeps."""
        return Reckoning(service.data)

    def caught_up(self, service: Any, readings: int, *, timeout_s: float = 60) -> None:
        """Wait until the service has so many readings in the log and nothing is behind."""
        self.until(service.ready, timeout_s=30, what="ready")
        client = service.client()

        def all_there() -> bool:
            told = client.get("/accounting").json()
            return bool(told["total"]["stored"] >= readings and not any(told["lag"].values()))

        self.until(all_there, timeout_s=timeout_s, what=f"{readings} readings taken in")

    def tell(self, **figures: object) -> None:
        """Print measured figures past pytest's capture, and keep them in its report."""
        line = ", ".join(f"{name} {figure}" for name, figure in figures.items())
        self._request.node.user_properties += list(figures.items())
        with self._request.getfixturevalue("capsys").disabled():
            print(f"\n    {line}")  # noqa: T201

    def close(self) -> None:
        """End everything, then check what every service left."""
        for part in (*self._alarms, *self._senders):
            part.close()
        for service in self._services:
            service.end()
        for service in self._services:
            with ThreadPoolExecutor() as pool:
                for status, report in pool.map(service.verify, ("log", "audit")):
                    assert (status, report["ok"]) == (0, True), report
            assert Reckoning(service.data).total()["residual"] == 0


@pytest.fixture
def rig(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_service: Callable[..., Any],
    run_twinward: Any,
    capsys: pytest.CaptureFixture[str],  # noqa: ARG001 - asked for here, used by `tell`
) -> Iterator[Rig]:
    """The run's parts; a failure tells the seed."""
    made = Rig(request, tmp_path, make_service, run_twinward.until)
    request.node.user_properties.append(("seed", made.seed))
    print(f"seed {made.seed}")  # noqa: T201 - shown by pytest when the test fails
    yield made
    made.close()


class Sink(ThreadingHTTPServer):
    """A receiver of webhooks: keeps each message with the moment at which it came."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.got: list[tuple[float, str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/in"

    def of_type(self, kind: str) -> list[tuple[float, str, dict[str, Any]]]:
        """Moment, id and data of the messages of that type."""
        return [(at_s, number, body["data"]) for at_s, number, body in list(self.got) if body["type"] == kind]

    def alarms(self) -> dict[str, list[tuple[float, str, dict[str, Any]]]]:
        """Place of the sensor -> the messages of its alarm."""
        found: dict[str, list[tuple[float, str, dict[str, Any]]]] = {}
        for message in self.of_type("hazard.opened"):
            if message[2]["kind"] == "fire":
                place = "unassigned:" + message[2]["place"]["en"].removeprefix("unassigned sensor ")
                found.setdefault(place, []).append(message)
        return found


class Taker(BaseHTTPRequestHandler):
    """Hands each POST to the server."""

    server: Sink

    def do_POST(self) -> None:
        """Keep the message and say so."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.got.append((time.monotonic(), self.headers["webhook-id"], body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A running receiver."""
    server = Sink()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def notify(sink: Sink, tmp_path: Path) -> str:
    """Settings that send every notice to the sink."""
    secret = tmp_path / "secret"
    secret.write_text("whsec_" + base64.b64encode(bytes(range(32))).decode())
    secret.chmod(0o600)
    return f'[notify]\nwebhooks = ["{sink.url}"]\nwebhook_secret_file = "{secret}"\nallow_private = true\n'
