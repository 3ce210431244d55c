"""Consumer process of the kill test: subscriber and intake with a durable SQLite sink.

Usage: consumer.py URL DATABASE. Runs until it is killed.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ingest import Catalog, Intake, MessageKeys, Sealed
from ingest.mqtt import MqttSettings, Subscriber


class Table:
    """Stores readings, keys and sensors in one transaction a batch, like the product's log."""

    def __init__(self, path: str) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
            "CREATE TABLE IF NOT EXISTS reading (sensor INTEGER, value REAL);"
            "CREATE TABLE IF NOT EXISTS key (key INTEGER);"
        )

    def keys(self) -> list[int]:
        """Return the message keys in order of storage."""
        return [row[0] for row in self._connection.execute("SELECT key FROM key ORDER BY rowid")]

    def __call__(self, sealed: Sealed, /) -> None:
        """Store all of a batch, or nothing."""
        rows = zip(sealed.batch.sensor.tolist(), sealed.batch.value.tolist(), strict=True)
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO reading VALUES (?, ?)", rows)
        self._connection.executemany("INSERT INTO key VALUES (?)", ((key,) for key in sealed.of(MessageKeys).keys))
        self._connection.execute("COMMIT")


if __name__ == "__main__":
    table = Table(sys.argv[2])
    subscriber = Subscriber(
        MqttSettings(url=sys.argv[1]), Intake(Catalog(), recent_keys=table.keys()), table, time.time_ns
    )
    subscriber.start()
    while True:
        time.sleep(1)
