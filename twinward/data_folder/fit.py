"""Checks at the start that the files of a data folder belong together; repairs by rule or refuses.

Every reader of a log has a position in it. A log that was lost, or restored from an older copy, ends before the
positions of its readers. They would then pass over every new entry. `fit_folder` runs before a process opens the
folder, and makes each position at most the end of its log (decision 0016).
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from twinward.errors import FolderMismatch

from .aside import set_aside
from .locks import RoleLocks

TELEMETRY, DETECTIONS, DATABASE = "telemetry.sqlite", "detections.sqlite", "alerts.sqlite"
STORE, DATABASE_HEAD, IDENTITY = "readings.duckdb", "alerts.head", "installation.json"
TELEMETRY_HEAD = f"{TELEMETRY}.head"
STAMPED = (TELEMETRY, DETECTIONS, DATABASE)
"""Files that carry the number of their installation as SQLite's `application_id`."""
CURSORS = ("detections", "detections_urgent")
BUSY_S = 2.0


class Identity(NamedTuple):
    """Installation of a data folder. number: positive, of 31 bits; generation: grows with each repair and restore."""

    number: int
    generation: int


class Positions(NamedTuple):
    """End of a log, and the furthest position of its readers; None for a missing file."""

    end: int | None
    read: int | None

    @property
    def fits(self) -> bool:
        """Return whether no reader is behind the end."""
        return self.read is None or self.read <= (self.end or 0)


def fit_folder(folder: Path, *, database: bool, store: bool, alone: Callable[[], RoleLocks]) -> list[str]:
    """Make the files of a folder fit each other; return one sentence per repair.

    database, store: whether the folder contains the alert database and the time-series store. alone: takes the roles
    that the caller does not hold; called before a repair. Raises FolderMismatch for files that no rule repairs,
    RoleTaken while another process uses files that need a repair, and OSError.
    """
    identity = read_identity(folder)
    _check_stamps(folder, identity)
    _check_database(folder, database=database)
    telemetry, detections = positions(folder)
    lost = not telemetry.end and (not telemetry.fits or bool(_head_record(folder)))
    actions: list[str] = []
    if lost or not telemetry.fits or not detections.fits:
        locks = alone()
        try:
            actions = _repair(folder, lost=lost, database=database, store=store)
            write_identity(folder, identity._replace(generation=identity.generation + 1))
        finally:
            locks.close()
    elif not (folder / IDENTITY).exists():
        write_identity(folder, identity)
    _stamp(folder, identity)
    return actions


def _repair(folder: Path, *, lost: bool, database: bool, store: bool) -> list[str]:
    telemetry, detections = positions(folder)
    actions = []
    if lost:
        if not store:
            raise FolderMismatch(
                f"{folder / TELEMETRY} is missing or empty, and the time-series server holds readings under its sensor "
                "codes; restore the file from a backup, or empty the server's database and run "
                "`twinward recover --new-log`"
            )
        actions += [_put_aside(folder, name) for name in (DETECTIONS, STORE) if (folder / name).exists()]
        (folder / TELEMETRY_HEAD).unlink(missing_ok=True)
        actions.append("the telemetry log is missing or empty: a new one begins")
        detections = positions(folder)[1]
    elif not telemetry.fits:
        actions.append(_cut_states(folder / DETECTIONS, telemetry))
    if database and not detections.fits:
        actions.append(cut_cursors(folder / DATABASE, detections.end or 0))
    return actions


def positions(folder: Path) -> tuple[Positions, Positions]:
    """Return the positions of the telemetry log and of the detection log. Raises FolderMismatch for damaged files.

    The readers' positions are read first: a running process moves them up to an end that is read later.
    """
    cursors = _numbers(
        folder / DATABASE,
        (f"SELECT max(position) FROM cursors WHERE name IN {CURSORS}",),  # noqa: S608 - constants
    )
    detections = _end(folder / DETECTIONS)
    states = _numbers(folder / DETECTIONS, ("SELECT max(source) FROM states", "SELECT max(source) FROM scored"))
    return Positions(_end(folder / TELEMETRY), states), Positions(detections, cursors)


def read_identity(folder: Path) -> Identity:
    """Return the identity of a folder: of its file, else of the files that carry one, else a new one.

    Raises FolderMismatch for an unreadable file.
    """
    path = folder / IDENTITY
    if path.exists():
        try:
            facts = json.loads(path.read_bytes())
            return Identity(int(facts["installation"]), int(facts["generation"]))
        except (ValueError, KeyError, TypeError) as error:
            raise FolderMismatch(
                f"{path} is damaged ({error}); restore it from a backup, or delete it: the files carry its number"
            ) from error
    found = sorted({number for name in STAMPED if (number := stamp_of(folder / name))})
    return Identity(found[0] if found else secrets.randbits(31) or 1, 1)


def write_identity(folder: Path, identity: Identity) -> None:
    """Write the identity of a folder, atomically. Raises OSError."""
    fresh = folder / f"{IDENTITY}.new"
    fresh.write_text(json.dumps({"installation": identity.number, "generation": identity.generation}), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(folder / IDENTITY)


def stamp_of(path: Path) -> int:
    """Return the number of the installation in a file; 0 for a missing, new or older file."""
    if not path.exists() or not path.stat().st_size:
        return 0
    with _opened(path) as db:
        return int(db.execute("PRAGMA application_id").fetchone()[0])


def stamp(path: Path, number: int) -> None:
    """Write the number of the installation into a file."""
    with _opened(path, write=True) as db:
        db.execute(f"PRAGMA application_id = {number:d}")


def cut_cursors(path: Path, end: int) -> str:
    """Set the positions of the alerts back to the end of the detection log; return the repair as a sentence."""
    with _opened(path, write=True) as db:
        db.execute("BEGIN IMMEDIATE")
        query = f"UPDATE cursors SET position = ?1 WHERE name IN {CURSORS} AND position > ?1"  # noqa: S608 - constants
        db.execute(query, (end,))
        rows = tuple(f"{name}_rows" for name in CURSORS)
        db.execute(f"UPDATE cursors SET position = 0 WHERE name IN {rows}")  # noqa: S608 - constants
        db.execute("COMMIT")
    return f"alerts continue at position {end} of a lost or older detection log"


def _check_stamps(folder: Path, identity: Identity) -> None:
    foreign = [name for name in STAMPED if stamp_of(folder / name) not in {0, identity.number}]
    if foreign:
        raise FolderMismatch(
            f"{', '.join(foreign)} in {folder} belongs to another installation; restore this folder's own file, or "
            "accept it with `twinward recover --adopt`"
        )


def _check_database(folder: Path, *, database: bool) -> None:
    gone = not (folder / DATABASE).exists() or not (folder / DATABASE).stat().st_size
    if database and gone and (folder / DATABASE_HEAD).exists():
        raise FolderMismatch(
            f"{folder / DATABASE} with people, tickets and audit is missing; restore it from a backup, or start "
            "without them with `twinward recover --new-database`"
        )


def _stamp(folder: Path, identity: Identity) -> None:
    for name in STAMPED:
        path = folder / name
        if path.exists() and path.stat().st_size and not stamp_of(path):
            try:
                stamp(path, identity.number)
            except sqlite3.OperationalError:  # a full disk or a busy file: stamped at a later start
                continue


def _put_aside(folder: Path, name: str) -> str:
    return f"{name} was set aside as {set_aside(folder, name).name}: its sensor codes are those of a lost log"


def _head_record(folder: Path) -> int:
    """Return the last position in the head record of the telemetry log; 0 for none."""
    try:
        return int(json.loads((folder / TELEMETRY_HEAD).read_bytes())["seq"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _cut_states(path: Path, log: Positions) -> str:
    with _opened(path, write=True) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM states WHERE source > ?", (log.end,))
        db.execute("UPDATE scored SET source = ?1 WHERE source > ?1", (log.end,))
        db.execute("COMMIT")
    return f"detection continues at position {log.end} of an older telemetry log, not at {log.read}"


def _end(path: Path) -> int | None:
    return _numbers(path, ("SELECT max(seq) FROM entries", "SELECT max(seq) FROM anchor"))


def _numbers(path: Path, queries: tuple[str, ...]) -> int | None:
    """Return the highest result of the queries, 0 for none or a missing table; None for a missing file."""
    if not path.exists():
        return None
    found = [0]
    with _opened(path) as db:
        for query in queries:
            try:
                found.append(db.execute(query).fetchone()[0] or 0)
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
    return max(found)


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Raise FolderMismatch, with the path and the command that repairs it, for a damaged SQLite file."""
    try:
        yield
    except Exception as error:
        cause = getattr(error, "orig", error)  # of an error of SQLAlchemy, which is not loaded here
        if isinstance(cause, UnicodeDecodeError):
            raise FolderMismatch(damaged(path, "unreadable text")) from error
        if isinstance(cause, sqlite3.DatabaseError) and not isinstance(cause, sqlite3.OperationalError):
            raise FolderMismatch(damaged(path, str(cause).splitlines()[0])) from error
        raise


def damaged(path: Path, reason: str) -> str:
    """Return the sentence about a damaged file."""
    return (
        f"{path} is damaged ({reason}); restore it from a backup, or set it aside with "
        f"`twinward recover --set-aside {path.name}`"
    )


@contextmanager
def _opened(path: Path, *, write: bool = False) -> Iterator[sqlite3.Connection]:
    """Yield a connection. Raises FolderMismatch if the file is no database or damaged."""
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        with damage_named(path):
            if not write:
                db.execute("PRAGMA query_only = 1")
            yield db
    finally:
        db.close()
