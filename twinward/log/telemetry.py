"""The telemetry log: every accepted batch, with all that must become durable together with it."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest import (
    Bookings,
    CatalogChanges,
    Count,
    Metric,
    Priority,
    Sealed,
    Sensor,
    Spooled,
    TelemetryBatch,
    Waiting,
    parted,
)
from ingest.block import batch_id, encode
from ingest.devices.clocks import MEMORY as CLOCK_MEMORY
from ingest.devices.clocks import Clock, read_clock

from . import devices, quarantine
from .chain import Block, Chain, Lane, Stored, snapshot
from .recent import Recent
from .verify import Report

KEYS_MAX = 1_000_000
KEY_BYTES = 8
QUARANTINE_MAX = 10_000

_URGENT = f"source = {Priority.URGENT:d}"
_INDEX = f"CREATE INDEX IF NOT EXISTS urgent_entries ON entries (seq) WHERE {_URGENT};"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS sensors (code INTEGER PRIMARY KEY, facts BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS metrics (
  code INTEGER PRIMARY KEY, name TEXT NOT NULL, unit TEXT NOT NULL, low REAL NOT NULL, high REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS keys (seq INTEGER PRIMARY KEY, number INTEGER NOT NULL, keys BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS kept_keys (id INTEGER PRIMARY KEY CHECK (id = 1), number INTEGER NOT NULL) STRICT;
INSERT OR IGNORE INTO kept_keys VALUES (1, 0);
CREATE TABLE IF NOT EXISTS counts (
  site TEXT NOT NULL, format TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, rows INTEGER NOT NULL,
  PRIMARY KEY (site, format, outcome, reason)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT, arrival_ns INTEGER NOT NULL, site TEXT NOT NULL, format TEXT NOT NULL,
  topic TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS whole (
  id INTEGER PRIMARY KEY, size INTEGER NOT NULL, payload BLOB NOT NULL, counts BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS replays (
  id INTEGER PRIMARY KEY, up_to INTEGER NOT NULL, site TEXT, reason TEXT, topic TEXT) STRICT;
CREATE TABLE IF NOT EXISTS spool (
  id INTEGER PRIMARY KEY AUTOINCREMENT, arrival_ns INTEGER NOT NULL, packed BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS memory (
  id INTEGER PRIMARY KEY, format TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, UNIQUE (format, key)) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch of the log, all of it of one priority; the batch carries its id."""

    seq: int
    written_ns: int
    batch: TelemetryBatch
    digest: bytes
    priority: Priority = Priority.ORDINARY


class TelemetryLog:
    """One SQLite file. Appending is for the ingest process; reading is for any thread and process."""

    def __init__(
        self, path: Path, *, clock: Callable[[], int], keys_max: int = KEYS_MAX, quarantine_max: int = QUARANTINE_MAX
    ) -> None:
        """keys_max: message keys kept for de-duplication, at least; quarantine_max: refused messages kept, at most."""
        self._chain = Chain(path, clock=clock, schema=_INDEX + _SCHEMA + devices.SCHEMA)
        self._recent = Recent()
        self._keys_max, self._quarantine_max = keys_max, quarantine_max

    def append(self, sealed: Sealed) -> int:
        """Position of the last new entry; all of `sealed` is durable on return, in one transaction.

        Urgent readings stand in an entry of their own, before that of the others.

        Raises sqlite3.OperationalError when the disk is full or the file busy; nothing of it is then in the log.
        """
        blocks = [_block(priority, batch) for priority, batch in parted(sealed.batch, sealed.urgent)]

        def with_entry(db: sqlite3.Connection, seq: int) -> None:
            _put_catalog(db, sealed.changes)
            _put_keys(db, seq, sealed.keys, self._keys_max)
            _put_counts(db, sealed.counts)
            quarantine.remove(db, sealed.replayed)
            if sealed.quarantine:
                quarantine.put(db, sealed.quarantine, rows_max=self._quarantine_max)
            for topic in sealed.mended:
                quarantine.ask(db, topic=topic)
            _put_memory(db, sealed.memory)
            db.executemany("INSERT INTO spool (arrival_ns, packed) VALUES (?, ?)", sealed.spooled)
            db.executemany("DELETE FROM spool WHERE id = ?", [(number,) for number in sealed.unspooled])
            if sealed.booked is not None:
                devices.put(db, sealed.booked)

        return self._chain.append(blocks, with_entry=with_entry)

    def read(self, after: int, *, limit: int = 64) -> list[Entry]:
        """The entries behind position `after`, in order, at most `limit`. Raises BlockError when one is damaged."""
        return [_entry(stored, self._recent) for stored in self._chain.entries(after, limit)]

    def urgent(self) -> Lane[Entry]:
        """The urgent entries alone, as a log of their own."""
        return Lane(self._chain, _URGENT, partial(_entry, recent=self._recent))

    def head(self) -> int:
        """The last position; 0 when nothing was ever written."""
        return self._chain.last().seq

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is an entry behind `after` (True) or the time is over (False)."""
        return self._chain.wait(after, timeout_s)

    def catalog(self) -> tuple[list[Sensor], list[Metric]]:
        """Every sensor, codes ascending, and every learned metric."""
        with self._chain.reading() as db:
            sensors = db.execute("SELECT facts FROM sensors ORDER BY code").fetchall()
            metrics = db.execute("SELECT code, name, unit, low, high FROM metrics ORDER BY code").fetchall()
        decoder = msgspec.msgpack.Decoder(Sensor)
        return [decoder.decode(facts) for (facts,) in sensors], [Metric(*row) for row in metrics]

    def recent_keys(self, limit: int) -> NDArray[np.int64]:
        """The newest message keys, oldest of them first, at most `limit`."""
        runs: list[bytes] = []
        size = 0
        with self._chain.reading() as db:
            for (blob,) in db.execute("SELECT keys FROM keys ORDER BY seq DESC"):
                runs.append(blob)
                size += len(blob)
                if size >= limit * KEY_BYTES:
                    break
        keys = np.frombuffer(b"".join(reversed(runs)), np.int64)
        return keys[max(0, len(keys) - limit) :]

    def memory(self) -> list[tuple[str, str, bytes]]:
        """What decoders asked to be kept: (format, key, value), the first told first."""
        with self._chain.reading() as db:
            return db.execute("SELECT format, key, value FROM memory ORDER BY id").fetchall()

    def bookings(self) -> Bookings:
        """What is known of every device, for a ledger."""
        with self._chain.reading() as db, snapshot(db):
            return devices.bookings(db)

    def site_books(self, site: str, pages: Sequence[int]) -> tuple[list[dict[str, Any]], Bookings]:
        """The accounts of a site, and what these pages of the ledger hold of its devices, of one moment."""
        with self._chain.reading() as db, snapshot(db):
            rows = db.execute("SELECT outcome, reason, sum(rows) FROM counts WHERE site = ? GROUP BY 1, 2", (site,))
            told = [{"outcome": outcome, "reason": reason, "rows": number} for outcome, reason, number in rows]
            return told, devices.bookings(db, pages)

    def clocks(self) -> list[tuple[int, Clock]]:
        """Catalogue code and clock of every sensor whose clock is off."""
        with self._chain.reading() as db:
            kept = db.execute("SELECT key, value FROM memory WHERE format = ?", (CLOCK_MEMORY,)).fetchall()
        found = [(int(key), read_clock(value)) for key, value in kept]
        return sorted((code, clock) for code, clock in found if clock is not None)

    def accounting(self) -> list[dict[str, Any]]:
        """What became of all readings: rows by site, format, outcome and reason."""
        fields = ("site", "format", "outcome", "reason", "rows")
        with self._chain.reading() as db:
            rows = db.execute("SELECT site, format, outcome, reason, rows FROM counts").fetchall()
        return [dict(zip(fields, row, strict=True)) for row in rows]

    def quarantine(
        self,
        limit: int,
        before: int | None = None,
        *,
        sites: Sequence[str] | None = None,
        reason: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the newest quarantined messages with ids below `before`; sites: only of these sites, None: all."""
        with self._chain.reading() as db:
            return quarantine.rows(db, limit, before, sites=sites, reason=reason)

    def replay(self, *, site: str | None = None, reason: str | None = None) -> int:
        """Ask that refused messages be taken in again; how many there are. Ingest takes them within seconds."""
        with self._chain.changing() as db:
            return quarantine.ask(db, site=site, reason=reason)

    def waiting(self, limit: int = 500) -> list[Waiting]:
        """Refused messages that somebody asked to take in again, the oldest first."""
        with self._chain.reading() as db:
            asked = db.execute("SELECT 1 FROM replays LIMIT 1").fetchone()
        if not asked:
            return []
        with self._chain.changing() as db:
            return quarantine.waiting(db, limit)

    def spooled(self, after: int = 0) -> Spooled | None:
        """The first block of messages behind a number that waits to be taken in; None where there is none."""
        with self._chain.reading() as db:
            query = "SELECT id, arrival_ns, packed FROM spool WHERE id > ? ORDER BY id LIMIT 1"
            row = db.execute(query, (after,)).fetchone()
        return None if row is None else Spooled._make(row)

    def spool_blocks(self) -> int:
        """How many blocks of messages wait to be taken in."""
        with self._chain.reading() as db:
            return int(db.execute("SELECT count(*) FROM spool").fetchone()[0])

    def retain(self, *, before_ns: int, up_to: int, bytes_max: int | None = None) -> int:
        """Drop entries that are too old or too many, none behind `up_to` (the slowest reader); see `Chain.retain`."""
        return self._chain.retain(before_ns=before_ns, up_to=up_to, bytes_max=bytes_max)

    def verify(self, *, known: tuple[int, str] | None = None) -> Report:
        """Whether every entry is as it was written; known: a position and digest that was kept elsewhere."""
        return self._chain.verify(known=known)

    def close(self) -> None:
        """Let go of the file."""
        self._chain.close()


def _block(priority: Priority, batch: TelemetryBatch) -> Block:
    data = encode(batch)
    return Block(data, batch_id(data), priority)


def _entry(stored: Stored, recent: Recent) -> Entry:
    return Entry(stored.seq, stored.written_ns, recent.batch(stored), stored.digest, Priority(stored.source))


def _put_catalog(db: sqlite3.Connection, changes: CatalogChanges) -> None:
    sensors = [(sensor.code, msgspec.msgpack.encode(sensor)) for sensor in changes.sensors]
    metrics = [(metric.code, metric.name, metric.unit, metric.low, metric.high) for metric in changes.metrics]
    db.executemany("INSERT OR REPLACE INTO sensors VALUES (?, ?)", sensors)
    db.executemany("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?, ?, ?)", metrics)


def _put_keys(db: sqlite3.Connection, seq: int, keys: Sequence[int], keys_max: int) -> None:
    """Keep this batch's keys and let the oldest batches' keys go while at least `keys_max` remain."""
    if not len(keys):  # any sequence, an array too
        return
    db.execute("INSERT INTO keys VALUES (?, ?, ?)", (seq, len(keys), array("q", keys).tobytes()))
    (number,) = db.execute("UPDATE kept_keys SET number = number + ? RETURNING number", (len(keys),)).fetchone()
    gone = 0
    for old, size in db.execute("SELECT seq, number FROM keys ORDER BY seq").fetchmany(1_000):
        if number - gone - size < keys_max:
            break
        db.execute("DELETE FROM keys WHERE seq = ?", (old,))
        gone += size
    if gone:
        db.execute("UPDATE kept_keys SET number = number - ?", (gone,))


def _put_counts(db: sqlite3.Connection, counts: Mapping[Count, int]) -> None:
    db.executemany(
        "INSERT INTO counts VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (site, format, outcome, reason) DO UPDATE SET rows = rows + excluded.rows",
        [(*count, rows) for count, rows in counts.items()],
    )


def _put_memory(db: sqlite3.Connection, memory: Mapping[tuple[str, str], bytes | None]) -> None:
    db.executemany(
        "DELETE FROM memory WHERE format = ? AND key = ?", [key for key, kept in memory.items() if kept is None]
    )
    db.executemany(
        "INSERT INTO memory (format, key, value) VALUES (?, ?, ?)"
        " ON CONFLICT (format, key) DO UPDATE SET value = excluded.value",
        [(*key, kept) for key, kept in memory.items() if kept is not None],
    )
