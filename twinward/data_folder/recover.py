"""Repairs of a data folder that a person must choose, because they leave something out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from twinward.errors import InputError

from .aside import set_aside
from .fit import (
    DATABASE,
    DATABASE_HEAD,
    DETECTIONS,
    IDENTITY,
    STAMPED,
    STORE,
    TELEMETRY,
    TELEMETRY_HEAD,
    cut_cursors,
    fit_folder,
    read_identity,
    stamp,
    stamp_of,
    write_identity,
)
from .locks import ROLES, RoleLocks

FILES = (TELEMETRY, DETECTIONS, DATABASE, STORE, IDENTITY)
"""Files that can be set aside."""


def recover_folder(
    folder: Path,
    *,
    database: bool,
    store: bool,
    aside: Sequence[str] = (),
    adopt: bool = False,
    new_log: bool = False,
    new_database: bool = False,
) -> list[str]:
    """Apply the chosen repairs, then those by rule; return one sentence per repair.

    database, store: whether the folder contains them. aside: names of files to set aside. adopt: accept files of
    another installation. new_log, new_database: begin a new one; the former is set aside. Raises RoleTaken while a
    process uses the folder, InputError for another file name, FolderMismatch for what remains, and OSError.
    """
    for name in aside:
        if name not in FILES:
            raise InputError(f"cannot set {name!r} aside; the files are: {', '.join(FILES)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: no data folder at this path")
    locks = RoleLocks(folder, ROLES)
    try:
        wanted = [*aside, *((TELEMETRY, DETECTIONS) if new_log else ()), *((DATABASE,) if new_database else ())]
        present = [name for name in dict.fromkeys(wanted) if (folder / name).exists()]
        actions = [f"{name} was set aside as {set_aside(folder, name).name}" for name in present]
        if new_log:
            (folder / TELEMETRY_HEAD).unlink(missing_ok=True)
            actions += [cut_cursors(folder / DATABASE, 0)] if (folder / DATABASE).exists() else []
        if new_database:
            (folder / DATABASE_HEAD).unlink(missing_ok=True)
            actions.append("the service begins a new database without people, tickets and audit")
        actions += _adopted(folder) if adopt else []
        return actions + fit_folder(folder, database=database, store=store, alone=lambda: RoleLocks(folder, ()))
    finally:
        locks.close()


def _adopted(folder: Path) -> list[str]:
    identity = read_identity(folder)
    foreign = [name for name in STAMPED if stamp_of(folder / name) not in {0, identity.number}]
    for name in foreign:
        stamp(folder / name, identity.number)
    if foreign:
        write_identity(folder, identity._replace(generation=identity.generation + 1))
    return [f"{name} now belongs to this installation" for name in foreign]
