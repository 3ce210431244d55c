"""Ways to alter the files of a data folder, and fires that must page afterwards."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import paho.mqtt.client as mqtt

from twinward.data_folder.files import stamp

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


def foreign_store(_folders: Folders, data: Path) -> None:
    """Exchange the store with that of another installation."""
    with duckdb.connect(str(data / STORE)) as db:
        db.execute("UPDATE owner SET installation = 12345")


def mode(name: str, bits: int) -> Way:
    """Return a change of a file's mode; "": of the folder's."""

    def way(_folders: Folders, data: Path) -> None:
        (data / name).chmod(bits)

    return way


def renamed(name: str) -> Way:
    """Return the loss of a file that can be undone by `mv`."""

    def way(_folders: Folders, data: Path) -> None:
        (data / name).rename(data / f"{name}.elsewhere")

    return way


def replaced(name: str) -> Way:
    """Return the exchange of a file with an earlier copy under a running process."""

    def way(folders: Folders, data: Path) -> None:
        source = folders.old / name
        shutil.copy(source if source.exists() else data / name, data / "fresh")
        (data / "fresh").replace(data / name)

    return way


def emptied(name: str, share: float) -> Way:
    """Return the cut of a file in place, to that share of its size."""

    def way(_folders: Folders, data: Path) -> None:
        os.truncate(data / name, int((data / name).stat().st_size * share))

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
