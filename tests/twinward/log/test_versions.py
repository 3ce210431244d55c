"""Schema versions of the logs: new files, files of 0.1.0, later files, failed and parallel upgrades."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import Ledger, Priority
from twinward.errors import LogVersionError
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.chain import Block, Chain
from twinward.log.versions import Migration, script, upgrade, version

CASES = Path(__file__).parent / "cases"
ADD_LANE = "ALTER TABLE entries ADD COLUMN lane INTEGER NOT NULL DEFAULT 0;"


def file_0_1_0(folder: Path, name: str) -> Path:
    """Return a log file as release 0.1.0 wrote it: with data and without a version."""
    path = folder / f"{name}.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript((CASES / f"{name}_0.1.0.sql").read_text())
        assert version(db) == 0
    return path


def stored_version(path: Path) -> int:
    """Return the version that the file holds."""
    with closing(sqlite3.connect(path)) as db:
        return version(db)


def test_upgrade_of_a_telemetry_log_keeps_data_and_hash_chain(tmp_path: Path) -> None:
    """Entries, catalogue, keys, accounts, quarantine, memory, spool and ledger of 0.1.0 are all there."""
    path = file_0_1_0(tmp_path, "telemetry")
    log = TelemetryLog(path, clock=lambda: 1)
    assert stored_version(path) > 0
    report = log.verify()
    assert (report.ok, report.entries, log.head()) == (True, 6, 6)
    entries = log.read(0)
    assert [entry.priority for entry in entries] == [Priority.URGENT, Priority.ORDINARY] * 3
    assert entries[4].batch.attributes == {0: {"label": "batch 2"}}
    sensors, metrics = log.catalog()
    assert [sensor.id for sensor in sensors] == ["clock", "smoke/1"]
    assert [metric.name for metric in metrics] == ["wobble"]
    assert log.recent_keys(10).tolist() == [0, -7, 1, -8, 2, -9]
    assert [row["rows"] for row in log.accounting()] == [12]
    assert [row["topic"] for row in log.quarantine(9)] == ["campus/s1/x"]
    assert log.replay() == 1
    assert [key for _, key, _ in log.memory()] == ["k0", "k1", "k2"]
    spooled = log.spooled()
    assert spooled is not None
    assert spooled.packed == b"packed"
    assert Ledger(log.ledger_entries()).of("stored", 1) == 12
    log.close()


def test_upgrade_of_a_detection_log_keeps_data_and_hash_chain(tmp_path: Path) -> None:
    """Detections of both priorities, their sources and the saved state of 0.1.0 are all there."""
    path = file_0_1_0(tmp_path, "detections")
    log = DetectionLog(path, clock=lambda: 1)
    assert stored_version(path) > 0
    assert log.verify().ok
    assert [(entry.source, entry.priority) for entry in log.read(0)] == [(2, Priority.URGENT), (3, Priority.ORDINARY)]
    assert [entry.seq for entry in log.lane(Priority.URGENT).read(0)] == [1]
    assert (log.source("live"), log.source("late"), log.latest_snapshot("late")) == (2, 3, (3, b"state"))
    log.close()


def test_lanes_of_a_detection_log_are_a_column_that_the_digest_covers(tmp_path: Path) -> None:
    """An upgraded file takes entries of both lanes; a changed lane or sign breaks the chain, in old and new entries."""
    path = file_0_1_0(tmp_path, "detections")
    with closing(DetectionLog(path, clock=lambda: 1)) as log:
        detections = log.read(0)[0].detections
        for source, priority in ((5, Priority.URGENT), (6, Priority.ORDINARY)):
            log.append(detections, source=source, stage="detect", priority=priority)
        assert [(entry.source, entry.priority) for entry in log.lane(Priority.URGENT).read(0)] == [
            (2, Priority.URGENT),
            (5, Priority.URGENT),
        ]
        assert (log.verify().ok, log.verify().entries) == (True, 4)
        for seq in range(1, 5):
            for change in ("lane = 1 - lane", "source = -source", "lane = 2", "lane = 1 - lane, source = source + 1"):
                with closing(sqlite3.connect(path)) as db:
                    (kept,) = db.execute("SELECT lane, source FROM entries WHERE seq = ?", (seq,)).fetchall()
                    db.execute(f"UPDATE entries SET {change} WHERE seq = ?", (seq,))  # noqa: S608 - constants
                    db.commit()
                    assert (log.verify().ok, log.verify().first_bad_seq) == (False, seq)
                    db.execute("UPDATE entries SET lane = ?, source = ? WHERE seq = ?", (*kept, seq))
                    db.commit()
        assert log.verify().ok


def test_offline_detections_of_0_1_0_are_not_written_again(tmp_path: Path) -> None:
    """`detect` found offline sensors in 0.1.0: `detect_offline` starts with its write position."""
    path = file_0_1_0(tmp_path, "detections")
    with closing(sqlite3.connect(path)) as db:
        db.execute("INSERT INTO judged VALUES ('detect', 7)")
        db.commit()
    with closing(DetectionLog(path, clock=lambda: 1)) as log:
        assert (log.source("detect"), log.source("detect_offline")) == (7, 7)


def test_upgraded_file_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    """Schema and version do not depend on the release that made the file."""
    (tmp_path / "new").mkdir()
    for name, log in (("telemetry", TelemetryLog), ("detections", DetectionLog)):
        schemas = []
        for path in (file_0_1_0(tmp_path, name), tmp_path / "new" / f"{name}.sqlite"):
            log(path, clock=lambda: 1).close()
            with closing(sqlite3.connect(path)) as db:
                found = db.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
            schemas.append((stored_version(path), found))
        assert schemas[0] == schemas[1]


@pytest.mark.parametrize("log", [TelemetryLog, DetectionLog])
def test_file_of_a_later_release_is_refused_unchanged(tmp_path: Path, log: type[TelemetryLog | DetectionLog]) -> None:
    """The error names the file, its version and the versions that can be read; the file stays as it was."""
    path = tmp_path / "log.sqlite"
    log(path, clock=lambda: 1).close()
    with closing(sqlite3.connect(path)) as db:
        newest = version(db)
        db.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(
        LogVersionError, match=f"schema version 99; this release reads versions 0 to {newest}"
    ) as caught:
        log(path, clock=lambda: 1)
    assert (caught.value.path, caught.value.found, caught.value.newest) == (path, 99, newest)
    assert path.read_bytes() == before


def test_migration_runs_once_on_filled_entries(tmp_path: Path) -> None:
    """A later version adds a column to the chained table: the chain still verifies, and reopening changes nothing."""
    path = tmp_path / "log.sqlite"

    def append(chain: Chain) -> int:
        return chain.append([Block(b"x", "b", -3)], with_entry=lambda _db, _seq: None)

    chain = Chain(path, clock=lambda: 1)
    append(chain)
    chain.close()
    fill = script("UPDATE entries SET lane = 1 WHERE source < 0;")
    for entries in (2, 3):
        chain = Chain(path, clock=lambda: 1, migrations=(script(ADD_LANE), fill))
        append(chain)
        assert chain.verify().entries == entries
        with chain.reading() as db:
            assert [lane for (lane,) in db.execute("SELECT lane FROM entries ORDER BY seq")] == [1] + [0] * (
                entries - 1
            )
        chain.close()
    assert stored_version(path) == 3


def test_failed_migration_leaves_the_file_at_its_version(tmp_path: Path) -> None:
    """All steps are one transaction: an error in the last one undoes the first."""
    path = tmp_path / "log.sqlite"
    Chain(path, clock=lambda: 1).close()
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        Chain(path, clock=lambda: 1, migrations=(script(ADD_LANE), script("DELETE FROM missing;")))
    assert stored_version(path) == 1
    chain = Chain(path, clock=lambda: 1, migrations=(script(ADD_LANE),))
    assert chain.verify().ok
    chain.close()


def test_concurrent_opening_upgrades_once(tmp_path: Path) -> None:
    """Eight threads open one file at once: every migration runs one time, and all of them get the new version."""
    path, errors, runs = tmp_path / "log.sqlite", list[Exception](), list[int]()

    def count(_db: sqlite3.Connection) -> None:
        runs.append(1)

    steps: tuple[Migration, ...] = (script("CREATE TABLE a (x);"), script("ALTER TABLE a ADD COLUMN y;"), count)

    def run() -> None:
        try:
            with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as db:
                upgrade(db, path, steps)
        except Exception as error:  # noqa: BLE001 - reported by the assertion
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (errors, runs, stored_version(path)) == ([], [1], 3)


@given(st.lists(st.text(alphabet="a;'\"-\n %"), max_size=5))
def test_script_executes_each_statement_whole(texts: list[str]) -> None:
    """Semicolons and quotes inside strings do not split a statement."""
    inserts = ["INSERT INTO a VALUES ('" + text.replace("'", "''") + "');\n" for text in texts]  # noqa: S608 - every quote is doubled
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        script("CREATE TABLE a (x TEXT);" + " ".join(inserts))(db)
        assert [x for (x,) in db.execute("SELECT x FROM a ORDER BY rowid")] == texts


def test_script_without_final_semicolon_is_refused() -> None:
    """A cut script would otherwise run in part."""
    with pytest.raises(ValueError, match="ends inside a statement"):
        script("CREATE TABLE a (x); DROP TABLE a")
