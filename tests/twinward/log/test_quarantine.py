"""Reprocessing of quarantined messages through the intake and a real log; the accounts balance."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import BatchSettings, Catalog, Intake, IntakeSettings, Ledger
from twinward.log import TelemetryLog
from twinward.log.facts.quarantine import WHOLE_BYTES_MAX

NOW_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
TOPICS = (b"campus/s/env/a", b"campus/s/env/b", b"x/y", b"campus/s/zoo/a")
Frame = tuple[int, int, bytes, bytes]


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TelemetryLog]:
    """Open a log on disk."""
    found = TelemetryLog(tmp_path / "telemetry.sqlite", clock=lambda: NOW_NS)
    yield found
    found.close()


def send(log: TelemetryLog, door: Intake, frames: list[Frame], at_ns: int = NOW_NS) -> None:
    """Accept messages and store the batch."""
    door.accept(frames, at_ns)
    sealed = door.seal()
    if sealed is not None:
        log.append(sealed)


def again(log: TelemetryLog, door: Intake) -> int:
    """Reprocess all requested messages. Return the number of rounds."""
    rounds = 0
    while waiting := log.waiting(limit=7):
        door.replay(waiting)
        sealed = door.seal()
        assert sealed is not None
        log.append(sealed)
        rounds += 1
        assert rounds < 100
    return rounds


def account_rows(log: TelemetryLog) -> dict[str, int]:
    """Return the accounts by outcome, rejects by reason."""
    sums: Counter[str] = Counter()
    for row in log.accounting():
        sums[row["reason"] or row["outcome"]] += row["rows"]
    return {name: rows for name, rows in sums.items() if rows}


def balanced(log: TelemetryLog) -> bool:
    """Return whether received equals stored, duplicate and quarantined."""
    sums = {"received": 0, "stored": 0, "duplicate": 0, "quarantined": 0, "notice": 0}
    for row in log.accounting():
        sums[row["outcome"]] += row["rows"]
    return sums["received"] == sums["stored"] + sums["duplicate"] + sums["quarantined"]


def test_sensors_beyond_the_limit_are_reprocessed_after_it_is_raised(log: TelemetryLog) -> None:
    """A full catalogue rejects; a larger one, after a restart, accepts the same messages with their arrival."""
    door = Intake(Catalog(sensors_max=3), batch=BatchSettings(age_s=10))
    frames = [(0, 0, b"campus/s/env/e%d" % n, b'{"temperature": %d, "humidity": 40}' % n) for n in range(10)]
    send(log, door, frames)
    assert account_rows(log) == {"received": 20, "stored": 4, "sensor_limit": 16}
    larger = Catalog()
    larger.load(*log.catalog())
    kept = {"recent_keys": log.recent_keys(1000), "ledger": Ledger(log.ledger_entries())}
    fresh = Intake(larger, batch=BatchSettings(age_s=10), **kept)
    assert log.replay(reason="sensor_limit", site="other") == 0
    assert log.replay(reason="sensor_limit") == 8
    assert again(log, fresh) == 2
    assert account_rows(log) == {"received": 20, "stored": 20, "replayed": 8}
    assert log.quarantine(100) == []
    assert {int(ns) for entry in log.read(0) for ns in entry.batch.arrival_ns} == {NOW_NS}
    assert log.verify().ok


def test_a_message_that_fails_again_is_reprocessed_once(log: TelemetryLog) -> None:
    """It is rejected again, counted once, and not requested again."""
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    send(log, door, [(0, 0, b"campus/s/env/a", b'{"time": 5, "humidity": 1}'), (0, 0, b"elsewhere/x", b"1")])
    assert account_rows(log) == {"received": 2, "time_past": 1, "topic": 1}
    assert log.replay() == 2
    assert again(log, door) == 1
    assert account_rows(log) == {"received": 2, "time_past": 1, "topic": 1, "replayed": 2}
    assert [row["replayable"] for row in log.quarantine(10)] == [True, True]


def test_sites_select_before_the_limit(log: TelemetryLog) -> None:
    """Messages of other sites take no place of the limit; no site selects nothing, None selects all."""
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    send(log, door, [(0, 0, b"campus/s%d/env/a" % (n % 3), b'{"time": 5, "humidity": %d}' % n) for n in range(9)])
    assert [row["site"] for row in log.quarantine(3, sites=["s1"])] == ["s1"] * 3
    assert {row["site"] for row in log.quarantine(9, sites=["s0", "s2", "it's"])} == {"s0", "s2"}
    assert log.quarantine(9, sites=[]) == []
    assert len(log.quarantine(100)) == 9


def test_a_message_with_one_bad_value_is_a_sample_only(log: TelemetryLog) -> None:
    """Its valid values are stored: reprocessing the whole message would store them twice."""
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    array = b'[{"time": %d, "humidity": 1}, {"time": 5, "humidity": 2}]' % (NOW_NS // 1_000_000)
    send(log, door, [(0, 0, b"campus/s/env/a", array), (0, 0, b"campus/s/env/a", b'{"co": 1')])
    assert account_rows(log) == {"received": 3, "stored": 1, "time_past": 1, "json": 1}
    assert [row["replayable"] for row in log.quarantine(10)] == [False, False]
    assert log.replay() == 0


def test_an_estimated_clock_reprocesses_its_first_readings(log: TelemetryLog) -> None:
    """A clock of 1970: readings rejected before the estimate are stored at their measuring times."""
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    for step in range(8):
        payload = b'{"time": %d, "humidity": %d}' % (10_000 * step + 7, step)
        send(log, door, [(0, 0, b"campus/s/smoke/a", payload)], NOW_NS + 10 * step * SECOND_NS)
        again(log, door)
    batches = [entry.batch for entry in log.read(0)]
    stored = sorted(
        pair for batch in batches for pair in zip(batch.time_ns.tolist(), batch.value.tolist(), strict=True)
    )
    assert [value for _, value in stored] == list(range(8))
    assert all(abs(at - (NOW_NS + 10 * step * SECOND_NS)) < SECOND_NS for step, (at, _) in enumerate(stored))
    assert account_rows(log) == {"received": 8, "stored": 8, "clock_corrected": 8, "replayed": 3}


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(TOPICS), max_size=30), st.data())
def test_accounts_balance_for_any_replay(topics: list[bytes], data: st.DataObject) -> None:
    """For any messages, requests and order the accounts balance and the quarantine does not grow."""
    with tempfile.TemporaryDirectory() as folder:
        own = TelemetryLog(Path(folder) / "log.sqlite", clock=lambda: NOW_NS)
        door = Intake(Catalog(sensors_max=2), settings=IntakeSettings(), batch=BatchSettings(age_s=10))
        for number, topic in enumerate(topics):
            time_ms = data.draw(st.sampled_from([5, NOW_NS // 1_000_000 + number, NOW_NS // 1_000_000]))
            send(own, door, [(0, 0, topic, b'{"time": %d, "co": 1}' % time_ms)])
            if data.draw(st.booleans()):
                own.replay(reason=data.draw(st.sampled_from([None, "time_past", "sensor_limit"])))
                again(own, door)
            assert balanced(own)
        received = account_rows(own).get("received", 0)
        assert received == len(topics)
        own.close()


def test_whole_messages_are_bounded_by_bytes(log: TelemetryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound on bytes the oldest whole messages become samples."""
    monkeypatch.setattr("twinward.log.facts.quarantine.WHOLE_BYTES_MAX", 1_000)
    assert WHOLE_BYTES_MAX == 64 << 20
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    for number in range(10):
        send(log, door, [(0, 0, b"elsewhere/%d" % number, b"x" * 300)])
    assert [row["replayable"] for row in log.quarantine(20)] == [True] * 3 + [False] * 7
