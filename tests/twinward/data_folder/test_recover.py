"""`recover`: a dry run changes nothing; a repair renames files and deletes none."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from ingest import Sealed, empty_batch
from twinward.data_folder.files import DATABASE, DETECTIONS, STORE, TELEMETRY, stamp
from twinward.data_folder.identity import read_identity
from twinward.data_folder.recover import Choice, Report, recover_folder
from twinward.errors import FolderMismatch, InputError
from twinward.log import DetectionLog, TelemetryLog

ENTRIES, SAVED = 5, 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose telemetry log has 5 entries; detection saved its state at 4, alerts their position at 7."""
    with closing(TelemetryLog(tmp_path / TELEMETRY, clock=time.time_ns)) as log:
        for _ in range(ENTRIES):
            log.append(Sealed(empty_batch()))
    with closing(DetectionLog(tmp_path / DETECTIONS, clock=time.time_ns)) as detections:
        detections.snapshot(SAVED, b"state", stage="detect")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db:
        db.execute("CREATE TABLE cursors (name TEXT, position INTEGER)")
        db.execute("INSERT INTO cursors VALUES ('detections', 7)")
        db.commit()
    (tmp_path / STORE).write_bytes(b"readings")
    (tmp_path / "alerts.head").write_text('[1, "digest"]')
    return tmp_path


def recover(folder: Path, choice: Choice = Choice(), *, dry_run: bool = False, codes: int = 0) -> Report:  # noqa: B008 - immutable
    """Repair the folder; codes: number of sensor codes in its store."""
    return recover_folder(folder, choice, database=True, store=True, store_codes=lambda _: codes, dry_run=dry_run)


def contents(folder: Path) -> Mapping[str, bytes]:
    """Return name -> bytes of every file but the journals that a read creates."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix not in {".lock", ".sqlite-shm"}}


def position(folder: Path) -> int:
    """Return the position of the alerts."""
    with closing(sqlite3.connect(folder / DATABASE)) as db:
        return int(db.execute("SELECT position FROM cursors").fetchone()[0])


@pytest.mark.parametrize(
    "choice", [Choice(), Choice(new_log=True), Choice(new_database=True), Choice([DETECTIONS]), Choice([TELEMETRY])]
)
def test_a_dry_run_lists_the_repairs_and_changes_nothing(folder: Path, choice: Choice) -> None:
    """The repair afterwards does what the dry run listed."""
    before = contents(folder)
    foreseen = recover(folder, choice, dry_run=True)
    assert contents(folder) == before
    assert foreseen.repairs
    assert recover(folder, choice) == foreseen
    assert read_identity(folder).repairs == tuple(foreseen.repairs)
    kept = [path.read_bytes() for path in folder.iterdir()]
    if choice.aside or choice.new_log or choice.new_database:
        assert any(".aside-" in path.name for path in folder.iterdir())
    assert all(content in kept for name, content in before.items() if name == STORE)
    assert recover(folder) == Report([])


def test_positions_behind_an_end_are_set_back(folder: Path) -> None:
    """A detection log without entries is an older one."""
    recover(folder)
    assert position(folder) == 0


def test_a_store_with_unknown_sensor_codes_is_set_aside(folder: Path) -> None:
    """Behind an older log, new sensors would get the codes of others in the store."""
    with closing(sqlite3.connect(folder / DETECTIONS)) as db:
        db.execute("UPDATE states SET source = 99")
        db.commit()
    assert not any(STORE in text for text in recover(folder, dry_run=True, codes=0).repairs)
    assert any(STORE in text for text in recover(folder, codes=10).repairs)
    assert not (folder / STORE).exists()


def test_new_logs_begin_with_a_new_store(folder: Path) -> None:
    """The catalogue of sensor codes begins again."""
    foreseen = recover(folder, Choice(new_log=True), dry_run=True, codes=10)
    assert recover(folder, Choice(new_log=True), codes=10) == foreseen
    assert not (folder / STORE).exists()


def test_a_foreign_file_is_refused_until_adopted(folder: Path) -> None:
    """A dry run returns the refusal; the choice accepts the file."""
    recover(folder)
    stamp(folder / DATABASE, 12_345)
    assert "another installation" in recover(folder, dry_run=True).refused
    with pytest.raises(FolderMismatch, match="--adopt"):
        recover(folder)
    assert recover(folder, Choice(adopt=True)).repairs == [f"{DATABASE} now belongs to this installation"]


def test_another_name_and_a_missing_folder_are_refused(folder: Path) -> None:
    """Only files of the service can be set aside."""
    with pytest.raises(InputError, match=r"the files are: telemetry\.sqlite"):
        recover(folder, Choice(["../secret"]))
    with pytest.raises(InputError, match="no data folder"):
        recover(folder / "none")
