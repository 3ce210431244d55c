"""Account table: rows by site, format, outcome and reason."""

from __future__ import annotations

import sqlite3
from typing import Any, ClassVar

from ingest import Counts


class CountsTable:
    """Stores `Counts`."""

    fact: ClassVar = Counts
    schema: ClassVar = """
CREATE TABLE IF NOT EXISTS counts (
  site TEXT NOT NULL, format TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, rows INTEGER NOT NULL,
  PRIMARY KEY (site, format, outcome, reason)) STRICT, WITHOUT ROWID;
"""

    def put(self, db: sqlite3.Connection, _seq: int, counts: Counts) -> None:
        """Add the counts of a batch to the sums."""
        db.executemany(
            "INSERT INTO counts VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (site, format, outcome, reason) DO UPDATE SET rows = rows + excluded.rows",
            [(*count, rows) for count, rows in counts.rows.items()],
        )

    def load(self, db: sqlite3.Connection) -> list[dict[str, Any]]:
        """Return all sums as rows with site, format, outcome, reason and rows."""
        fields = ("site", "format", "outcome", "reason", "rows")
        rows = db.execute("SELECT site, format, outcome, reason, rows FROM counts").fetchall()
        return [dict(zip(fields, row, strict=True)) for row in rows]

    def of_site(self, db: sqlite3.Connection, site: str) -> list[dict[str, Any]]:
        """Return the sums of one site over all formats, as rows with outcome, reason and rows."""
        found = db.execute("SELECT outcome, reason, sum(rows) FROM counts WHERE site = ? GROUP BY 1, 2", (site,))
        return [{"outcome": outcome, "reason": reason, "rows": number} for outcome, reason, number in found]
