"""Moves files of a data folder aside, with their companions; nothing is deleted."""

from __future__ import annotations

import time
from pathlib import Path

COMPANIONS = ("", "-wal", "-shm", ".head", ".wal")
"""Suffixes of a file and of the files that belong to it: SQLite's and DuckDB's journals, the head record of a log."""


def set_aside(folder: Path, name: str) -> Path:
    """Rename a file and its companions to `<name>.aside-<UTC time>`; return the new path. Raises OSError."""
    mark = time.strftime("aside-%Y%m%dT%H%M%SZ", time.gmtime())
    number, kept = 0, folder / f"{name}.{mark}"
    while kept.exists():
        number += 1
        kept = folder / f"{name}.{mark}-{number}"
    for suffix in COMPANIONS:
        path = folder / f"{name}{suffix}"
        if path.exists():
            path.rename(kept.with_name(kept.name + suffix))
    return kept
