"""Positions up to which retention deletes entries of a log on a server."""

from __future__ import annotations

from .entries import Database


def old(db: Database, before_ns: int, up_to: int) -> int:
    """Return the newest position to delete by age: the first entry that is recent enough protects all later ones."""
    query = (
        "SELECT coalesce(max(seq), 0) FROM entries WHERE seq <= ?1 AND seq < (SELECT max(seq) FROM entries)"
        " AND seq < coalesce((SELECT min(seq) FROM entries WHERE written_ns >= ?2), 9223372036854775807)"
    )
    return int(db.execute(query, (up_to, before_ns)).fetchone()[0])


def beyond_size(db: Database, bytes_max: int, up_to: int) -> int:
    """Return the newest position to delete for blocks of about that size, assuming entries of equal size."""
    first, last = db.execute("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM entries").fetchone()
    query = "SELECT (SELECT end_byte FROM head) - coalesce(min(end_byte - length(block)), 0) FROM entries WHERE seq = ?"
    (used,) = db.execute(query, (first,)).fetchone()
    if last <= first or used <= bytes_max:
        return 0
    return max(0, min(int(first + (last - first) * (1 - bytes_max / used)), up_to, int(last) - 1))
