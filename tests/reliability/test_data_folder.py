"""Files of a data folder lost, swapped, cut, damaged or aged: fires page, or the start is refused.

Each way starts the service on an altered copy of one folder. No way ends with a fire unpaged and no report.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from twinward.data_folder.fit import STAMPED, stamp

PAGED_S = 20
FIRES = 5
LOGS = ("telemetry.sqlite", "detections.sqlite")
DATABASE, STORE = "alerts.sqlite", "readings.duckdb"
SMALL = ("telemetry.sqlite.head", "alerts.head", "detections.sqlite.head", "ingest.lock")


class Folders:
    """The folder of a stopped service as it was early and late, and the folder of another installation."""

    def __init__(self, service: Any, old: Path, new: Path) -> None:
        self.service, self.old, self.new = service, old, new

    def reset(self) -> Path:
        """Put the late state into the service's folder; return it."""
        shutil.rmtree(self.service.data, ignore_errors=True)
        shutil.copytree(self.new, self.service.data)
        return Path(self.service.data)


Way = Callable[[Folders, Path], None]


def gone(name: str) -> Way:
    """Return the loss of a file and its journals."""

    def way(_folders: Folders, data: Path) -> None:
        for suffix in ("", "-wal", "-shm", ".wal"):
            (data / f"{name}{suffix}").unlink(missing_ok=True)

    return way


def aged(*names: str) -> Way:
    """Return the restoration of an earlier copy of these files alone."""

    def way(folders: Folders, data: Path) -> None:
        for name in names:
            gone(name)(folders, data)
            shutil.copy(folders.old / name, data / name)

    return way


def written(name: str, change: Callable[[bytes], bytes]) -> Way:
    """Return a change of a file's bytes."""

    def way(_folders: Folders, data: Path) -> None:
        raw = (data / name).read_bytes()
        (data / name).write_bytes(change(raw))

    return way


def foreign(name: str) -> Way:
    """Return the exchange with the file of another installation."""

    def way(_folders: Folders, data: Path) -> None:
        stamp(data / name, 12_345)

    return way


def together(*ways: Way) -> Way:
    """Return several ways at once."""

    def way(folders: Folders, data: Path) -> None:
        for one in ways:
            one(folders, data)

    return way


def cut(raw: bytes) -> bytes:
    """Return the first half."""
    return raw[: len(raw) // 2]


def zeroed(raw: bytes) -> bytes:
    """Return the bytes with zeros in the second half."""
    return cut(raw) + bytes(len(raw) - len(raw) // 2)


def garbage(raw: bytes) -> bytes:
    """Return other bytes of that number."""
    return os.urandom(max(64, len(raw)))


PAGES = {
    **{f"{name} gone": gone(name) for name in (*LOGS, STORE, "installation.json", *SMALL)},
    **{f"{name} empty": written(name, lambda _: b"") for name in (*LOGS, *SMALL)},
    **{f"{name} garbage": written(name, garbage) for name in SMALL},
    **{f"{name} aged": aged(name) for name in (*LOGS, DATABASE, STORE)},
    "telemetry and head aged": aged("telemetry.sqlite", "telemetry.sqlite.head"),
    "both logs aged": aged(*LOGS),
    "both logs gone": together(*map(gone, LOGS)),
    "telemetry, head and store gone": together(*map(gone, ("telemetry.sqlite", "telemetry.sqlite.head", STORE))),
    "all aged": aged(*LOGS, DATABASE, STORE),
}
"""Ways after which the service starts and every fire pages."""
REFUSED = {
    **{f"{name} gone": gone(name) for name in (DATABASE,)},
    **{f"{name} empty": written(name, lambda _: b"") for name in (DATABASE, STORE, "installation.json")},
    **{f"{name} garbage": written(name, garbage) for name in (*LOGS, DATABASE, STORE, "installation.json")},
    **{f"{name} cut": written(name, cut) for name in (*LOGS, DATABASE)},
    **{f"{name} zeroed": written(name, zeroed) for name in (*LOGS, DATABASE)},
    **{f"{name} foreign": foreign(name) for name in STAMPED},
}
"""Ways after which the start is refused in one sentence that names the file and the command."""
SHORT = (
    "telemetry.sqlite gone",
    "telemetry.sqlite aged",
    "detections.sqlite gone",
    "detections.sqlite aged",
    "all aged",
)
"""Ways with a start of the service in a short run."""


class Fires:
    """Smoke alarms of new sensors."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def raise_some(self, mark: str) -> set[str]:
        """Publish alarms; return the places."""
        for number in range(FIRES):
            sent = self._client.publish(f"campus/rel/smoke/{mark}-{number}", b'{"smoke": true}', qos=1)
            sent.wait_for_publish(5)
        return {f"unassigned:{mark}-{number}" for number in range(FIRES)}

    def close(self) -> None:
        """Disconnect."""
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def fires(mosquitto: Any) -> Any:
    """Alarms through the broker."""
    made = Fires(mosquitto.port)
    yield made
    made.close()


def settled(data: Path) -> bool:
    """Return whether the urgent stage has saved its state behind the last urgent entry."""
    with closing(sqlite3.connect(data / "telemetry.sqlite")) as log:
        (urgent,) = log.execute("SELECT max(seq) FROM entries WHERE source = 1").fetchone()
    with closing(sqlite3.connect(data / "detections.sqlite")) as detections:
        (saved,) = detections.execute("SELECT max(source) FROM states WHERE stage = 'detect_urgent'").fetchone()
    return saved is not None and urgent is not None and saved >= urgent


def prepare(service: Any, fires: Fires, sink: Any, until: Any, tmp_path: Path) -> Folders:
    """Return a folder with fires, snapshots and stored readings, copied once early and once late."""
    copies = []
    for mark in ("early", "late"):
        service.start()
        places = fires.raise_some(mark)
        until(lambda wanted=places: wanted <= set(sink.alarms()), timeout_s=PAGED_S, what="every page")
        until(lambda: settled(service.data), timeout_s=30, what="a snapshot of the detectors")
        assert service.stop() == 0
        copies.append(tmp_path / mark)
        shutil.copytree(service.data, copies[-1])
    return Folders(service, *copies)


@dataclass(frozen=True)
class Trial:
    """Means of the checks below."""

    folders: Folders
    fires: Fires
    sink: Any
    program: Any

    def fires_page(self, mark: str) -> None:
        """Start the service; check that new fires page."""
        self.folders.service.start()
        places = self.fires.raise_some(mark)
        self.program.until(lambda: places <= set(self.sink.alarms()), timeout_s=PAGED_S, what=f"every page, {mark}")
        assert self.folders.service.stop() == 0, mark

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the program on the folder."""
        command = [*self.program.command, *arguments, "--config", str(self.folders.service.config)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    def refused(self, name: str) -> None:
        """Check that the start is refused in one sentence with the file and the command."""
        done = self.run("run")
        said = [line for line in done.stderr.splitlines() if line.startswith("twinward: ")]
        assert (done.returncode, len(said)) == (2, 1), (name, done.stderr)
        assert done.stderr.splitlines()[-1] == said[0], (name, done.stderr)
        assert name.split(" ", maxsplit=1)[0] in done.stderr, (name, done.stderr)
        assert "twinward recover" in done.stderr or "delete it" in done.stderr, (name, done.stderr)

    def recovered(self) -> None:
        """Check that `recover` sets a damaged database and log aside, and deletes nothing."""
        data = self.folders.reset()
        written(DATABASE, garbage)(self.folders, data)
        written("telemetry.sqlite", cut)(self.folders, data)
        done = self.run("recover", "--json", "--new-database", "--set-aside", "telemetry.sqlite")
        assert done.returncode == 0, done.stderr
        assert len(json.loads(done.stdout)["repairs"]) >= 3
        kept = {path.name.partition(".aside-")[0] for path in data.glob("*.aside-*")}
        assert kept >= {"telemetry.sqlite", DATABASE}
        self.fires_page("recovered")


@pytest.mark.broker
def test_altered_files_neither_hide_a_fire_nor_start_silently(  # noqa: PLR0917 - fixtures
    mosquitto: Any, rig: Any, sink: Any, notify: str, fires: Fires, run_twinward: Any, tmp_path: Path
) -> None:
    """After each way of PAGES new fires page; after each of REFUSED the start is refused until `recover`."""
    service = rig.loose_service(mosquitto.url, extra=notify)
    folders = prepare(service, fires, sink, run_twinward.until, tmp_path)
    trial = Trial(folders, fires, sink, run_twinward)
    for number, name in enumerate(PAGES if rig.long else SHORT):
        PAGES[name](folders, folders.reset())
        trial.fires_page(f"fire-{number}")
    for name, way in REFUSED.items():
        way(folders, folders.reset())
        trial.refused(name)
    trial.recovered()
    rig.report(paged=len(PAGES if rig.long else SHORT), refused=len(REFUSED))
