"""Telemetry log: every sealed batch with its durable facts, appended in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ingest import (
    LedgerEntries,
    Metric,
    Priority,
    Sealed,
    Sensor,
    Spooled,
    TelemetryBatch,
    Waiting,
    split_by_priority,
)
from ingest.block import batch_id, encode
from ingest.catalog import STATE
from ingest.devices.clocks import Clock

from .entries import Block, Database, Lane, Stored
from .facts import (
    CatalogTable,
    CountsTable,
    FactTable,
    KeysTable,
    LedgerTable,
    MemoryTable,
    QuarantineTable,
    SpoolTable,
)
from .opening import open_chain
from .recent import Recent
from .server import ServerLog
from .verify import Report

KEYS_MAX = 1_000_000
QUARANTINE_MAX = 10_000

_URGENT = f"source = {Priority.URGENT:d}"
_INDEX = f"CREATE INDEX IF NOT EXISTS urgent_entries ON entries (seq) WHERE {_URGENT};"


@dataclass(frozen=True, slots=True)
class Entry:
    """One batch of the log, all of it of one priority; the batch carries its id."""

    seq: int
    written_ns: int
    batch: TelemetryBatch
    digest: bytes
    priority: Priority = Priority.ORDINARY


class TelemetryLog:
    """One SQLite file, or tables of a server. The ingest process appends; any thread and process reads."""

    def __init__(
        self,
        place: Path | ServerLog,
        *,
        clock: Callable[[], int],
        keys_max: int = KEYS_MAX,
        quarantine_max: int = QUARANTINE_MAX,
    ) -> None:
        """keys_max: lower bound of the message keys kept; quarantine_max: upper bound of the quarantined messages."""
        self._catalog, self._keys, self._counts = CatalogTable(), KeysTable(keys_max), CountsTable()
        self._quarantine, self._memory = QuarantineTable(quarantine_max), MemoryTable()
        self._spool, self._ledger = SpoolTable(), LedgerTable()
        self._tables: dict[type, FactTable[Any]] = {
            table.fact: table
            for table in (
                self._catalog,
                self._keys,
                self._counts,
                self._quarantine,
                self._memory,
                self._spool,
                self._ledger,
            )
        }
        schema = _INDEX + "".join(table.schema for table in self._tables.values())
        self._chain = open_chain(place, clock=clock, schema=schema)
        self._recent = Recent()

    def append(self, sealed: Sealed) -> int:
        """Append a batch and its facts in one transaction, durable on return. Return the position of the last entry.

        Urgent rows are an entry of their own, before the entry of the others. Raises KeyError for a fact without a
        table, and sqlite3.OperationalError when the disk is full or the file busy; the log is then unchanged.
        """
        blocks = [_block(priority, batch) for priority, batch in split_by_priority(sealed.batch, sealed.urgent)]
        writes = [(self._tables[type(fact)], fact) for fact in sealed.facts if fact]

        def with_entry(db: Database, seq: int) -> None:
            for table, fact in writes:
                table.put(db, seq, fact)

        return self._chain.append(blocks, with_entry=with_entry)

    def read(self, after: int, *, limit: int = 64) -> list[Entry]:
        """Return the entries behind position `after` in order, at most `limit`. Raises BlockError for a damaged one."""
        return [_entry(stored, self._recent) for stored in self._chain.entries(after, limit)]

    def urgent(self) -> Lane[Entry]:
        """Return a view of the urgent entries alone."""
        return Lane(self._chain, _URGENT, partial(_entry, recent=self._recent))

    def tip(self) -> tuple[int, str]:
        """Return the last position and its digest in hexadecimal."""
        last = self._chain.last()
        return last.seq, last.digest.hex()

    def first(self) -> int:
        """Return the first kept position; 0 before the first entry."""
        with self._chain.reading() as db:
            return int(db.execute("SELECT coalesce(min(seq), 0) FROM entries").fetchone()[0])

    def head(self) -> int:
        """Return the last position; 0 for an empty log."""
        return self._chain.last().seq

    def end(self) -> int:
        """Return the last position; 0 for an empty log."""
        return self.head()

    def answers(self) -> bool:
        """Return whether the log can be read, and new entries arrive."""
        try:
            self._chain.check()
        except (sqlite3.Error, OSError):
            return False
        return True

    def newest_ns(self) -> int:
        """Return the wall clock at the last entry in ns since 1970; 0 for an empty log."""
        return self._chain.last().written_ns

    def wait(self, after: int, timeout_s: float) -> bool:
        """Block until there is an entry behind `after` (True) or the time is over (False)."""
        return self._chain.wait(after, timeout_s)

    def catalog(self) -> tuple[list[Sensor], list[Metric]]:
        """Return every sensor and every learned metric, codes ascending."""
        with self._chain.reading() as db:
            return self._catalog.load(db)

    def catalog_state(self) -> tuple[int, int]:
        """Return number of the last renaming and version of the catalogue, 0 before the first change."""
        with self._chain.reading() as db:
            stored = self._memory.value(db, *STATE)
        renamed, version = (stored or b"0 0").split()
        return int(renamed), int(version)

    def recent_keys(self, limit: int) -> NDArray[np.int64]:
        """Return the newest message keys, at most `limit`, oldest first."""
        with self._chain.reading() as db:
            return self._keys.load(db, limit)

    def memory(self) -> list[tuple[str, str, bytes]]:
        """Return the stored state of decoders, clocks and retained messages: (owner, key, value), oldest key first."""
        with self._chain.reading() as db:
            return self._memory.load(db)

    def ledger_entries(self) -> LedgerEntries:
        """Return the entries of the device ledger."""
        with self._chain.reading(snapshot=True) as db:
            return self._ledger.load(db)

    def site_accounts(self, site: str, pages: Sequence[int]) -> tuple[list[dict[str, Any]], LedgerEntries]:
        """Return the accounts of a site and these pages of the ledger, from one read transaction."""
        with self._chain.reading(snapshot=True) as db:
            return self._counts.of_site(db, site), self._ledger.load(db, pages)

    def ledger(self, pages: Sequence[int]) -> LedgerEntries:
        """Return these pages of the ledger."""
        with self._chain.reading(snapshot=True) as db:
            return self._ledger.load(db, pages)

    def clocks(self) -> list[tuple[int, Clock]]:
        """Return catalogue code and clock of every sensor whose clock has an offset."""
        with self._chain.reading() as db:
            return self._memory.clocks(db)

    def accounting(self) -> list[dict[str, Any]]:
        """Return the reading accounts: rows by site, format, outcome and reason."""
        with self._chain.reading() as db:
            return self._counts.load(db)

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
            return self._quarantine.load(db, limit, before, sites=sites, reason=reason)

    def replay(self, *, site: str | None = None, reason: str | None = None) -> int:
        """Request that quarantined messages be reprocessed. Return their number. Ingest starts within seconds."""
        with self._chain.changing() as db:
            return self._quarantine.request(db, site=site, reason=reason)

    def waiting(self, limit: int = 500) -> Sequence[Waiting]:
        """Return the quarantined messages that wait to be reprocessed, at most `limit`, oldest first."""
        with self._chain.reading() as db:
            requested = db.execute("SELECT 1 FROM replays LIMIT 1").fetchone()
        if not requested:
            return []
        with self._chain.changing() as db:
            return self._quarantine.requested(db, limit)

    def spooled(self, after: int = 0) -> Spooled | None:
        """Return the first spooled block with an id above `after`, or None."""
        with self._chain.reading() as db:
            return self._spool.next(db, after)

    def spool_blocks(self) -> int:
        """Return the number of spooled blocks."""
        with self._chain.reading() as db:
            return self._spool.load(db)

    def retain(self, *, before_ns: int, up_to: int, bytes_max: int | None = None) -> int:
        """Delete entries beyond age or size, none behind `up_to`, the slowest reader (see `Chain.retain`)."""
        return self._chain.retain(before_ns=before_ns, up_to=up_to, bytes_max=bytes_max)

    def verify(self, *, known: Sequence[tuple[int, str]] = ()) -> Report:
        """Verify every entry. known: positions and digests kept elsewhere."""
        return self._chain.verify(known=known)

    def close(self) -> None:
        """Close the file."""
        self._chain.close()


def _block(priority: Priority, batch: TelemetryBatch) -> Block:
    data = encode(batch)
    return Block(data, batch_id(data), priority)


def _entry(stored: Stored, recent: Recent) -> Entry:
    return Entry(stored.seq, stored.written_ns, recent.batch(stored), stored.digest, Priority(stored.source))
