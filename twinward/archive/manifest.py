"""Manifest of a backup: files with their hashes, and counts to compare after the restoration."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from twinward.errors import ArchiveError

FORMAT = 1
"""Version of the contents; a release reads its own and earlier ones."""
START, MANIFEST = "format.json", "manifest.json"
"""First and last file of a backup."""
MANIFEST_BYTES_MAX = 64_000_000


@dataclass(slots=True)
class Manifest:
    """Contents of a backup.

    files: size and SHA-256 of each; counts: rows of each table of each database; readings: stored readings of each
    site, by the accounts of the telemetry log; store: cursor and raw readings of the store, empty without one in the
    folder.
    """

    release: str
    created: str
    files: dict[str, tuple[int, str]] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    readings: dict[str, int] = field(default_factory=dict)
    store: dict[str, int] = field(default_factory=dict)

    def text(self) -> bytes:
        """Return the manifest as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, ensure_ascii=False, sort_keys=True).encode()


def start_text(release: str) -> bytes:
    """Return the first file of a backup."""
    return json.dumps({"format": FORMAT, "release": release}).encode()


def check_format(text: bytes, name: str) -> None:
    """Raise ArchiveError for the first file of a backup that a later release wrote."""
    found = _object(text, name)
    if found.get("format") not in range(1, FORMAT + 1):
        raise ArchiveError(
            f"{name}: the backup has format {found.get('format')!r} of release {found.get('release')}; "
            f"allowed: 1 to {FORMAT}. Restore it with the release that wrote it"
        )


def read_manifest(text: bytes, name: str) -> Manifest:
    """Return the manifest. Raises ArchiveError."""
    fields = _object(text, name)
    fields.pop("format", None)
    try:
        return Manifest(**fields)
    except TypeError as error:
        raise ArchiveError(f"{name}: the manifest is not readable: {error}") from error


def _object(text: bytes, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ArchiveError(f"{name}: the manifest is not readable: {error}") from error
    if not isinstance(found, dict):
        raise ArchiveError(f"{name}: the manifest is not readable: {type(found).__name__} in place of an object")
    return found


def table_counts(path: Path) -> dict[str, int]:
    """Return the number of rows of each table of a SQLite file. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        names = sorted(name for (name,) in db.execute(query))
        return {name: _one(db, f'SELECT count(*) FROM "{name}"') for name in names}  # noqa: S608 - names of the schema


def site_readings(path: Path) -> dict[str, int]:
    """Return the stored readings of each site, by the accounts of a telemetry log. Raises sqlite3.Error."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        query = "SELECT site, sum(rows) FROM counts WHERE outcome = 'stored' GROUP BY site ORDER BY site"
        return dict(db.execute(query).fetchall())


def differences(expected: Mapping[str, Any], found: Mapping[str, Any], name: str) -> list[str]:
    """Return a sentence for each entry that differs.

    >>> differences({"tickets": 3}, {"tickets": 2}, "alerts.sqlite")
    ['alerts.sqlite: tickets is 2, the backup had 3']
    """
    keys = sorted(expected.keys() | found.keys())
    return [
        f"{name}: {key} is {found.get(key)}, the backup had {expected.get(key)}"
        for key in keys
        if expected.get(key) != found.get(key)
    ]


def _one(db: sqlite3.Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])
