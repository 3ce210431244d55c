"""Record of the end of the audit journal beside the database, to detect a cut journal."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path


def note_head(path: Path, tip: tuple[int, str]) -> None:
    """Write (seq, digest) of the journal's last entry to a file, atomically."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(tip), encoding="utf-8")
    fresh.replace(path)


def note_end(path: Path, tip: Callable[[], tuple[int, str]]) -> None:
    """Write the end of the journal at the stop; a database that does not answer keeps the last record."""
    from sqlalchemy.exc import SQLAlchemyError

    with contextlib.suppress(SQLAlchemyError, OSError):
        note_head(path, tip())


def noted_head(path: Path) -> tuple[int, str] | None:
    """Return the (seq, digest) that `note_head` wrote last; None for a missing or unreadable file."""
    try:
        seq, digest = json.loads(path.read_bytes())
        return int(seq), str(digest)
    except (OSError, ValueError, TypeError):
        return None
