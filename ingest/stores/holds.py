"""Legal holds on readings of the time-series store, in a small file beside it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import HoldError
from ingest.sensor import Sensor

from .retention import DAY_NS, HeldSpan

_SCHEMA = """
CREATE TABLE IF NOT EXISTS holds (
  id INTEGER PRIMARY KEY AUTOINCREMENT, site TEXT NOT NULL, sensors TEXT NOT NULL, from_ns INTEGER NOT NULL,
  to_ns INTEGER NOT NULL, reason TEXT NOT NULL CHECK (reason <> ''), who TEXT NOT NULL CHECK (who <> ''),
  made_ns INTEGER NOT NULL, released_ns INTEGER, released_by TEXT, release_reason TEXT) STRICT
"""
_FIELDS = "id, site, sensors, from_ns, to_ns, reason, who, made_ns, released_ns, released_by, release_reason"
_ADD = (
    "INSERT INTO holds (site, sensors, from_ns, to_ns, reason, who, made_ns) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
    f" RETURNING {_FIELDS}"
)
_RELEASE = (
    "UPDATE holds SET released_ns = ?, released_by = ?, release_reason = ?"  # noqa: S608 - constants
    f" WHERE id = ? AND released_ns IS NULL RETURNING {_FIELDS}"
)
_BUSY_S = 10.0
FOREVER_NS = 2**63 - 1
"""End of a hold without an end."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Raw readings of a site, or of some of its sensors, in [from_ns, to_ns), kept until the hold is released.

    sensors: ids; () for the whole site. who: the person who made the hold. released_ns: None while it is active. A hold
    covers whole days (UTC).
    """

    id: int
    site: str
    sensors: tuple[str, ...]
    from_ns: int
    to_ns: int
    reason: str
    who: str
    made_ns: int
    released_ns: int | None = None
    released_by: str | None = None
    release_reason: str | None = None


class Holds:
    """Register of holds: a SQLite file that several processes may open. No row is ever deleted."""

    def __init__(self, path: Path) -> None:
        """Create the file when missing. Raises HoldError for an unusable file."""
        self._path = path
        self._run(_SCHEMA)

    def add(
        self,
        site: str,
        sensors: Sequence[str] = (),
        *,
        from_ns: int,
        to_ns: int = FOREVER_NS,
        reason: str,
        who: str,
        now_ns: int,
    ) -> Hold:
        """Add a hold. Raises HoldError without a site, a reason or a name, or for an empty span."""
        for name, given in (("a site", site), ("a reason", reason), ("the name of who wants it", who)):
            if not given.strip():
                raise HoldError(f"a hold needs {name}")
        if from_ns >= to_ns:
            raise HoldError("a hold must begin before it ends")
        names = json.dumps(sorted(set(sensors)), ensure_ascii=False)
        values = (site, names, from_ns, to_ns, reason.strip(), who.strip(), now_ns)
        return self._run(_ADD, values)[0]

    def release(self, hold: int, *, reason: str, who: str, now_ns: int) -> Hold:
        """Release a hold; the next retention removes expired readings. Raises HoldError for an unknown hold."""
        if not reason.strip() or not who.strip():
            raise HoldError("a release needs a reason and the name of who releases")
        done = self._run(_RELEASE, (now_ns, who.strip(), reason.strip(), hold))
        if not done:
            raise HoldError(f"there is no hold {hold} that still stands")
        return done[0]

    def all(self) -> list[Hold]:
        """Return every hold, released ones included, in order."""
        return self._run(f"SELECT {_FIELDS} FROM holds ORDER BY id")  # noqa: S608 - constants

    def standing(self) -> list[Hold]:
        """Return the active holds."""
        return [hold for hold in self.all() if hold.released_ns is None]

    def _run(self, query: str, values: Sequence[object] = ()) -> list[Hold]:
        """Run one durable statement; return its rows as holds."""
        try:
            with closing(sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)) as db:
                db.execute("PRAGMA synchronous = FULL")
                rows = db.execute(query, tuple(values)).fetchall()
        except sqlite3.Error as error:
            raise HoldError(f"{self._path}: {error}") from error
        return [Hold(row[0], row[1], tuple(json.loads(row[2])), *row[3:]) for row in rows]


def held(holds: Iterable[Hold], sensors: Iterable[Sensor]) -> tuple[HeldSpan, ...]:
    """Return the spans on hold, by sensor code and whole days. sensors: all sensors of the catalogue."""
    standing = list(holds)
    if not standing:
        return ()
    codes: dict[str, list[tuple[str, int]]] = {}
    for sensor in sensors:
        names = (sensor.id, *(name for name, _ in sensor.former))  # a hold names the sensor as at its time
        codes.setdefault(sensor.site, []).extend((name, sensor.code) for name in names)
    return tuple(
        HeldSpan(
            frozenset(code for name, code in codes.get(hold.site, ()) if not hold.sensors or name in hold.sensors),
            hold.from_ns // DAY_NS,
            (hold.to_ns - 1) // DAY_NS,
        )
        for hold in standing
    )
