"""Write a backup of a data folder, also while the service writes into it.

The file is a tar archive in the age format. It appears complete or not at all.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import hashlib
import io
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.exc import SQLAlchemyError

from alerts import AlertError
from ingest import StoreError
from ingest.stores.duckdb import DuckdbStore
from twinward import __version__
from twinward.data_folder.files import DATABASE, STORE
from twinward.data_folder.locks import holder
from twinward.errors import ArchiveError, as_cli_errors
from twinward.settings import Settings

from . import copies
from .age import AgeWriter
from .checkpoints import Paused, paused
from .manifest import MANIFEST, START, Manifest, site_readings, start_text, table_counts
from .passphrase import read_passphrase

ATTEMPTS = 3
"""Attempts where the service starts or stops during the copy of its store."""
RESERVE_SHARE = 0.05
"""Share of the data folder's disk that the copies leave free: below it the service reports a full disk."""
READ_BYTES = 1 << 20

Report = Callable[[int, float], None]


class _StoreMoved(Exception):  # noqa: N818 - a retry, not an error; never leaves this module
    """The store was checkpointed during its copy."""


def back_up(
    settings: Settings, output: Path, *, passphrase_file: Path, tables: list[Path], report: Report
) -> dict[str, Any]:
    """Write `output`; return its size and counts.

    tables: the settings file and the tables that it names. The passphrase file must have mode 0600. Raises ArchiveError
    with one sentence; an existing file is never replaced.
    """
    folder = settings.data_dir
    if settings.log.url:
        raise ArchiveError("log.url: the log is on a server; allowed: a backup of that server by its own tools")
    passphrase = read_passphrase(passphrase_file)
    if not folder.is_dir() or not copies.files(folder):
        raise ArchiveError(f"{folder}: no data folder at this path; allowed: data_dir of the settings")
    if (owner := folder.stat().st_uid) != (user := os.geteuid()):
        raise ArchiveError(f"{folder} belongs to user {owner}, and user {user} started the command; allowed: its owner")
    if output.exists():
        raise ArchiveError(f"{output} exists; allowed: a new name")
    if output.resolve().is_relative_to(folder.resolve()):
        raise ArchiveError(f"{output} is inside the data folder {folder}; allowed: another disk or folder")
    with as_cli_errors(AlertError), _exclusive(folder) as scratch:
        _check_space(folder, output)
        for _ in range(ATTEMPTS):
            with contextlib.suppress(_StoreMoved):
                fill = partial(_fill, settings, tables, scratch, _Progress(folder, report))
                return _summary(output, _write(settings, output, passphrase, fill))
    raise ArchiveError(
        f"{folder}: the store was written anew during {ATTEMPTS} copies; wait for the service, then retry"
    )


@contextlib.contextmanager
def _exclusive(folder: Path) -> Iterator[Path]:
    """Yield the folder of the copies, empty; one backup at a time, and what a killed one left is removed."""
    scratch = folder / copies.SCRATCH
    file = os.open(folder / "backup.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise ArchiveError(f"{folder}: another backup of this data folder runs; wait for its end") from error
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        os.close(file)


def _check_space(folder: Path, output: Path) -> None:
    """Raise ArchiveError if the backup, or the largest copy of a database, would not fit."""
    sizes = {name: (folder / name).stat().st_size for name in copies.files(folder)}
    largest = max((size for name, size in sizes.items() if name != STORE), default=0)
    disk = shutil.disk_usage(folder)
    for place, free, needed in (
        (output.parent, shutil.disk_usage(output.parent).free, sum(sizes.values())),
        (folder, disk.free - int(disk.total * RESERVE_SHARE), largest),
    ):
        if free < needed:
            raise ArchiveError(f"{place}: {free / 1e6:.0f} MB are free for the backup; needed: {needed / 1e6:.0f} MB")


class _Progress:
    """Counts copied bytes against the size of the data folder; a database counts twice, copy and encryption."""

    def __init__(self, folder: Path, report: Report) -> None:
        sizes = {name: (folder / name).stat().st_size for name in copies.files(folder)}
        self._total = sum(size * (2 if copies.is_database(name) else 1) for name, size in sizes.items()) or 1
        self._done, self._report = 0, report

    def add(self, further: int) -> None:
        """Report further bytes."""
        self._done += further
        self._report(self._done, min(1.0, self._done / self._total))


def _fill(settings: Settings, tables: list[Path], scratch: Path, progress: _Progress, tar: tarfile.TarFile) -> Manifest:
    manifest = Manifest(release=__version__, created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"))
    _Archive(settings, tar, manifest, progress, scratch).fill(tables)
    return manifest


def _write(
    settings: Settings, output: Path, passphrase: bytes, fill: Callable[[tarfile.TarFile], Manifest]
) -> Manifest:
    """Write the archive to a new name beside `output`, then give it its name."""
    fresh = output.with_name(f"{output.name}.{os.getpid()}.partial")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "wb") as target:
            stream = AgeWriter(target, passphrase)
            with tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT, bufsize=READ_BYTES) as tar:
                manifest = fill(tar)
            stream.finish()
            target.flush()
            os.fsync(target.fileno())
        try:
            os.link(fresh, output)  # unlike a rename, a link never replaces a file
        except FileExistsError as error:
            raise ArchiveError(f"{output} exists; allowed: a new name") from error
    except (sqlite3.Error, StoreError, SQLAlchemyError) as error:
        raise ArchiveError(f"{settings.data_dir}: the copy failed: {str(error).splitlines()[0]}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return manifest


def _summary(output: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "file": str(output),
        "bytes": output.stat().st_size,
        "created": manifest.created,
        "files": len(manifest.files),
        "counts": manifest.counts,
        "readings": manifest.readings,
        "store": manifest.store,
    }


class _Archive:
    """Adds the files of one data folder to a tar stream, in the order of `copies.files`."""

    def __init__(
        self, settings: Settings, tar: tarfile.TarFile, manifest: Manifest, progress: _Progress, scratch: Path
    ) -> None:
        self._settings, self._folder, self._tar = settings, settings.data_dir, tar
        self._manifest, self._progress, self._scratch = manifest, progress, scratch
        self._first = 1

    def fill(self, tables: list[Path]) -> None:
        """Add everything, the manifest last."""
        self._add_bytes(START, start_text(self._manifest.release))
        for number, path in enumerate(tables):
            same = path.name in {other.name for other in tables[:number]}
            self._add_bytes(f"{copies.CONFIG}/{f'{number}-' if same else ''}{path.name}", path.read_bytes())
        if self._settings.database:
            self._add_copy(DATABASE, lambda target: copies.copy_server(self._settings.database, target))
        for name in copies.files(self._folder):
            if name == STORE and self._settings.store.kind == "duckdb":
                self._add_store()
            elif not (name == DATABASE and self._settings.database):
                self._add_copy(name, self._copier(name))
        self._check_cursor()
        self._add_bytes(MANIFEST, self._manifest.text())

    def _copier(self, name: str) -> Callable[[Path], None]:
        source = self._folder / name
        if copies.is_database(name):
            return lambda target: copies.copy_sqlite(source, target, self._progress.add)
        return lambda target: copies.copy_file(source, target)

    def _add_copy(self, name: str, copy: Callable[[Path], None]) -> None:
        """Copy a file into the scratch folder, count its rows, add it, and remove the copy."""
        target = self._scratch / name.replace("/", "%")
        try:
            copy(target)
        except FileNotFoundError:  # a program removed the file since the list was made
            return
        if copies.is_database(name):
            self._manifest.counts[name] = table_counts(target)
        if name == copies.LOGS[-1]:
            self._manifest.readings = site_readings(target)
            self._first = copies.first_entry(target)
        with target.open("rb") as file:
            self._add(name, file, target.stat().st_size)
        target.unlink()

    def _add_store(self) -> None:
        """Add the store's file as of its last checkpoint; the log has the readings after it. Raises _StoreMoved."""
        path = self._folder / STORE
        with self._still_store() as state:
            header, size = copies.store_header(path), path.stat().st_size
            with path.open("rb") as file:
                self._add(STORE, file, size)
            if copies.store_header(path) != header:
                raise _StoreMoved
        self._manifest.store = state._asdict()

    @contextlib.contextmanager
    def _still_store(self) -> Iterator[Paused]:
        """Yield the state in the store's file: after a pause by the service, or after a checkpoint of our own."""
        if holder(self._folder, "alert") is None:
            with contextlib.closing(DuckdbStore(self._folder / STORE)) as store:
                state = Paused(*store.pause_checkpoints())
            yield state
            return
        with paused(self._folder, alive=lambda: holder(self._folder, "alert") is not None) as answer:
            if answer is None and holder(self._folder, "alert") is None:
                raise _StoreMoved
            if answer is None:
                raise ArchiveError(
                    f"{self._folder}: the running service did not release its store; restart it, then retry"
                )
            yield answer

    def _check_cursor(self) -> None:
        """Raise if retention deleted entries from the log that the copied store does not have."""
        if self._manifest.store and self._first > self._manifest.store["cursor"] + 1:
            raise _StoreMoved

    def _add_bytes(self, name: str, data: bytes) -> None:
        self._add(name, io.BytesIO(data), len(data))

    def _add(self, name: str, source: BinaryIO, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        reading = _Hashed(source, self._progress)
        self._tar.addfile(member, reading)
        if name not in {START, MANIFEST}:
            self._manifest.files[name] = (size, reading.digest())


class _Hashed:
    """A file that hashes and reports what is read."""

    def __init__(self, file: BinaryIO, progress: _Progress) -> None:
        self._file, self._progress, self._hash = file, progress, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        data = self._file.read(size)
        self._hash.update(data)
        self._progress.add(len(data))
        return data

    def digest(self) -> str:
        """Return the SHA-256 of the bytes so far."""
        return self._hash.hexdigest()
