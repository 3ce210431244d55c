"""Position up to which retention deletes entries of a copy."""

from __future__ import annotations

from twinward.log.entries import Database


def newest_to_delete(db: Database, *, before_ns: int, up_to: int, bytes_max: int | None) -> int:
    """Return the newest entry to delete by age or size, never the last; 0 for none.

    The first entry that is recent enough protects all later ones. Entries have equal size, for this purpose.
    """
    first, last = db.execute("SELECT coalesce(min(seq), 0), coalesce(max(seq), 0) FROM entries").fetchone()
    recent = db.execute("SELECT min(seq) FROM entries WHERE written_ns >= ?", (before_ns,)).fetchone()[0]
    old = min(up_to, last - 1, last if recent is None else recent - 1)
    large = 0
    if bytes_max is not None:
        (used,) = db.execute("SELECT coalesce(sum(length(block)), 0) FROM entries").fetchone()
        if used > bytes_max:
            large = min(int(first + (last - first) * (1 - bytes_max / used)), up_to, last - 1)
    found = int(max(old, large))
    return found if found >= first > 0 else 0
