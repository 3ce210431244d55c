"""Restore a backup into an empty folder; nothing is used before all of it was checked."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from sqlalchemy.exc import SQLAlchemyError

from alerts import AlertError, open_database
from alerts.database.journal import verify as verify_journal
from ingest import StoreError
from ingest.stores.duckdb import DuckdbStore
from twinward.clock import system_clock
from twinward.data_folder.files import DATABASE, DATABASE_HEAD, DETECTIONS, STORE, TELEMETRY
from twinward.data_folder.identity import Identity, read_identity, write_identity
from twinward.data_folder.journal_head import noted_head
from twinward.data_folder.locks import ROLES, RoleLocks
from twinward.errors import ArchiveError, as_cli_errors
from twinward.log import DetectionLog, TelemetryLog

from . import copies
from .age import AgeReader
from .manifest import (
    MANIFEST,
    MANIFEST_BYTES_MAX,
    START,
    Manifest,
    check_format,
    differences,
    read_manifest,
    site_readings,
    table_counts,
)
from .passphrase import read_passphrase

STAGING = ".restoring"
READ_BYTES = 1 << 20

Report = Callable[[int, float], None]


def restore(backup: Path, folder: Path, *, passphrase_file: Path, report: Report, database: str = "") -> dict[str, Any]:
    """Restore into `folder`, which must be empty or missing; return the compared counts.

    database: URL of an empty database of a server that receives the alert database. Raises ArchiveError with one
    sentence; the folder is then as it was.
    """
    passphrase = read_passphrase(passphrase_file)
    with as_cli_errors(AlertError), _staging(folder) as staging:
        size = backup.stat().st_size
        if (free := shutil.disk_usage(folder).free) < size:
            raise ArchiveError(f"{folder}: {free / 1e6:.0f} MB are free; the backup needs {size / 1e6:.0f} MB")
        manifest = _extract(backup, passphrase, staging, report)
        try:
            checked = _check(staging, manifest, backup.name)
            if database:
                copies.load_server(staging / DATABASE, database)
                (staging / DATABASE).unlink()
        except (sqlite3.Error, StoreError, SQLAlchemyError) as error:
            raise ArchiveError(f"{backup}: the check failed: {str(error).splitlines()[0]}") from error
        identity = _new_generation(staging)
        _publish(staging, folder)
    whole = {"folder": str(folder), "created": manifest.created, "release": manifest.release}
    return whole | {"installation": identity.number, "generation": identity.generation} | checked


@contextlib.contextmanager
def _staging(folder: Path) -> Iterator[Path]:
    """Yield a new folder inside `folder`, with the locks of all roles: no service starts on a half restored folder."""
    existed = folder.exists()
    if existed and (not folder.is_dir() or any(folder.iterdir())):
        raise ArchiveError(f"{folder} is not empty; allowed: an empty or a new folder")
    locks = RoleLocks(folder, ROLES)
    staging = folder / STAGING
    try:
        staging.mkdir(mode=0o700)
        yield staging
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        for role in ROLES:
            (folder / f"{role}.lock").unlink(missing_ok=True)
        if not existed:
            folder.rmdir()
        raise
    finally:
        locks.close()


def _extract(backup: Path, passphrase: bytes, staging: Path, report: Report) -> Manifest:
    """Decrypt every file into the staging folder; return the manifest after a comparison of all hashes."""
    found: dict[str, tuple[int, str]] = {}
    small: dict[str, bytes] = {}
    with backup.open("rb") as source:
        size, stream = backup.stat().st_size, AgeReader(source, passphrase, name=str(backup))
        try:
            with tarfile.open(fileobj=stream, mode="r|", bufsize=READ_BYTES) as tar:
                for member in tar:
                    file = tar.extractfile(member) if member.isreg() and _is_safe(member.name) else None
                    if file is None:
                        raise ArchiveError(f"{backup}: {member.name!r} is no file of a backup")
                    if member.name in {START, MANIFEST}:
                        small[member.name] = file.read(MANIFEST_BYTES_MAX)
                        if member.name == START:
                            check_format(small[START], str(backup))
                        continue
                    found[member.name] = _extract_file(file, staging / member.name)
                    report(source.tell(), source.tell() / size)
            while stream.read(READ_BYTES):  # to the authenticated end
                continue
        except tarfile.TarError as error:
            raise ArchiveError(f"{backup}: the contents are no backup: {error}") from error
    if small.keys() != {START, MANIFEST}:
        raise ArchiveError(f"{backup}: the contents are no backup: the manifest is missing")
    manifest = read_manifest(small[MANIFEST], str(backup))
    expected = {name: tuple(entry) for name, entry in manifest.files.items()}
    if wrong := differences(expected, found, str(backup)):
        raise ArchiveError(wrong[0])
    return manifest


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(name) and not path.is_absolute() and ".." not in path.parts


def _extract_file(source: IO[bytes], target: Path) -> tuple[int, str]:
    """Write a file with mode 0600, durable; return its size and SHA-256."""
    for parent in reversed(target.relative_to(target.anchor).parents):
        (Path(target.anchor) / parent).mkdir(mode=0o700, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while data := source.read(READ_BYTES):
            digest.update(data)
            size += file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _check(staging: Path, manifest: Manifest, name: str) -> dict[str, Any]:
    """Compare all counts with the manifest, then verify the chains. Raises ArchiveError for the first difference."""
    wrong: list[str] = []
    for database, counts in manifest.counts.items():
        wrong += differences(counts, table_counts(staging / database), f"{name}: {database}")
    log = staging / copies.LOGS[-1]
    wrong += differences(manifest.readings, site_readings(log) if log.exists() else {}, f"{name}: readings")
    if manifest.store:
        wrong += differences(manifest.store, _store_counts(staging / STORE), f"{name}: {STORE}")
    if wrong:
        raise ArchiveError(wrong[0])
    chains = _verify(staging, name)
    return {"counts": manifest.counts, "readings": manifest.readings, "store": manifest.store, "verified": chains}


def _store_counts(path: Path) -> dict[str, int]:
    with contextlib.closing(DuckdbStore(path)) as store:
        return {"cursor": store.cursor(), "readings": store.count()}


def _verify(staging: Path, name: str) -> dict[str, int]:
    """Return the number of verified entries of each chain."""
    entries: dict[str, int] = {}
    logs = {DETECTIONS: DetectionLog, TELEMETRY: TelemetryLog}
    for file, kind in logs.items():
        if (staging / file).exists():
            with contextlib.closing(kind(staging / file, clock=system_clock)) as log:
                report = log.verify()
            _require(report.ok, report.reason, f"{name}: {file}")
            entries[file] = report.entries
    if (staging / DATABASE).exists():
        engine = open_database(f"sqlite:///{staging / DATABASE}")
        try:
            noted = noted_head(staging / DATABASE_HEAD)
            audit = verify_journal(engine, heads=[noted] if noted else [])
        finally:
            engine.dispose()
        _require(audit.ok, audit.reason, f"{name}: {DATABASE}")
        entries[DATABASE] = audit.entries
    return entries


def _require(ok: bool, reason: str, name: str) -> None:  # noqa: FBT001 - a result, not an option
    if not ok:
        raise ArchiveError(f"{name}: {reason}")


def _new_generation(staging: Path) -> Identity:
    """Give the restored folder the next generation, so that it differs from an original that still runs."""
    identity = read_identity(staging)
    identity = identity._replace(generation=identity.generation + 1)
    write_identity(staging, identity)
    return identity


def _publish(staging: Path, folder: Path) -> None:
    """Move the checked files into place, the telemetry log last."""
    names = sorted((path.name for path in staging.iterdir()), key=lambda name: name.startswith("telemetry"))
    for name in names:
        (staging / name).rename(folder / name)
    staging.rmdir()
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
