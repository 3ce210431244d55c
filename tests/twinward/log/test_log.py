"""Logs: durability, equal results for all readers, detection of every change."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import DetectionBatch
from ingest import (
    COLUMNS,
    Catalog,
    Count,
    Counts,
    MessageKeys,
    Priority,
    QuarantineChanges,
    Quarantined,
    Sealed,
    TelemetryBatch,
    empty_batch,
    from_columns,
)
from twinward.log import DetectionLog, TelemetryLog
from twinward.log.verify import Report

ROOT = Path(__file__).parents[3]
CHANGES = 200


def batch_of(number: int, rows: int = 20) -> TelemetryBatch:
    """Return a batch with its number in every column."""
    columns = {name: np.full(rows, number % 200, dtype) for name, dtype in COLUMNS}
    return from_columns(columns, {0: {"label": f"batch {number}"}} if rows else {})


def sealed_of(number: int, *, keys: Sequence[int] = ()) -> Sealed:
    """Return the sealed batch of a number."""
    return Sealed(batch_of(number), [MessageKeys(keys), Counts({Count("s", "native", "stored"): 20})])


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TelemetryLog]:
    """Open an empty log whose clock counts in steps of one."""
    ticks = iter(range(1, 1_000_000))
    opened = TelemetryLog(tmp_path / "telemetry.db", clock=lambda: next(ticks), keys_max=100, quarantine_max=10)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a closed log of thirty entries, to be copied and damaged."""
    path = tmp_path_factory.mktemp("written") / "telemetry.db"
    log = TelemetryLog(path, clock=lambda: 1)
    for number in range(30):
        log.append(sealed_of(number))
    log.close()
    return path


def copy_of(path: Path, folder: Path) -> Path:
    """Copy the log and its head record."""
    for name in (path.name, f"{path.name}.head"):
        shutil.copy(path.with_name(name), folder / name)
    return folder / path.name


def verified(path: Path) -> Report:
    """Verify the file."""
    log = TelemetryLog(path, clock=lambda: 1)
    try:
        return log.verify()
    finally:
        log.close()


def test_a_removed_file_takes_no_entry(tmp_path: Path) -> None:
    """An entry in a removed file would be acknowledged and lost. A reader creates no empty file in its place."""
    path = tmp_path / "telemetry.sqlite"
    with closing(TelemetryLog(path, clock=time.time_ns)) as log:
        log.append(sealed_of(1))
        for name in (path, path.with_name(f"{path.name}-wal")):
            name.rename(tmp_path / "elsewhere")
            with pytest.raises(sqlite3.OperationalError, match="removed, replaced or cut"):
                log.append(sealed_of(2))
            assert not name.exists()
            (tmp_path / "elsewhere").rename(name)
        assert log.append(sealed_of(2)) > 1
        path.write_bytes(path.read_bytes() + bytes(10))
        assert log.append(sealed_of(3)) > 1
        os.truncate(path, path.stat().st_size - 10)
        with pytest.raises(sqlite3.OperationalError, match="removed, replaced or cut"):
            log.append(sealed_of(4))
        assert log.answers()


def test_entries_are_read_in_order_with_their_ids(log: TelemetryLog) -> None:
    """Positions start at one; a reader continues behind its cursor; batches have ids and attributes."""
    assert log.head() == 0
    assert [log.append(sealed_of(number)) for number in range(5)] == [1, 2, 3, 4, 5]
    first, second = log.read(0, limit=2)
    assert (first.seq, second.seq, first.written_ns) == (1, 2, 1)
    assert first.batch.attributes == {0: {"label": "batch 0"}}
    assert len(first.batch.id) == 32
    assert [entry.seq for entry in log.read(2)] == [3, 4, 5]
    assert log.read(5) == []


def test_accounts_add_up_and_quarantine_is_bounded(log: TelemetryLog) -> None:
    """Counts of all batches are summed by site, format, outcome and reason; the newest rejects stay."""
    for number in range(30):
        refused = Quarantined(number, "s", "native", "t", "json", "torn", bytes([number]))
        counts = {Count("s", "native", "received"): 3, Count("s", "native", "quarantined", "json"): 1}
        log.append(Sealed(empty_batch(), [Counts(counts), QuarantineChanges([refused])]))
    rows = {(row["outcome"], row["reason"]): row["rows"] for row in log.accounting()}
    assert rows == {("received", ""): 90, ("quarantined", "json"): 30}
    newest = log.quarantine(100)
    assert [row["arrival_ns"] for row in newest] == list(range(29, 19, -1))
    assert [row["arrival_ns"] for row in log.quarantine(2, newest[3]["id"])] == [25, 24]


def test_keys_are_kept_oldest_first_up_to_the_bound(log: TelemetryLog) -> None:
    """At least keys_max keys stay, at most one batch more; negative keys too."""
    for number in range(50):
        log.append(sealed_of(number, keys=range(-number * 7, -number * 7 - 7, -1)))
    kept = log.recent_keys(1_000_000).tolist()
    assert 100 <= len(kept) < 107
    assert kept == list(range(-350 + len(kept), -350, -1))
    assert log.recent_keys(5).tolist() == kept[-5:]


def test_catalogue_survives_with_its_batch(log: TelemetryLog, tmp_path: Path) -> None:
    """Sensors and learned metrics written with a batch load into a new catalogue with the same codes."""
    catalog = Catalog()
    code = catalog.code("s", "door/1", "gate")
    metric = catalog.metric("wobble")
    log.append(Sealed(batch_of(1), [catalog.drain_changes()]))
    again = TelemetryLog(tmp_path / "telemetry.db", clock=lambda: 0)
    loaded = Catalog()
    loaded.load(*again.catalog())
    again.close()
    assert loaded[code] == catalog[code]
    assert loaded.metric("wobble") == metric


def test_append_wakes_a_reader_in_another_thread(log: TelemetryLog) -> None:
    """An append wakes waiting readers long before the poll interval."""
    woken_s: list[float] = []

    def wait() -> None:
        assert log.wait(0, 10)
        woken_s.append(time.monotonic())

    reader = threading.Thread(target=wait)
    reader.start()
    time.sleep(0.02)
    log.append(sealed_of(1))
    appended_s = time.monotonic()
    reader.join(10)
    assert woken_s[0] - appended_s < 1
    assert not log.wait(1, 0.01)


def test_several_processes_read_what_one_writes(tmp_path: Path) -> None:
    """Readers in other processes wait for entries and read all of them, complete and in order."""
    path = tmp_path / "telemetry.db"
    log = TelemetryLog(path, clock=time.time_ns)
    program = (
        "import sys, pathlib; from twinward.log import TelemetryLog\n"
        "log = TelemetryLog(pathlib.Path(sys.argv[1]), clock=lambda: 0); seen = []\n"
        "while len(seen) < 40:\n"
        "    assert log.wait(len(seen), 20)\n"
        "    seen += [entry.batch.attributes[0]['label'] for entry in log.read(len(seen))]\n"
        "assert seen == [f'batch {n}' for n in range(40)], seen; assert log.verify().ok\n"
    )
    readers = [subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT) for _ in range(2)]
    for number in range(40):
        log.append(sealed_of(number))
        time.sleep(0.01)
    assert [reader.wait(30) for reader in readers] == [0, 0]
    log.close()


def test_killed_writer_leaves_a_complete_prefix(tmp_path: Path) -> None:
    """After kills at random times, every acknowledged entry is there and `verify` succeeds."""
    path, random_ = tmp_path / "telemetry.db", random.Random(5)  # noqa: S311 - a seed, no secret
    durable = 0
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("log_writer.py")), str(path)],
            stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert writer.stdout is not None
        durable = int(writer.stdout.readline())
        time.sleep(random_.uniform(0, 0.2))
        writer.kill()
        rest = writer.stdout.read().split(b"\n")[:-1]
        writer.wait(10)
        writer.stdout.close()
        durable = int(rest[-1]) if rest else durable
        report = verified(path)
        assert report.ok, report
        assert report.end_checked
        assert report.entries >= durable
    log = TelemetryLog(path, clock=lambda: 0)
    stored = sum(row["rows"] for row in log.accounting())
    assert stored == sum(1 + number % 200 for number in range(1, log.head() + 1))
    assert log.recent_keys(10**6).tolist() == list(range(1, log.head() + 1))
    log.close()


def edit(db: sqlite3.Connection, random_: random.Random) -> int:
    """Change one byte or number of an entry, remove one, or exchange two. Return the first wrong position."""
    seq, other = sorted(random_.sample(range(1, 31), 2))
    kind = random_.choice(("block", "digest", "batch", "written_ns", "source", "remove", "exchange"))
    if kind == "remove":
        db.execute("DELETE FROM entries WHERE seq = ?", (seq,))
    elif kind == "exchange":
        db.execute("UPDATE entries SET seq = -1 WHERE seq = ?", (seq,))
        db.execute("UPDATE entries SET seq = ? WHERE seq = ?", (seq, other))
        db.execute("UPDATE entries SET seq = ? WHERE seq = -1", (other,))
    elif kind in {"written_ns", "source"}:
        db.execute(f"UPDATE entries SET {kind} = {kind} + 1 WHERE seq = ?", (seq,))  # noqa: S608 - own names
    else:
        (value,) = db.execute(f"SELECT {kind} FROM entries WHERE seq = ?", (seq,)).fetchone()  # noqa: S608
        raw = bytearray(value.encode() if isinstance(value, str) else value)
        raw[random_.randrange(len(raw))] ^= 1
        changed = raw.decode() if isinstance(value, str) else bytes(raw)
        db.execute(f"UPDATE entries SET {kind} = ? WHERE seq = ?", (changed, seq))  # noqa: S608
    return seq


def test_every_single_change_to_an_entry_is_found(written: Path, tmp_path: Path) -> None:
    """Two hundred edits, removals and exchanges, each on a new copy, are all found at their position."""
    for seed in range(CHANGES):
        path = copy_of(written, tmp_path)
        db = sqlite3.connect(path)
        seq = edit(db, random.Random(seed))  # noqa: S311 - a seed, no secret
        db.commit()
        db.close()
        report = verified(path)
        assert not report.ok, seed
        assert report.first_bad_seq == seq, (seed, report)
        assert report.reason


def test_flipped_bits_in_the_file_are_found_or_change_nothing(written: Path, tmp_path: Path) -> None:
    """A flip in unused space changes no readable content; `verify` or SQLite detects any other one."""
    found = 0
    original = written.read_bytes()
    wanted = read_rows(written)
    for seed in range(CHANGES):
        random_ = random.Random(seed)  # noqa: S311 - a seed, no secret
        path = copy_of(written, tmp_path)
        damaged = bytearray(original)
        damaged[random_.randrange(100, len(damaged))] ^= 1 << random_.randrange(8)
        path.write_bytes(damaged)
        try:
            ok = verified(path).ok
        except sqlite3.DatabaseError:
            ok = False
        assert not ok or read_rows(path) == wanted, seed
        found += not ok
    assert found


def read_rows(path: Path) -> list[tuple[object, ...]]:
    """Return all entries as SQLite rows."""
    db = sqlite3.connect(path)
    rows = db.execute("SELECT * FROM entries ORDER BY seq").fetchall()
    db.close()
    return rows


def test_cut_at_the_end_is_found_even_after_more_was_written(written: Path, tmp_path: Path) -> None:
    """The head record has the last position; later entries do not hide a cut."""
    path = copy_of(written, tmp_path)
    db = sqlite3.connect(path)
    db.execute("DELETE FROM entries WHERE seq > 25")
    db.commit()
    db.close()
    report = verified(path)
    assert (report.ok, report.first_bad_seq, report.entries) == (False, 26, 25)
    log = TelemetryLog(path, clock=lambda: 2)
    for number in range(10):
        log.append(sealed_of(100 + number))
    report = log.verify()
    log.close()
    assert not report.ok
    assert report.first_bad_seq == 30


def test_known_digest_finds_a_rewritten_log(written: Path, tmp_path: Path) -> None:
    """A digest kept elsewhere reveals a new chain with a new head record."""
    kept = verified(written)
    log = TelemetryLog(tmp_path / "telemetry.db", clock=lambda: 1)
    for number in range(30):
        log.append(sealed_of(number + (number == 4)))
    assert log.verify().ok
    report = log.verify(known=[(kept.head_seq, kept.head_digest)])
    log.close()
    assert (report.ok, report.first_bad_seq) == (False, 30)


def test_lost_head_record_is_reported_and_replaced(written: Path, tmp_path: Path) -> None:
    """The report states that the end is unchecked; the next append writes a new record."""
    path = tmp_path / "telemetry.db"
    shutil.copy(written, path)
    log = TelemetryLog(path, clock=lambda: 1)
    report = log.verify()
    assert (report.ok, report.end_checked) == (True, False)
    log.append(sealed_of(1))
    assert log.verify().end_checked
    log.close()


def test_head_record_behind_the_log_is_no_error(written: Path, tmp_path: Path) -> None:
    """A crash between commit and record leaves this state."""
    path = copy_of(written, tmp_path)
    head = path.with_name(path.name + ".head").read_bytes()
    log = TelemetryLog(path, clock=lambda: 1)
    log.append(sealed_of(1))
    log.close()
    path.with_name(path.name + ".head").write_bytes(head)
    assert verified(path).ok


def test_retention_drops_the_oldest_and_keeps_the_chain(log: TelemetryLog) -> None:
    """Recent entries, unread entries and the last entry stay; the rest of the chain verifies."""
    for number in range(10):
        log.append(sealed_of(number))
    assert log.retain(before_ns=6, up_to=3) == 3
    assert log.retain(before_ns=6, up_to=10) == 2
    assert [entry.seq for entry in log.read(0)] == [6, 7, 8, 9, 10]
    assert log.retain(before_ns=2**62, up_to=10**9) == 4
    assert log.append(sealed_of(1)) == 11
    report = log.verify()
    assert (report.ok, report.entries) == (True, 2)


def test_entries_removed_under_the_cover_of_retention_are_found(written: Path, tmp_path: Path) -> None:
    """An anchor not set by retention does not hide missing entries."""
    path = copy_of(written, tmp_path)
    db = sqlite3.connect(path)
    (digest,) = db.execute("SELECT digest FROM entries WHERE seq = 8").fetchone()
    db.execute("INSERT INTO anchor VALUES (1, 8, ?)", (digest,))
    db.execute("DELETE FROM entries WHERE seq <= 8")
    db.commit()
    db.close()
    report = verified(path)
    assert (report.ok, report.first_bad_seq) == (False, 1)


def test_full_disk_raises_keeps_nothing_and_recovers(log: TelemetryLog) -> None:
    """A failed append stores nothing; the same batch is accepted once there is disk space."""
    for number in range(3):
        log.append(sealed_of(number, keys=[number]))
    db = log._chain._writer
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    noise = np.random.default_rng(1)
    batch = batch_of(1, rows=20_000)
    batch.value[:] = noise.normal(size=20_000)
    large = Sealed(batch, [MessageKeys([77]), Counts({Count("s", "native", "stored"): 20_000})])
    before = log.accounting()
    for _ in range(3):
        with pytest.raises(sqlite3.OperationalError, match="full"):
            log.append(large)
    assert (log.head(), log.accounting(), log.recent_keys(10).tolist()) == (3, before, [0, 1, 2])
    db.execute("PRAGMA max_page_count = 1000000")
    assert log.append(large) == 4
    assert log.recent_keys(1).tolist() == [77]
    assert log.verify().ok


@settings(deadline=None, max_examples=25)
@given(st.lists(st.lists(st.booleans(), max_size=6), min_size=1, max_size=12), st.integers(0, 24))
def test_urgent_rows_have_entries_of_their_own(batches: list[list[bool]], after: int) -> None:
    """For any mask, every row is stored once, no entry is mixed, and the urgent entries form a log."""
    with tempfile.TemporaryDirectory() as folder:
        log = TelemetryLog(Path(folder) / "log.sqlite", clock=lambda: 5)
        wanted: list[tuple[int, bool]] = []
        for number, urgent in enumerate(batches):
            flags = np.array(urgent, np.bool_)
            batch = from_columns({name: np.full(len(flags), number, dtype) for name, dtype in COLUMNS})
            head = log.append(Sealed(batch, [MessageKeys([number])], flags))
            assert head == log.head()
            wanted += [(number, one) for one in urgent]
        entries = log.read(0, limit=1_000)
        stored = [(int(n), entry.priority is Priority.URGENT) for entry in entries for n in entry.batch.sensor]
        assert sorted(stored) == sorted(wanted)
        assert [entry.seq for entry in entries] == list(range(1, log.head() + 1))
        first = [entry for entry in entries if entry.priority is Priority.URGENT]
        view = log.urgent()
        assert [entry.seq for entry in view.read(after, limit=1_000)] == [e.seq for e in first if e.seq > after]
        assert view.head() == max((entry.seq for entry in first), default=0)
        assert view.wait(after, 0) == any(entry.seq > after for entry in first)
        assert log.recent_keys(100).tolist() == list(range(len(batches)))
        assert log.verify().ok
        log.close()


def detections_of(level: int) -> DetectionBatch:
    """Return one detection at a level."""
    narrow, wide = np.array([level], np.int8), np.array([level], np.int64)
    flags = np.array([False])
    return DetectionBatch(
        sensor=np.array([3], np.int32), metric=np.array([1], np.int16), phase=narrow, level=narrow, first_ns=wide,
        last_ns=wide, gateway_ns=wide, arrival_ns=wide, decided_ns=wide, score=np.array([0.5]), late=flags,
        drill=flags, rule=["r"], detector=["d"], hazard=["fire"], evidence=[{"window_s": 1.0}],
    )  # fmt: skip


def test_detections_are_read_with_their_source_and_newest_state(tmp_path: Path) -> None:
    """Entries have the position of their telemetry; the newest two saved states stay."""
    log = DetectionLog(tmp_path / "detections.db", clock=lambda: 1)
    assert (log.source("a"), log.latest_snapshot("a")) == (0, None)
    assert [log.append(detections_of(level), source=10 * level, stage="a") for level in (1, 2)] == [1, 2]
    (entry,) = log.read(1)
    assert (entry.seq, entry.source, entry.detections.level.tolist()) == (2, 20, [2])
    assert entry.detections.evidence[0]["window_s"] == 1.0
    for source in (5, 20, 8):
        log.snapshot(source, bytes([source]), stage="a")
    log.snapshot(3, b"other", stage="b")
    assert (log.latest_snapshot("a"), log.latest_snapshot("b")) == ((8, b"\x08"), (3, b"other"))
    assert (log.head(), log.source("a"), log.source("b"), log.wait(1, 0)) == (2, 20, 0, True)
    assert log.verify().ok
    with log._chain.reading() as db:
        assert db.execute("SELECT count(*) FROM states WHERE stage = 'a'").fetchone() == (2,)
    log.close()


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(Priority), max_size=12), st.integers(0, 12), st.integers(1, 5))
def test_each_lane_of_detections_is_a_log_of_its_own(written: list[Priority], after: int, limit: int) -> None:
    """Each lane has its entries in order and its own end; the chain covers both."""
    with tempfile.TemporaryDirectory() as folder:
        log = DetectionLog(Path(folder) / "detections.sqlite", clock=lambda: 1)
        for number, priority in enumerate(written, 1):
            assert log.append(detections_of(number % 3), source=7 * number, stage="a", priority=priority) == number
        assert [(entry.source, entry.priority) for entry in log.read(0)] == [
            (7 * n, p) for n, p in enumerate(written, 1)
        ]
        for priority in Priority:
            lane, mine = log.lane(priority), [n for n, one in enumerate(written, 1) if one is priority]
            assert [entry.seq for entry in lane.read(after, limit=limit)] == [n for n in mine if n > after][:limit]
            assert lane.head() == max(mine, default=0)
            assert lane.wait(after, 0) == any(n > after for n in mine)
        assert log.verify().ok
        log.close()


@settings(deadline=None, max_examples=15)
@given(st.integers(1, 60), st.integers(0, 70), st.integers(0, 400_000))
def test_retention_by_size_keeps_the_chain_and_unread_entries(entries: int, up_to: int, bytes_max: int) -> None:
    """The oldest entries are deleted down to about that size; unread ones stay; the chain verifies."""
    with tempfile.TemporaryDirectory() as folder:
        log = TelemetryLog(Path(folder) / "log.sqlite", clock=lambda: 5)
        for number in range(entries):
            log.append(sealed_of(number))
        before = log.retain(before_ns=0, up_to=up_to)
        assert before == 0
        gone = log.retain(before_ns=0, up_to=up_to, bytes_max=bytes_max)
        left = [entry.seq for entry in log.read(0, limit=1_000)]
        assert left == list(range(gone + 1, entries + 1))
        assert gone <= min(up_to, entries - 1)
        if bytes_max == 0:
            assert gone == max(0, min(up_to, entries - 1))
        assert log.verify().ok
        log.close()
