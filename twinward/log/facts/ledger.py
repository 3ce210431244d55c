"""Ledger tables: pages of the device ledger, and the deltas behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ingest import LedgerDelta, LedgerEntries
from twinward.log.entries import Database

_PUT_PAGE = (
    "INSERT INTO device_pages VALUES (?, ?, ?)"
    " ON CONFLICT (page) DO UPDATE SET number = excluded.number, standing = excluded.standing"
)


class LedgerTable:
    """Stores `LedgerDelta`."""

    fact: ClassVar = LedgerDelta
    schema: ClassVar = """
CREATE TABLE IF NOT EXISTS device_pages (
  page INTEGER PRIMARY KEY, number INTEGER NOT NULL, standing BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS device_added (number INTEGER PRIMARY KEY, added BLOB NOT NULL) STRICT;
"""

    def put(self, db: Database, _seq: int, delta: LedgerDelta) -> None:
        """Insert the delta and its pages, and delete the deltas that the pages now contain."""
        db.execute("INSERT INTO device_added VALUES (?, ?)", (delta.number, delta.added))
        for page, standing in delta.pages.items():
            db.execute(_PUT_PAGE, (page, delta.number, standing))
        if delta.pages:
            db.execute("DELETE FROM device_added WHERE number <= ?", (delta.settled,))

    def load(self, db: Database, pages: Sequence[int] | None = None) -> LedgerEntries:
        """Return all entries, or those that some pages need. The caller holds a read transaction."""
        query = "SELECT page, number, standing FROM device_pages"
        if pages is None:
            found = db.execute(query).fetchall()
        else:
            found = [row for page in pages for row in db.execute(f"{query} WHERE page = ?", (page,)).fetchall()]
        return LedgerEntries(found, db.execute("SELECT number, added FROM device_added ORDER BY number").fetchall())
