"""Checks at the start that the files of a data folder belong together; repairs by rule or refuses.

Every reader of a log has a position in it. A log that was lost, or restored from an older copy, ends before the
positions of its readers. They would then pass over every new entry. `fit_folder` runs before a process opens the
folder, and makes each position at most the end of its log (decision 0016).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from twinward.errors import FolderMismatch

from .aside import set_aside
from .files import (
    DATABASE,
    DATABASE_HEAD,
    DETECTIONS,
    IDENTITY,
    STAMPED,
    STORE,
    TELEMETRY,
    TELEMETRY_HEAD,
    check_access,
    highest,
    opened,
    stamp,
    stamp_of,
)
from .identity import Identity, note_repairs, read_identity, write_identity
from .locks import RoleLocks

CURSORS = ("detections", "detections_urgent")
LOST_CODES = "its sensor codes are those of a lost log"


class Positions(NamedTuple):
    """End of a log, and the furthest position of its readers; None for a missing file."""

    end: int | None
    read: int | None

    @property
    def fits(self) -> bool:
        """Return whether no reader is behind the end."""
        return self.read is None or self.read <= (self.end or 0)


class Repair(NamedTuple):
    """One repair. text: the sentence about it."""

    text: str
    apply: Callable[[], object]


def fit_folder(
    folder: Path,
    *,
    database: bool,
    store: bool,
    alone: Callable[[], RoleLocks],
    store_codes: Callable[[Path], int] = lambda _: 0,
    logs: bool = True,
) -> list[str]:
    """Make the files of a folder fit each other; return one sentence per repair.

    database, store, logs: whether the folder contains the alert database, the store, the logs. alone: takes the roles
    that the caller does not hold; called before a repair. store_codes: returns the number of sensor codes in a store.
    Raises FolderMismatch for files that no rule repairs, RoleTaken while another process uses files that need a repair,
    and OSError.
    """
    rules = partial(needed, folder, database=database, store=store, store_codes=store_codes, logs=logs)
    if not rules():
        identity = read_identity(folder)
        if not (folder / IDENTITY).exists():
            write_identity(folder, identity)
        _stamp(folder, identity)
        return []
    locks = alone()
    try:
        identity = read_identity(folder)
        write_identity(folder, identity)
        repairs = rules()
        texts = apply_and_note(folder, repairs)
        _stamp(folder, identity)
    finally:
        locks.close()
    return texts


def needed(
    folder: Path,
    *,
    database: bool,
    store: bool,
    store_codes: Callable[[Path], int] = lambda _: 0,
    without: Collection[str] = (),
    logs: bool = True,
) -> list[Repair]:
    """Return the repairs by rule that a folder needs; changes nothing. without: names of files to treat as missing.

    The readers of logs on a server set their positions back themselves. Raises FolderMismatch for files that no rule
    repairs.
    """
    check_access(folder)
    _check_stamps(folder, read_identity(folder).number, without)
    if DATABASE not in without:
        _check_database(folder, database=database)
    if not logs:
        return []
    telemetry, detections = positions(folder, without)
    head = 0 if TELEMETRY in without else _head_record(folder)
    repairs: list[Repair] = []

    def unknown_codes() -> bool:
        present = store and STORE not in without and (folder / STORE).exists()
        return present and store_codes(folder / STORE) > (0 if TELEMETRY in without else _codes(folder))

    if not telemetry.end and (not telemetry.fits or head or unknown_codes()):
        repairs += _begun(folder, without, store=store)
        detections = detections._replace(end=None)
    elif not telemetry.fits:
        repairs.append(_states_cut(folder, telemetry))
        if unknown_codes():
            repairs.append(put_aside(folder, STORE, LOST_CODES))
    if database and not detections.fits:
        repairs.append(cursors_cut(folder, detections.end or 0))
    return repairs


def apply_and_note(folder: Path, repairs: Sequence[Repair]) -> list[str]:
    """Apply the repairs in order and record them for the audit; return their sentences."""
    texts = applied(repairs)
    note_repairs(folder, texts)
    return texts


def applied(repairs: Sequence[Repair]) -> list[str]:
    """Apply the repairs in order; return their sentences."""
    for repair in repairs:
        repair.apply()
    return [repair.text for repair in repairs]


def positions(folder: Path, without: Collection[str] = ()) -> tuple[Positions, Positions]:
    """Return the positions of the telemetry log and of the detection log. Raises FolderMismatch for damaged files.

    The readers' positions are read first: a running process moves them up to an end that is read later.
    """

    def found(name: str, *queries: str) -> int | None:
        return None if name in without else highest(folder / name, queries)

    cursors = found(DATABASE, f"SELECT max(position) FROM cursors WHERE name IN {CURSORS}")  # noqa: S608 - constants
    ends = ("SELECT max(seq) FROM entries", "SELECT max(seq) FROM anchor")
    detections = found(DETECTIONS, *ends)
    states = found(DETECTIONS, "SELECT max(source) FROM states", "SELECT max(source) FROM scored")
    return Positions(found(TELEMETRY, *ends), states), Positions(detections, cursors)


def put_aside(folder: Path, name: str, reason: str) -> Repair:
    """Return the repair that renames a file."""
    return Repair(f"{name} is set aside as {name}.aside-<time>: {reason}", partial(set_aside, folder, name))


def cursors_cut(folder: Path, end: int) -> Repair:
    """Return the repair that sets the positions of the alerts back to the end of the detection log."""

    def apply() -> None:
        with opened(folder / DATABASE, write=True) as db:
            db.execute("BEGIN IMMEDIATE")
            query = f"UPDATE cursors SET position = ?1 WHERE name IN {CURSORS} AND position > ?1"  # noqa: S608 - constants
            db.execute(query, (end,))
            rows = tuple(f"{name}_rows" for name in CURSORS)
            db.execute(f"UPDATE cursors SET position = 0 WHERE name IN {rows}")  # noqa: S608 - constants
            db.execute("COMMIT")

    return Repair(f"alerts continue at position {end} of a lost or older detection log", apply)


def _begun(folder: Path, without: Collection[str], *, store: bool) -> list[Repair]:
    """Return the repairs after the loss of the telemetry log."""
    if not store:
        raise FolderMismatch(
            f"{folder / TELEMETRY} is missing or empty, and the time-series server holds readings under its sensor "
            "codes; restore the file from a backup, or empty the server's database and run "
            "`twinward recover --new-log`"
        )
    others = [name for name in (DETECTIONS, STORE) if (folder / name).exists() and name not in without]
    return [
        *(put_aside(folder, name, LOST_CODES) for name in others),
        Repair(
            "the telemetry log is missing or empty: a new one begins",
            partial((folder / TELEMETRY_HEAD).unlink, missing_ok=True),
        ),
    ]


def _states_cut(folder: Path, log: Positions) -> Repair:
    def apply() -> None:
        with opened(folder / DETECTIONS, write=True) as db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM states WHERE source > ?", (log.end,))
            db.execute("UPDATE scored SET source = ?1 WHERE source > ?1", (log.end,))
            db.execute("COMMIT")

    text = f"detection continues at position {log.end} of an older telemetry log, not at {log.read}"
    return Repair(text, apply)


def _codes(folder: Path) -> int:
    """Return the number of sensor codes in the catalogue of the telemetry log."""
    return highest(folder / TELEMETRY, ("SELECT max(code) + 1 FROM sensors",)) or 0


def _check_stamps(folder: Path, number: int, without: Collection[str]) -> None:
    names = [name for name in STAMPED if name not in without]
    foreign = [name for name in names if stamp_of(folder / name) not in {0, number}]
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
            except (sqlite3.OperationalError, FolderMismatch):  # full disk or busy file: stamped at a later start
                continue


def _head_record(folder: Path) -> int:
    """Return the last position in the head record of the telemetry log; 0 for none."""
    try:
        return int(json.loads((folder / TELEMETRY_HEAD).read_bytes())["seq"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
