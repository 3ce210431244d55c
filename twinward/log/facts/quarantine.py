"""Quarantine tables: rejected messages, and requests to reprocess them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import msgspec

from ingest import Charge, QuarantineChanges, Quarantined, Waiting
from twinward.log.entries import Database

WHOLE_BYTES_MAX = 64 << 20
"""Bound on the bytes of complete messages. Beyond it the oldest ones stay as samples only."""

_FIELDS = ("id", "arrival_ns", "site", "format", "topic", "reason", "detail", "payload")
_MATCHING = (
    "whole AS w JOIN quarantine AS q USING (id) WHERE w.id <= ?1 AND (CAST(?2 AS TEXT) IS NULL OR site = ?2)"
    " AND (CAST(?3 AS TEXT) IS NULL OR reason = ?3) AND (CAST(?4 AS TEXT) IS NULL OR topic = ?4)"
)
_COUNT = f"SELECT count(*) FROM {_MATCHING}"  # noqa: S608 - built from the constant above
_OLDEST = f"SELECT q.id, arrival_ns, site, format, topic, w.payload, counts FROM {_MATCHING} ORDER BY q.id LIMIT ?5"  # noqa: S608 - as above
_COUNTS = msgspec.msgpack.Decoder(list[Charge])


class QuarantineTable:
    """Stores `QuarantineChanges`. Beyond `rows_max` messages the oldest ones are deleted."""

    fact: ClassVar = QuarantineChanges
    schema: ClassVar = """
CREATE TABLE IF NOT EXISTS quarantine (
  id INTEGER PRIMARY KEY AUTOINCREMENT, arrival_ns INTEGER NOT NULL, site TEXT NOT NULL, format TEXT NOT NULL,
  topic TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL, payload BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS whole (
  id INTEGER PRIMARY KEY, size INTEGER NOT NULL, payload BLOB NOT NULL, counts BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS replays (
  id INTEGER PRIMARY KEY, up_to INTEGER NOT NULL, site TEXT, reason TEXT, topic TEXT) STRICT;
"""

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max

    def put(self, db: Database, _seq: int, changes: QuarantineChanges) -> None:
        """Delete the reprocessed messages, insert the rejected ones, then request the topics to retry."""
        keys = [(key,) for key in changes.reprocessed]
        db.executemany("DELETE FROM whole WHERE id = ?", keys)
        db.executemany("DELETE FROM quarantine WHERE id = ?", keys)
        if changes.rejected:
            _insert(db, changes.rejected)
            _bound(db, self._rows_max)
        for topic in changes.retry_topics:
            self.request(db, topic=topic)

    def load(
        self,
        db: Database,
        limit: int = 100,
        before: int | None = None,
        *,
        sites: Sequence[str] | None = None,
        reason: str | None = None,
    ) -> list[dict[str, Any]]:
        """Return the newest messages with ids below `before`; replayable: stored whole.

        sites: only of these sites, None: all.
        """
        if sites is not None and not sites:
            return []
        scope = "" if sites is None else f"AND site IN ({', '.join('?' * len(sites))})"
        query = (
            f"SELECT *, id IN (SELECT id FROM whole) FROM quarantine WHERE id < ? {scope}"  # noqa: S608 - only marks
            " AND reason = coalesce(?, reason) ORDER BY id DESC LIMIT ?"
        )
        newest = 2**63 - 1 if before is None else before
        found = db.execute(query, (newest, *(sites or ()), reason, limit)).fetchall()
        return [dict(zip(_FIELDS, row[:-1], strict=True)) | {"replayable": bool(row[-1])} for row in found]

    def request(
        self, db: Database, *, site: str | None = None, reason: str | None = None, topic: str | None = None
    ) -> int:
        """Request that the matching messages be reprocessed. Return their number."""
        (number,) = db.execute(_COUNT, (2**62, site, reason, topic)).fetchone()
        if number:
            query = "INSERT INTO replays (up_to, site, reason, topic) SELECT max(id), ?, ?, ? FROM whole"
            db.execute(query, (site, reason, topic))
        return int(number)

    def requested(self, db: Database, limit: int) -> Sequence[Waiting]:
        """Return the oldest messages of the oldest open request, and delete the requests that are done."""
        for request, *match in db.execute("SELECT id, up_to, site, reason, topic FROM replays ORDER BY id").fetchall():
            found = db.execute(_OLDEST, (*match, limit)).fetchall()
            if found:
                return [Waiting._make((*row[:6], _COUNTS.decode(row[6]))) for row in found]
            db.execute("DELETE FROM replays WHERE id = ?", (request,))
        return []


def _insert(db: Database, rejected: Iterable[Quarantined]) -> None:
    query = (
        "INSERT INTO quarantine (arrival_ns, site, format, topic, reason, detail, payload) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " RETURNING id"
    )
    for one in rejected:
        sample = (one.arrival_ns, one.site, one.format, one.topic, one.reason, one.detail, one.payload)
        (key,) = db.execute(query, sample).fetchone()
        if one.counts:
            counts = msgspec.msgpack.encode(one.counts)
            db.execute("INSERT INTO whole VALUES (?, ?, ?, ?)", (key, len(one.whole), one.whole, counts))


def _bound(db: Database, rows_max: int) -> None:
    db.execute("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (rows_max,))
    db.execute("DELETE FROM whole WHERE id < (SELECT coalesce(min(id), 0) FROM quarantine)")
    (size,) = db.execute("SELECT CAST(coalesce(sum(size), 0) AS BIGINT) FROM whole").fetchone()
    if size <= WHOLE_BYTES_MAX:
        return
    for key, own in db.execute("SELECT id, size FROM whole ORDER BY id").fetchall():
        db.execute("DELETE FROM whole WHERE id = ?", (key,))
        size -= own
        if size <= WHOLE_BYTES_MAX:
            break
