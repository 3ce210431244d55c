"""Account table: rows by site, format, outcome and reason."""

from __future__ import annotations

from typing import Any, ClassVar

from ingest import Counts
from twinward.log.entries import Database


class CountsTable:
    """Stores `Counts`."""

    fact: ClassVar = Counts
    schema: ClassVar = """
CREATE TABLE IF NOT EXISTS counts (
  site TEXT NOT NULL, format TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL, rows INTEGER NOT NULL,
  PRIMARY KEY (site, format, outcome, reason)) STRICT, WITHOUT ROWID;
"""

    def put(self, db: Database, _seq: int, counts: Counts) -> None:
        """Add the counts of a batch to the sums."""
        db.executemany(
            "INSERT INTO counts VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (site, format, outcome, reason) DO UPDATE SET rows = counts.rows + excluded.rows",
            [(*count, rows) for count, rows in counts.rows.items()],
        )

    def load(self, db: Database) -> list[dict[str, Any]]:
        """Return all sums as rows with site, format, outcome, reason and rows."""
        fields = ("site", "format", "outcome", "reason", "rows")
        rows = db.execute("SELECT site, format, outcome, reason, rows FROM counts").fetchall()
        return [dict(zip(fields, row, strict=True)) for row in rows]

    def of_site(self, db: Database, site: str) -> list[dict[str, Any]]:
        """Return the sums of one site over all formats, as rows with outcome, reason and rows."""
        query = "SELECT outcome, reason, CAST(sum(rows) AS BIGINT) FROM counts WHERE site = ? GROUP BY 1, 2"
        found = db.execute(query, (site,))
        return [{"outcome": outcome, "reason": reason, "rows": number} for outcome, reason, number in found]
