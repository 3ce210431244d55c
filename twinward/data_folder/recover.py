"""Repairs of a data folder that a person must choose, because they leave something out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from twinward.errors import FolderMismatch, InputError

from .files import (
    DATABASE,
    DATABASE_HEAD,
    DETECTIONS,
    IDENTITY,
    STAMPED,
    STORE,
    TELEMETRY,
    TELEMETRY_HEAD,
    stamp,
    stamp_of,
)
from .fit import Repair, applied, fit_folder, needed, put_aside
from .identity import note_repairs, read_identity
from .locks import ROLES, RoleLocks

FILES = (TELEMETRY, DETECTIONS, DATABASE, STORE, IDENTITY)
"""Files that can be set aside."""


class Choice(NamedTuple):
    """Repairs that a person chose.

    aside: names of files to set aside. adopt: accept files of another installation. new_log, new_database: begin a new
    one; the former is set aside.
    """

    aside: Sequence[str] = ()
    adopt: bool = False
    new_log: bool = False
    new_database: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """Names of the files to set aside."""
        logs = (TELEMETRY, DETECTIONS) if self.new_log else ()
        database = (DATABASE,) if self.new_database else ()
        return tuple(dict.fromkeys((*self.aside, *logs, *database)))


class Report(NamedTuple):
    """Result of `recover_folder`. repairs: one sentence each. refused: the first fault that remains, or ""."""

    repairs: list[str]
    refused: str = ""


def recover_folder(
    folder: Path,
    choice: Choice,
    *,
    database: bool,
    store: bool,
    store_codes: Callable[[Path], int],
    dry_run: bool = False,
    logs: bool = True,
) -> Report:
    """Apply the chosen repairs, then those by rule; the audit receives each at the next start.

    database, store, store_codes, logs: see `fit_folder`. dry_run: change nothing, and return the sentences. Raises
    RoleTaken while a process uses the folder, InputError for another file name, FolderMismatch for what remains, and
    OSError.
    """
    for name in choice.aside:
        if name not in FILES:
            raise InputError(f"cannot set {name!r} aside; the files are: {', '.join(FILES)}")
    if not folder.is_dir():
        raise InputError(f"{folder}: no data folder at this path")
    locks = RoleLocks(folder, () if dry_run else ROLES)
    try:
        first = _chosen(folder, choice)
        if dry_run:
            rules = partial(needed, folder, database=database, store=store, store_codes=store_codes, logs=logs)
            return _foreseen(folder, choice, first, rules)
        done = applied(first) + applied(_adopted(folder) if choice.adopt else [])
        note_repairs(folder, done)
        fit = partial(fit_folder, folder, database=database, store=store, store_codes=store_codes, logs=logs)
        return Report(done + fit(alone=lambda: RoleLocks(folder, ())))
    finally:
        locks.close()


def _foreseen(folder: Path, choice: Choice, first: list[Repair], rules: Callable[..., list[Repair]]) -> Report:
    texts = [repair.text for repair in first]
    try:
        texts += [repair.text for repair in (_adopted(folder) if choice.adopt else rules(without=choice.files))]
    except FolderMismatch as error:
        return Report(texts, str(error))
    return Report(texts)


def _chosen(folder: Path, choice: Choice) -> list[Repair]:
    present = [name for name in choice.files if (folder / name).exists()]
    found = [put_aside(folder, name, "chosen") for name in present]
    if choice.new_log:
        head = partial((folder / TELEMETRY_HEAD).unlink, missing_ok=True)
        found.append(Repair("new logs begin", head))
    if choice.new_database:
        head = partial((folder / DATABASE_HEAD).unlink, missing_ok=True)
        found.append(Repair("a new database begins without people, tickets and audit", head))
    return found


def _adopted(folder: Path) -> list[Repair]:
    number = read_identity(folder).number
    foreign = [name for name in STAMPED if stamp_of(folder / name) not in {0, number}]
    return [
        Repair(f"{name} now belongs to this installation", partial(stamp, folder / name, number)) for name in foreign
    ]
