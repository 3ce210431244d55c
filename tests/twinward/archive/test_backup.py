"""Backup and restoration of a folder without a service: contents, refusals, PostgreSQL."""

from __future__ import annotations

import io
import json
import re
import sqlite3
import tarfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from alerts import People, open_database
from alerts.database.journal import append
from ingest.stores.duckdb import DuckdbStore
from ingest.telemetry import TelemetryBatch
from twinward.archive import backup as backup_module
from twinward.archive.age import AgeReader, AgeWriter
from twinward.archive.backup import back_up
from twinward.archive.copies import copy_sqlite
from twinward.archive.manifest import FORMAT
from twinward.archive.restore import restore
from twinward.clock import system_clock
from twinward.data_folder.identity import read_identity
from twinward.errors import ArchiveError
from twinward.log import DetectionLog, TelemetryLog
from twinward.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
CASES = {
    "telemetry.sqlite": ROOT / "twinward/log/cases/telemetry_0.1.0.sql",
    "detections.sqlite": ROOT / "twinward/log/cases/detections_0.1.0.sql",
    "alerts.sqlite": ROOT / "cases/database/0.1.0.sql",
}
"""Contents of a data folder of release 0.1.0."""
PASSPHRASE = "correct horse battery"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Return a passphrase file."""
    path = tmp_path / "secret"
    path.write_text(PASSPHRASE + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture(autouse=True)
def _cheap_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup_module, "AgeWriter", lambda target, key: AgeWriter(target, key, work_factor=4))


def fill(folder: Path, url: str = "") -> Settings:
    """Return settings of a data folder with logs, a store of 100 readings, one account and two further files."""
    folder.mkdir()
    TelemetryLog(folder / "telemetry.sqlite", clock=system_clock).close()
    DetectionLog(folder / "detections.sqlite", clock=system_clock).close()
    zeros = np.zeros(100, np.int64)
    codes = zeros.astype(np.int32), zeros.astype(np.int16)
    with closing(DuckdbStore(folder / "readings.duckdb")) as store:
        store.write(TelemetryBatch(*codes, zeros, zeros, zeros.astype(float), zeros.astype(np.uint8)), cursor=4)
    engine = open_database(url or f"sqlite:///{folder / 'alerts.sqlite'}")
    People(engine, system_clock).create("ada", "a long and rare phrase", roles=["admin"])
    with engine.begin() as connection:
        append(connection, at_ns=1, actor="ada", kind="test", site="", subject="ada", facts={"word": "校园"})
    engine.dispose()
    (folder / "broker").mkdir()
    (folder / "broker" / "mosquitto.db").write_bytes(b"queued messages")
    (folder / "installation.key").write_bytes(b"key")
    (folder / "service.log").write_text("left out", encoding="utf-8")
    return Settings(data_dir=folder, database=url)


def quiet(_count: int, _share: float) -> None:
    """Report nothing."""


@pytest.fixture
def made(tmp_path: Path, secret: Path) -> Callable[..., Path]:
    """Function that writes a backup of a new folder and returns its path."""

    def make(url: str = "") -> Path:
        settings, campus = fill(tmp_path / "data", url), tmp_path / "campus.toml"
        campus.write_text("[site]\n", encoding="utf-8")
        output = tmp_path / "school.age"
        back_up(settings, output, passphrase_file=secret, tables=[campus], report=quiet)
        return output

    return make


def test_a_restored_folder_has_everything_and_the_next_generation(
    made: Callable[..., Path], tmp_path: Path, secret: Path
) -> None:
    """Files of unknown purpose and the tables are there, with mode 0600; locks and program logs are not."""
    folder = tmp_path / "restored"
    done = restore(made(), folder, passphrase_file=secret, report=quiet)
    assert (done["store"], done["verified"]["alerts.sqlite"]) == ({"cursor": 4, "readings": 100}, 2)
    assert (folder / "broker" / "mosquitto.db").read_bytes() == b"queued messages"
    assert (folder / "config" / "campus.toml").read_text(encoding="utf-8") == "[site]\n"
    assert not (folder / "service.log").exists()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o777 for path in files if path.suffix != ".head"} == {0o600}
    assert read_identity(folder).generation == read_identity(tmp_path / "data").generation + 1


def test_a_backup_of_postgresql_restores_into_a_file_and_into_a_server(
    made: Callable[..., Path], tmp_path: Path, secret: Path, postgresql_database: str
) -> None:
    """The rows of all tables return, on either engine; a filled database is refused."""
    output = made(postgresql_database)
    done = restore(output, tmp_path / "files", passphrase_file=secret, report=quiet)
    assert (done["counts"]["alerts.sqlite"]["accounts"], done["verified"]["alerts.sqlite"]) == (1, 2)
    with pytest.raises(ArchiveError, match=r"has rows in .*allowed: an empty database"):
        restore(output, tmp_path / "no", passphrase_file=secret, report=quiet, database=postgresql_database)
    assert not (tmp_path / "no").exists()
    engine = create_engine(postgresql_database)
    query = "SELECT username, password, roles::text, sites::text FROM accounts"
    with engine.begin() as db:
        before = db.execute(text(query)).all()
        db.execute(text("DELETE FROM accounts; DELETE FROM journal; DELETE FROM cursors"))
    restore(output, tmp_path / "server", passphrase_file=secret, report=quiet, database=postgresql_database)
    with engine.begin() as db:
        assert db.execute(text(query)).all() == before
    engine.dispose()
    assert not (tmp_path / "server" / "alerts.sqlite").exists()


def repacked(source: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> Path:
    """Return a backup with changed contents and the right passphrase."""
    with (
        source.open("rb") as file,
        tarfile.open(fileobj=AgeReader(file, PASSPHRASE.encode(), name="x"), mode="r|") as tar,
    ):
        contents = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    target = source.with_name("changed.age")
    with target.open("wb") as file:
        writer = AgeWriter(file, PASSPHRASE.encode(), work_factor=4)
        with tarfile.open(fileobj=writer, mode="w|") as tar:
            for name, data in change(contents).items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        writer.finish()
    return target


def without(name: str) -> Callable[[dict[str, bytes]], dict[str, bytes]]:
    """Return a change that removes a file."""
    return lambda contents: {other: data for other, data in contents.items() if other != name}


def test_a_backup_with_other_contents_is_refused(made: Callable[..., Path], tmp_path: Path, secret: Path) -> None:
    """A later format, a missing or changed file, a path outside, other counts and a broken journal: one sentence."""
    source = made()

    def other_format(contents: dict[str, bytes]) -> dict[str, bytes]:
        return contents | {"format.json": json.dumps({"format": FORMAT + 1, "release": "9.1"}).encode()}

    def outside(contents: dict[str, bytes]) -> dict[str, bytes]:
        first = {"format.json": contents["format.json"]}
        return first | {"../../evil": b"x"}

    def other_counts(contents: dict[str, bytes]) -> dict[str, bytes]:
        manifest: dict[str, Any] = json.loads(contents["manifest.json"])
        manifest["counts"]["alerts.sqlite"]["tickets"] = 7
        return contents | {"manifest.json": json.dumps(manifest).encode()}

    for change, message in (
        (other_format, "allowed: 1 to 1. Restore it with the release that wrote it"),
        (without("installation.key"), "installation.key is None, the backup had"),
        (without("manifest.json"), "the manifest is missing"),
        (outside, "'../../evil' is no file of a backup"),
        (other_counts, "tickets is 0, the backup had 7"),
    ):
        refused(repacked(source, change), tmp_path / "restored", secret, message)


def refused(backup: Path, folder: Path, secret: Path, message: str) -> None:
    """Check that a backup is refused in one sentence and leaves no folder."""
    with pytest.raises(ArchiveError, match=re.escape(message)) as caught:
        restore(backup, folder, passphrase_file=secret, report=quiet)
    assert "\n" not in str(caught.value)
    assert not folder.exists()


def test_a_wrong_passphrase_a_cut_and_a_flipped_byte_leave_nothing(
    made: Callable[..., Path], tmp_path: Path, secret: Path
) -> None:
    """Each is one sentence; neither creates the folder."""
    source, other = made(), tmp_path / "other"
    blob = source.read_bytes()
    other.write_bytes(blob[: len(blob) - 70_000])
    refused(other, tmp_path / "restored", secret, "the file is cut or changed at chunk")
    other.write_bytes(blob[:200_000] + bytes((blob[200_000] ^ 1,)) + blob[200_001:])
    refused(other, tmp_path / "restored", secret, "the file is cut or changed at chunk")
    other.write_bytes(b"PK\x03\x04" + blob)
    refused(other, tmp_path / "restored", secret, "no backup with a passphrase at this path")
    secret.write_text("another passphrase", encoding="utf-8")
    refused(source, tmp_path / "restored", secret, "the passphrase does not open this backup")


def test_a_backup_is_refused_before_anything_is_written(tmp_path: Path, secret: Path) -> None:
    """An open or short passphrase file, an existing or inner target, and a folder without data."""
    settings, output = fill(tmp_path / "data"), tmp_path / "school.age"

    def fails(message: str, target: Path = output, of: Settings = settings) -> None:
        with pytest.raises(ArchiveError, match=message):
            back_up(of, target, passphrase_file=secret, tables=[], report=quiet)

    fails("no data folder at this path", of=Settings(data_dir=tmp_path / "none"))
    fails("is inside the data folder", target=tmp_path / "data" / "x.age")
    secret.chmod(0o644)
    fails("has mode 0644; allowed: 0600 or 0400")
    secret.chmod(0o600)
    secret.write_text("short\n", encoding="utf-8")
    fails("the passphrase has 5 bytes; allowed: 12 to")
    secret.unlink()
    fails("cannot be read: No such file")
    secret.write_text(PASSPHRASE, encoding="utf-8")
    secret.chmod(0o600)
    output.write_text("precious", encoding="utf-8")
    fails("exists; allowed: a new name")
    assert output.read_text(encoding="utf-8") == "precious"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_folder_of_an_older_release_is_backed_up_as_it_is_and_restored(tmp_path: Path, secret: Path) -> None:
    """Files of 0.1.0: the backup does not upgrade them; the restoration upgrades, verifies and keeps all rows."""
    folder, output = tmp_path / "data", tmp_path / "old.age"
    folder.mkdir()
    for name, case in CASES.items():
        with closing(sqlite3.connect(folder / name)) as db:
            db.executescript(case.read_text(encoding="utf-8"))
    done = back_up(Settings(data_dir=folder), output, passphrase_file=secret, tables=[], report=quiet)
    with closing(sqlite3.connect(folder / "telemetry.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (0,)
    restored = restore(output, tmp_path / "restored", passphrase_file=secret, report=quiet)
    assert restored["counts"] == done["counts"]
    assert all(entries > 0 for entries in restored["verified"].values())
    assert len(restored["verified"]) == 3


def test_a_full_disk_is_refused_with_both_figures(
    tmp_path: Path, secret: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check is made before the first byte."""
    settings = fill(tmp_path / "data")
    full = type("Usage", (), {"free": 1_000, "total": 10_000, "used": 9_000})()
    monkeypatch.setattr("shutil.disk_usage", lambda _path: full)
    with pytest.raises(ArchiveError, match=r"0 MB are free for the backup; needed: \d+ MB"):
        back_up(settings, tmp_path / "x.age", passphrase_file=secret, tables=[], report=quiet)
    assert not (tmp_path / "x.age").exists()


def test_a_database_copy_is_one_moment_while_another_process_writes(tmp_path: Path) -> None:
    """A writer between two steps of the copy neither waits nor appears in it."""
    source, target = tmp_path / "a.sqlite", tmp_path / "b.sqlite"
    with closing(sqlite3.connect(source, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE t (x BLOB)")
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO t VALUES (?)", [(bytes(4_000),)] * 3_000)
        writer.execute("COMMIT")
        copy_sqlite(source, target, lambda _: writer.execute("INSERT INTO t VALUES (x'01')"))
        assert writer.execute("SELECT count(*) FROM t").fetchone()[0] > 3_000
    with closing(sqlite3.connect(target)) as copy:
        assert copy.execute("SELECT count(*) FROM t").fetchone()[0] == 3_000
