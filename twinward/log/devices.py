"""What is known of each device beside the telemetry log: pages of the ledger, and what was added behind them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ingest import Booked, Bookings

SCHEMA = """
CREATE TABLE IF NOT EXISTS device_pages (
  page INTEGER PRIMARY KEY, number INTEGER NOT NULL, standing BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS device_added (number INTEGER PRIMARY KEY, added BLOB NOT NULL) STRICT;
"""


def put(db: sqlite3.Connection, booked: Booked) -> None:
    """Keep what a batch books; what stands in pages by now goes."""
    db.execute("INSERT INTO device_added VALUES (?, ?)", (booked.number, booked.added))
    for page, standing in booked.pages.items():
        db.execute("INSERT OR REPLACE INTO device_pages VALUES (?, ?, ?)", (page, booked.number, standing))
    if booked.pages:
        db.execute("DELETE FROM device_added WHERE number <= ?", (booked.settled,))


def bookings(db: sqlite3.Connection, pages: Sequence[int] | None = None) -> Bookings:
    """Everything, or what is needed for some pages; the caller holds the transaction."""
    query = "SELECT page, number, standing FROM device_pages"
    if pages is None:
        found = db.execute(query).fetchall()
    else:
        found = [row for page in pages for row in db.execute(f"{query} WHERE page = ?", (page,)).fetchall()]
    return Bookings(found, db.execute("SELECT number, added FROM device_added ORDER BY number").fetchall())
