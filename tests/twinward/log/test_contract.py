"""Contract of every log: durable prefix, one order for all readers, detection of every change."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest import (
    Catalog,
    Charge,
    Count,
    Counts,
    LedgerDelta,
    LedgerEntries,
    Memory,
    MessageKeys,
    Priority,
    QuarantineChanges,
    Quarantined,
    Sealed,
    SpoolChanges,
    empty_batch,
)
from twinward.log import TelemetryLog

from .test_log import batch_of, detections_of, sealed_of

ROOT = Path(__file__).parents[3]
EDITS = (
    "UPDATE entries SET written_ns = written_ns + 1 WHERE seq = 4",
    "UPDATE entries SET source = 1 - source WHERE seq = 4",
    "UPDATE entries SET batch = 'other' WHERE seq = 4",
    "UPDATE entries SET block = (SELECT block FROM entries WHERE seq = 2) WHERE seq = 4",
    "UPDATE entries SET digest = (SELECT digest FROM entries WHERE seq = 2) WHERE seq = 4",
    "DELETE FROM entries WHERE seq = 4",
)


def test_entries_are_read_in_order_by_cursor_and_by_lane(logs: Any) -> None:
    """Positions start at 1; urgent rows come first, and are a log of their own; another opening reads the same."""
    with closing(logs.telemetry(clock=lambda: 7)) as log:
        assert (log.head(), log.read(0), log.urgent().head(), log.wait(0, 0)) == (0, [], 0, False)
        flags = np.array([True] + [False] * 19)
        assert [log.append(Sealed(batch_of(n), [MessageKeys([n])], flags)) for n in range(3)] == [2, 4, 6]
        entries = log.read(0, limit=4)
        assert [(one.seq, one.priority, len(one.batch)) for one in entries] == [
            (1, Priority.URGENT, 1), (2, Priority.ORDINARY, 19), (3, Priority.URGENT, 1), (4, Priority.ORDINARY, 19)
        ]  # fmt: skip
        assert (entries[0].written_ns, entries[0].batch.attributes) == (7, {0: {"label": "batch 0"}})
        assert [one.seq for one in log.urgent().read(1)] == [3, 5]
        assert (log.urgent().head(), log.urgent().end(), log.urgent().wait(5, 0), log.wait(5, 0)) == (5, 6, False, True)
        with closing(logs.telemetry()) as other:
            assert [one.digest for one in other.read(0)] == [one.digest for one in log.read(0)]
            assert other.tip() == log.tip()
        assert log.verify().ok


def test_an_append_wakes_the_readers_of_another_opening(logs: Any) -> None:
    """A reader that waits for ten seconds returns with the entry; without one it returns False."""
    with closing(logs.telemetry()) as log, closing(logs.telemetry()) as reader:
        found: list[bool] = []
        waiting = threading.Thread(target=lambda: found.append(reader.wait(0, 10)))
        waiting.start()
        assert not log.wait(0, 0.01)
        log.append(sealed_of(1))
        waiting.join(10)
        assert found == [True]
        assert not reader.wait(1, 0.01)


def test_facts_are_stored_with_their_batch(logs: Any) -> None:
    """Catalogue, keys, accounts, memory, ledger, spool and quarantine return the content of the batches."""
    catalog = Catalog()
    code = catalog.code("s", "door/1", "gate")
    learned = catalog.metric("wobble")
    refused = [
        Quarantined(n, f"s{n % 2}", "native", "t\0", "json", "torn", bytes([n]), b"whole", [Charge("json", 1)])
        for n in range(12)
    ]
    with closing(logs.telemetry()) as log:
        log.append(Sealed(batch_of(1), [catalog.drain_changes(), Memory({("homie", "a"): b"1", ("tts", "b"): b"2"})]))
        log.append(Sealed(empty_batch(), [QuarantineChanges(refused), LedgerDelta(1, b"one", {3: b"page"}, 0)]))
        log.append(Sealed(empty_batch(), [LedgerDelta(2, b"two", {3: b"newer"}, 1), SpoolChanges([(7, b"packed")])]))
        for number in range(50):
            log.append(sealed_of(number, keys=[-number, 1000 + number, 5]))
        log.append(Sealed(empty_batch(), [Memory({("homie", "a"): b"3", ("tts", "b"): None})]))
        loaded = Catalog()
        loaded.load(*log.catalog())
        assert (loaded[code], loaded.metric("wobble")) == (catalog[code], learned)
        assert log.memory() == [("homie", "a", b"3")]
        assert {row["rows"] for row in log.accounting()} == {1000}
        assert log.site_accounts("s", [3])[0] == [{"outcome": "stored", "reason": "", "rows": 1000}]
        assert 100 <= len(log.recent_keys(1_000)) < 103
        assert log.recent_keys(3).tolist() == [-49, 1049, 5]
        assert log.ledger_entries() == LedgerEntries([(3, 2, b"newer")], [(2, b"two")])
        spooled = log.spooled()
        assert spooled is not None
        assert (spooled.packed, log.spool_blocks()) == (b"packed", 1)
        rows = log.quarantine(100, sites=["s1", "x"], reason="json")
        assert [row["arrival_ns"] for row in rows] == [11, 9, 7, 5, 3]
        assert all(row["replayable"] for row in rows)
        assert log.quarantine(2, rows[0]["id"])[0]["arrival_ns"] == 10
        assert log.quarantine(2, sites=[]) == []
        assert log.replay(site="s0") == 5
        assert [one.arrival_ns for one in log.waiting(2)] == [2, 4]


def test_detections_have_lanes_sources_states_and_anchors(logs: Any) -> None:
    """Entries name their telemetry position; the newest two states stay; an anchor returns its state."""
    with closing(logs.detections()) as log:
        for number, lane in enumerate((Priority.URGENT, Priority.ORDINARY, Priority.URGENT), 1):
            assert log.append(detections_of(number), source=10 * number, stage="a", priority=lane) == number
        assert [(one.seq, one.source) for one in log.lane(Priority.URGENT).read(0)] == [(1, 10), (3, 30)]
        assert (log.source("a"), log.source("b"), log.before(2**62)) == (30, 0, 3)
        for source in (5, 20, 8):
            log.snapshot(source, bytes([source]), stage="a")
        assert (log.latest_snapshot("a"), log.latest_snapshot("b")) == ((8, b"\x08"), None)
        log.anchors.add("a", source=8, since=8, made_ns=1, configuration=("d", b"body"), state=b"state")
        log.anchors.add("a", source=9, since=9, made_ns=2, configuration=("d", b"body"), state=b"later")
        anchor = log.anchors.before("a", 9)
        assert anchor is not None
        assert log.anchors.state(anchor) == (b"state", b"body")
        assert log.anchors.retain(first=100, needed_ns=None, bytes_max=0) == 1
        assert log.verify().ok


def test_retention_keeps_unread_entries_and_the_last(logs: Any) -> None:
    """Age and size delete the oldest entries; the rest of the chain verifies and grows."""
    ticks = iter(range(1, 100))
    with closing(logs.telemetry(clock=lambda: next(ticks))) as log:
        for number in range(10):
            log.append(sealed_of(number))
        assert log.retain(before_ns=6, up_to=3) == 3
        assert log.retain(before_ns=6, up_to=10) == 2
        assert [one.seq for one in log.read(0)] == [6, 7, 8, 9, 10]
        assert log.retain(before_ns=0, up_to=7, bytes_max=0) == 2
        assert log.retain(before_ns=2**62, up_to=10**9) == 2
        assert (log.first(), log.append(sealed_of(1))) == (10, 11)
        report = log.verify()
        assert (report.ok, report.entries) == (True, 2)


def test_every_edit_is_found_at_its_position(logs: Any) -> None:
    """A changed or removed entry, a cut end, and a removed begin without retention are reported."""
    with closing(logs.telemetry()) as log:
        for number in range(6):
            log.append(sealed_of(number))
        kept = log.tip()
        logs.edit("CREATE TABLE saved AS SELECT * FROM entries")
        for edit in (*EDITS, "DELETE FROM entries WHERE seq > 3"):
            logs.edit(edit)
            report = log.verify()
            assert (report.ok, report.first_bad_seq) == (False, 4), edit
            logs.edit("DELETE FROM entries")
            logs.edit("INSERT INTO entries SELECT * FROM saved")
        assert log.verify(known=[kept]).ok
        assert log.verify(known=[(kept[0], "00")]).first_bad_seq == 6
        logs.edit("INSERT INTO anchor SELECT 1, seq, digest FROM entries WHERE seq = 2")
        logs.edit("DELETE FROM entries WHERE seq <= 2")
        assert log.verify().first_bad_seq == 1


def test_a_failed_append_stores_nothing(logs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error at each write of a transaction leaves neither entry nor facts; the same batch is accepted later."""
    sealed = Sealed(
        batch_of(1), [MessageKeys([1]), Counts({Count("s", "native", "stored"): 20}), Memory({("a", "b"): b"1"})]
    )
    with closing(logs.telemetry()) as log:
        for table in (log._keys, log._counts, log._memory):
            with monkeypatch.context() as patch:
                patch.setattr(table, "put", _fails)
                with pytest.raises(RuntimeError, match="at this write"):
                    log.append(sealed)
            assert (log.head(), len(log.recent_keys(9)), log.accounting(), log.memory()) == (0, 0, [], [])
        assert log.append(sealed) == 1
        assert log.verify().ok


def _fails(*_: object) -> None:
    raise RuntimeError("at this write")


def test_a_killed_writer_leaves_a_complete_prefix(logs: Any) -> None:
    """After kill -9 each acknowledged entry is there once, with its facts, and the log verifies."""
    command = [sys.executable, str(Path(__file__).with_name("log_writer.py")), *logs.arguments()]
    acknowledged = 0
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) as writer:
            assert writer.stdout is not None
            lines = [writer.stdout.readline() for _ in range(3)]
            writer.kill()
            lines += writer.stdout.read().split(b"\n")[:-1]
        acknowledged = int(lines[-1])
        with closing(logs.telemetry()) as log:
            report = log.verify()
            assert (report.ok, report.end_checked) == (True, True)
            assert log.head() == report.entries >= acknowledged
            stored = sum(row["rows"] for row in log.accounting())
            assert stored == sum(1 + number % 200 for number in range(1, log.head() + 1))
            assert log.recent_keys(1)[0] == log.head()


def test_a_reader_sees_no_part_of_a_transaction(logs: Any) -> None:
    """Both entries of a batch and its facts appear together."""
    flags = np.array([True] + [False] * 19)
    seen: list[tuple[int, int]] = []
    with closing(logs.telemetry()) as log, closing(logs.telemetry()) as reader:
        _look_inside(log, reader, seen)
        log.append(Sealed(batch_of(1), [MessageKeys([1]), Counts({Count("s", "n", "stored"): 20})], flags))
        assert seen == [(0, 0)]
        assert (reader.head(), len(reader.recent_keys(9))) == (2, 1)


def _look_inside(log: TelemetryLog, reader: TelemetryLog, seen: list[tuple[int, int]]) -> None:
    """Read from another opening between the writes of an append."""
    put = log._counts.put

    def watched(*given: Any) -> None:
        put(*given)
        seen.append((reader.head(), len(reader.recent_keys(9))))

    log._counts.put = watched  # type: ignore[method-assign] # the place between two writes
