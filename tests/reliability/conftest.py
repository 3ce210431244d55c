"""Parts of the reliability runs: numbered senders, alarms with latency, comparison of numbers.

Each run compares number by number: acknowledged by the broker, appended to the log, written to the store. After every
run both chains are verified and the accounts must balance.
"""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from numpy.typing import NDArray

from ingest import Catalog
from ingest.stores import open_store
from ingest.vocabulary import METRIC_BY_NAME
from tests.processes.numbered import SITE, Numbers, Sender
from tests.processes.waiting import stretch
from twinward.balances import balances, summed
from twinward.commands.verify import verify_chain
from twinward.log import TelemetryLog

NUMBER = METRIC_BY_NAME["people_in_total"].code
GAP = METRIC_BY_NAME["data_gap"].code
POLL_S = 0.02
LAST_NS, READ_MAX = 2**63 - 1, 10_000_000


class Alarms:
    """Smoke alarms, each of a new sensor, with the seconds from publication to the ticket in the database."""

    def __init__(self, port: int, database: Path) -> None:
        self.raised: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self.duplicated: list[str] = []
        self._database = database
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def raise_one(self) -> str:
        """Publish an alarm of a new sensor; return the sensor's place."""
        number = len(self.raised)
        place = f"unassigned:alarm-{number}"
        self.raised[place] = time.monotonic()
        self.publish(f"alarm-{number}", b'{"seq": %d, "smoke": true}' % number, kind="smoke")
        return place

    def publish(self, sensor: str, body: bytes, *, kind: str = "env", qos: int = 1) -> None:
        """Publish any other message."""
        self._client.publish(f"campus/{SITE}/{kind}/{sensor}", body, qos=qos)

    def every(self, seconds: float, times: int) -> list[str]:
        """Publish that number of alarms at that interval; return the places."""
        places = []
        for _ in range(times):
            places.append(self.raise_one())
            time.sleep(seconds)
        return places

    def missing(self) -> list[str]:
        """Return the places of alarms without a ticket."""
        return [place for place in self.raised if place not in self.seconds]

    def p99_s(self, places: list[str]) -> float:
        """Return the 99th percentile over these alarms; each must have its ticket."""
        return float(np.quantile([self.seconds[place] for place in places], 0.99))

    def close(self) -> None:
        """Stop the watch of the database and disconnect."""
        self._stop.set()
        self._thread.join(10)
        self._client.disconnect()
        self._client.loop_stop()

    def _watch(self) -> None:
        seen = 0
        while not self._stop.wait(POLL_S):
            with (
                suppress(sqlite3.OperationalError),  # before the first start, and during a recovery
                closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=1)) as database,
            ):
                while not self._stop.wait(POLL_S):
                    rows = database.execute("SELECT place FROM tickets ORDER BY rowid LIMIT -1 OFFSET ?", (seen,))
                    for (place,) in rows.fetchall():
                        seen += 1
                        if place in self.seconds:
                            self.duplicated.append(place)
                        if place in self.raised:
                            self.seconds[place] = time.monotonic() - self.raised[place]


class DataFolder:
    """Numbers and accounts in the data folder of a service."""

    gap = GAP

    def __init__(self, data: Path) -> None:
        self._data = data

    def logged(self, metric: int = NUMBER) -> dict[str, Numbers]:
        """Return sensor -> its values of that metric in the log, in order."""
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
        """Return the numbers in the DuckDB store, read through the store's interface."""
        with closing(TelemetryLog(self._data / "telemetry.sqlite", clock=time.time_ns)) as log:
            codes = [sensor.code for sensor in log.catalog()[0]]
        with closing(open_store("duckdb", self._data / "readings.duckdb")) as store:
            span = {"from_ns": 0, "to_ns": LAST_NS, "limit": READ_MAX}
            found = [store.read(code, NUMBER, **span).value for code in codes]
        return np.concatenate(found).astype(np.int64)

    def sensors_with(self, metric: str) -> list[str]:
        """Return the sensors with readings of that metric in the log."""
        return sorted(self.logged(METRIC_BY_NAME[metric].code))

    def total(self) -> dict[str, Any]:
        """Return the accounts over all sites. Writes nothing, so it also works on a full disk."""
        where = f"file:{self._data / 'telemetry.sqlite'}?mode=ro"
        with closing(sqlite3.connect(where, uri=True, timeout=10)) as database:
            database.row_factory = sqlite3.Row
            return summed(database.execute("SELECT * FROM counts").fetchall())

    def devices(self) -> dict[str, Any]:
        """Return the accounts of the site by device."""
        with closing(TelemetryLog(self._data / "telemetry.sqlite", clock=time.time_ns)) as log:
            catalog = Catalog()
            catalog.load(*log.catalog())
            return balances(log, catalog, SITE, trouble=False)

    def check(self, sender: Sender, *, lost: Numbers | None = None, stored: Numbers | None = None) -> None:
        """Check that log and store contain each acknowledged number once, at its sensor, except the lost ones.

        stored: the numbers in a store other than DuckDB.
        """
        wanted = np.setdiff1d(np.arange(sender.count), np.empty(0) if lost is None else lost)
        logged = self.logged()
        for sensor, numbers in logged.items():
            assert set((numbers % sender.sensors).tolist()) == {int(sensor[1:])}
        assert np.array_equal(np.sort(np.concatenate(list(logged.values()))), wanted)
        accounts = self.devices()
        assert {item["residual"] for item in (*accounts["items"], accounts["remainder"], accounts["total"])} == {0}
        assert accounts["remainder"]["stored"] == 0
        assert np.array_equal(np.sort(self.stored() if stored is None else stored), wanted)


SHORT_RUN_FACTOR = 5
"""A short run, on any machine and beside other load, only detects gross faults."""


class Rig:
    """Services, senders and alarms of one run; the test's end stops and checks all of them."""

    def __init__(
        self, request: pytest.FixtureRequest, folder: Path, make_service: Callable[..., Any], until: Callable[..., Any]
    ) -> None:
        self.until = until
        self.long = bool(request.config.getoption("--long"))
        given = request.config.getoption("--seed")
        self.seed = random.SystemRandom().randrange(1 << 30) if given is None else given
        self.rng = random.Random(self.seed)  # noqa: S311 - chooses moments, not keys
        self._request, self._folder, self._make_service = request, folder, make_service
        self._services: list[Any] = []
        self._senders: list[Sender] = []
        self._alarms: list[Alarms] = []

    def bound_s(self, promised_s: float, quiet_s: float = 0) -> float:
        """Return the documented limit in a long run; in a short one a multiple, which grows with the load.

        quiet_s: time without the disturbance on the same machine, which a short run allows in addition.
        """
        return promised_s if self.long else SHORT_RUN_FACTOR * promised_s * stretch() + quiet_s

    def size(self, short: int, long: int) -> int:
        """Return the size of this run."""
        return long if self.long else short

    def service(self, broker_url: str, *, extra: str = "") -> Any:
        """Return a new service; the end of the test checks its chains and accounts."""
        self._services.append(self._make_service(broker_url, extra=extra))
        return self._services[-1]

    def loose_service(self, broker_url: str, *, extra: str = "") -> Any:
        """Return a new service whose files the test alters; its chains and accounts are not checked."""
        return self._make_service(broker_url, extra=extra)

    def sender(self, url: str, **plan: Any) -> Sender:
        """Start a sender with a plan of rate, count and sensors."""
        self._senders.append(Sender(url, self._folder, **plan))
        return self._senders[-1]

    def alarms(self, port: int, service: Any) -> Alarms:
        """Return alarms through the broker on that port, with tickets from the service's database."""
        self._alarms.append(Alarms(port, service.data / "alerts.sqlite"))
        return self._alarms[-1]

    def data_of(self, service: Any) -> DataFolder:
        """Return the numbers and accounts of a service."""
        return DataFolder(service.data)

    def caught_up(self, service: Any, readings: int, *, timeout_s: float = 60) -> None:
        """Wait until the log contains that number of readings and no stage lags."""
        self.until(service.ready, timeout_s=120, what="ready")
        client = service.client()

        def all_there() -> bool:
            accounts = client.get("/accounting").json()
            return bool(accounts["total"]["stored"] >= readings and not any(accounts["lag"].values()))

        self.until(all_there, timeout_s=timeout_s, what=f"{readings} readings stored")

    def report(self, **figures: object) -> None:
        """Print measured figures past pytest's capture, and add them to its report."""
        line = ", ".join(f"{name} {figure}" for name, figure in figures.items())
        self._request.node.user_properties += list(figures.items())
        with self._request.getfixturevalue("capsys").disabled():
            print(f"\n    {line}")  # noqa: T201

    def close(self) -> None:
        """Stop all parts, then verify the chains and accounts of every service."""
        for part in (*self._alarms, *self._senders):
            part.close()
        for service in self._services:
            service.end()
        for service in self._services:
            for chain in ("log", "audit"):
                report = verify_chain(chain, config=service.config, data_dir=None, heads=None)
                assert report["ok"], report
            assert DataFolder(service.data).total()["residual"] == 0


@pytest.fixture
def rig(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    make_service: Callable[..., Any],
    run_twinward: Any,
    capsys: pytest.CaptureFixture[str],  # noqa: ARG001 - requested here, used by `report`
) -> Iterator[Rig]:
    """The parts of a run; a failure shows the seed."""
    made = Rig(request, tmp_path, make_service, run_twinward.until)
    request.node.user_properties.append(("seed", made.seed))
    print(f"seed {made.seed}")  # noqa: T201 - shown by pytest when the test fails
    yield made
    made.close()
