"""File watch: removed, replaced and cut files of a running process are faults; usual changes are none."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from alerts import StorageFault
from twinward.data_folder.identity import Identity, note_repairs, read_identity, write_identity
from twinward.data_folder.watch import (
    FILES,
    FILES_CUT,
    FILES_GONE,
    FILES_REPLACED,
    FOLDER_REPAIRED,
    OPEN_FILES,
    REPAIRED,
    REPAIRED_S,
    FileWatch,
    audit_repairs,
)

LOG = "telemetry.sqlite"


class Watched:
    """A folder with an open SQLite file, and its watch at one look per second."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now_s = folder, 0.0
        self.watch = FileWatch(folder, repaired=False, started_s=0.0)

    def look(self) -> Mapping[str, StorageFault]:
        """Return the faults a second later."""
        self.now_s += 1.0
        return self.watch.look(self.now_s)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """A folder of which every file exists; the log is open."""
    write_identity(tmp_path, Identity(1, 1))
    with closing(sqlite3.connect(tmp_path / LOG, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE facts (value BLOB)")
        db.execute("INSERT INTO facts VALUES (zeroblob(100000))")
        for name in OPEN_FILES:
            (tmp_path / name).touch()
        made = Watched(tmp_path)
        assert made.look() == {}
        yield made


def test_usual_changes_are_no_fault(watched: Watched) -> None:
    """Growth, a checkpoint, a new identity and a store that shrinks at its end."""
    with closing(sqlite3.connect(watched.folder / LOG, isolation_level=None)) as db:
        db.execute("INSERT INTO facts VALUES (zeroblob(100000))")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    write_identity(watched.folder, Identity(1, 2))
    (watched.folder / "readings.duckdb").write_bytes(b"long")
    assert watched.look() == {}
    (watched.folder / "readings.duckdb").write_bytes(b"")
    assert watched.look() == {}


@pytest.mark.parametrize("name", [*OPEN_FILES, "installation.json"])
def test_a_removed_file_is_a_fault_until_it_is_back(watched: Watched, name: str) -> None:
    """The former file, moved back, ends the fault."""
    (watched.folder / name).rename(watched.folder / "elsewhere")
    assert watched.look() == {FILES: FILES_GONE}
    (watched.folder / "elsewhere").rename(watched.folder / name)
    assert watched.look() == {}


@pytest.mark.parametrize("name", OPEN_FILES)
def test_a_replaced_file_is_a_fault(watched: Watched, name: str) -> None:
    """A copy with the same content is another file: the process does not write into it."""
    shutil.copy(watched.folder / name, watched.folder / "copy")
    (watched.folder / "copy").replace(watched.folder / name)
    assert watched.look() == {FILES: FILES_REPLACED}


def test_a_cut_log_is_a_fault(watched: Watched) -> None:
    """SQLite never shrinks these files."""
    with (watched.folder / LOG).open("r+b") as file:
        file.truncate(1)
    assert watched.look() == {FILES: FILES_CUT}


def test_a_lost_folder_is_a_fault(watched: Watched) -> None:
    """A renamed folder or a lost mount."""
    watched.folder.rename(watched.folder.with_name("moved"))
    assert watched.look() == {FILES: FILES_GONE}


def test_repairs_are_reported_for_a_minute_and_audited_once(tmp_path: Path) -> None:
    """Repairs of several starts wait in the identity until the audit contains them."""
    write_identity(tmp_path, Identity(1, 1))
    note_repairs(tmp_path, ["one"])
    note_repairs(tmp_path, ["two"])
    assert read_identity(tmp_path) == Identity(1, 3, ("one", "two"))
    notes: list[str] = []

    def note(kind: str, actor: str, *, site: str, subject: str, facts: Mapping[str, str]) -> None:
        assert (kind, actor, site, subject) == ("service.repaired", "system", "", "data_folder")
        notes.append(facts["repair"])

    assert audit_repairs(tmp_path, note)
    assert not audit_repairs(tmp_path, note)
    assert (notes, read_identity(tmp_path)) == (["one", "two"], Identity(1, 3))
    watch = FileWatch(tmp_path, repaired=True, started_s=0.0)
    assert watch.look(1.0) == {REPAIRED: FOLDER_REPAIRED}
    assert watch.look(REPAIRED_S) == {}
