"""The quarantine beside the telemetry log: refused messages, and which of them are to be taken in again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from ingest import Charge, Quarantined, Waiting

WHOLE_BYTES_MAX = 64 << 20
"""Bytes of whole messages that are kept; the oldest go first, and stay as samples."""

_FIELDS = ("id", "arrival_ns", "site", "format", "topic", "reason", "detail", "payload")
_MATCHING = (
    "whole AS w JOIN quarantine AS q USING (id) WHERE w.id <= ?1 AND (?2 IS NULL OR site = ?2)"
    " AND (?3 IS NULL OR reason = ?3) AND (?4 IS NULL OR topic = ?4)"
)
_COUNT = f"SELECT count(*) FROM {_MATCHING}"  # noqa: S608 - put together from the constant above
_OLDEST = f"SELECT q.id, arrival_ns, site, format, topic, w.payload, counts FROM {_MATCHING} ORDER BY q.id LIMIT ?5"  # noqa: S608 - as above
_COUNTS = msgspec.msgpack.Decoder(list[Charge])


def put(db: sqlite3.Connection, refused: Iterable[Quarantined], *, rows_max: int) -> None:
    """Keep refused messages; the oldest go beyond rows_max, and beyond WHOLE_BYTES_MAX of those kept whole."""
    for one in refused:
        sampled = (one.arrival_ns, one.site, one.format, one.topic, one.reason, one.detail, one.payload)
        query = (
            "INSERT INTO quarantine (arrival_ns, site, format, topic, reason, detail, payload)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        key = db.execute(query, sampled).lastrowid
        if one.counts:
            counts = msgspec.msgpack.encode(one.counts)
            db.execute("INSERT INTO whole VALUES (?, ?, ?, ?)", (key, len(one.whole), one.whole, counts))
    db.execute("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (rows_max,))
    db.execute("DELETE FROM whole WHERE id < (SELECT coalesce(min(id), 0) FROM quarantine)")
    (size,) = db.execute("SELECT coalesce(sum(size), 0) FROM whole").fetchone()
    if size > WHOLE_BYTES_MAX:
        for key, own in db.execute("SELECT id, size FROM whole ORDER BY id").fetchall():
            db.execute("DELETE FROM whole WHERE id = ?", (key,))
            size -= own
            if size <= WHOLE_BYTES_MAX:
                break


def rows(
    db: sqlite3.Connection, limit: int, before: int | None, *, sites: Sequence[str] | None, reason: str | None
) -> list[dict[str, Any]]:
    """Return the newest quarantined messages with ids below `before`; replayable: kept whole.

    sites: only of these sites, None: all.
    """
    query = (
        "SELECT *, id IN (SELECT id FROM whole) FROM quarantine WHERE id < ?1"
        " AND (?2 IS NULL OR site IN (SELECT value FROM json_each(?2))) AND (?3 IS NULL OR reason = ?3)"
        " ORDER BY id DESC LIMIT ?4"
    )
    scope = None if sites is None else msgspec.json.encode(list(sites)).decode()
    found = db.execute(query, (2**63 - 1 if before is None else before, scope, reason, limit)).fetchall()
    return [dict(zip(_FIELDS, row[:-1], strict=True)) | {"replayable": bool(row[-1])} for row in found]


def ask(db: sqlite3.Connection, *, site: str | None = None, reason: str | None = None, topic: str | None = None) -> int:
    """Note that the messages now in the quarantine are to be taken in again; how many there are."""
    (number,) = db.execute(_COUNT, (2**62, site, reason, topic)).fetchone()
    if number:
        query = "INSERT INTO replays (up_to, site, reason, topic) SELECT max(id), ?, ?, ? FROM whole"
        db.execute(query, (site, reason, topic))
    return int(number)


def waiting(db: sqlite3.Connection, limit: int) -> list[Waiting]:
    """The oldest messages of the oldest request that has some left; requests that are done are forgotten."""
    for request, *asked in db.execute("SELECT id, up_to, site, reason, topic FROM replays ORDER BY id").fetchall():
        found = db.execute(_OLDEST, (*asked, limit)).fetchall()
        if found:
            return [Waiting._make((*row[:6], _COUNTS.decode(row[6]))) for row in found]
        db.execute("DELETE FROM replays WHERE id = ?", (request,))
    return []


def remove(db: sqlite3.Connection, replayed: Sequence[int]) -> None:
    """These messages were taken in again."""
    keys = [(key,) for key in replayed]
    db.executemany("DELETE FROM whole WHERE id = ?", keys)
    db.executemany("DELETE FROM quarantine WHERE id = ?", keys)
