"""Refused messages, taken in again once their cause is mended: through the intake and a real log; accounts hold."""

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
    """A log on the disk."""
    found = TelemetryLog(tmp_path / "telemetry.sqlite", clock=lambda: NOW_NS)
    yield found
    found.close()


def send(log: TelemetryLog, door: Intake, frames: list[Frame], at_ns: int = NOW_NS) -> None:
    """Messages, and what waits to be taken in again, into the log."""
    door.accept(frames, at_ns)
    sealed = door.seal()
    if sealed is not None:
        log.append(sealed)


def again(log: TelemetryLog, door: Intake) -> int:
    """Take in what waits, until nothing does; how many rounds it took."""
    rounds = 0
    while waiting := log.waiting(limit=7):
        door.replay(waiting)
        sealed = door.seal()
        assert sealed is not None
        log.append(sealed)
        rounds += 1
        assert rounds < 100
    return rounds


def told(log: TelemetryLog) -> dict[str, int]:
    """The accounts by outcome, refusals by reason."""
    sums: Counter[str] = Counter()
    for row in log.accounting():
        sums[row["reason"] or row["outcome"]] += row["rows"]
    return {name: rows for name, rows in sums.items() if rows}


def balanced(log: TelemetryLog) -> bool:
    """Received is stored, duplicate and quarantined."""
    sums = {"received": 0, "stored": 0, "duplicate": 0, "quarantined": 0, "notice": 0}
    for row in log.accounting():
        sums[row["outcome"]] += row["rows"]
    return sums["received"] == sums["stored"] + sums["duplicate"] + sums["quarantined"]


def test_sensors_beyond_the_limit_are_kept_and_come_back(log: TelemetryLog) -> None:
    """A full catalogue refuses; a larger one, after a restart, takes the same messages, at their own arrival."""
    door = Intake(Catalog(sensors_max=3), batch=BatchSettings(age_s=10))
    frames = [(0, 0, b"campus/s/env/e%d" % n, b'{"temperature": %d, "humidity": 40}' % n) for n in range(10)]
    send(log, door, frames)
    assert told(log) == {"received": 20, "stored": 4, "sensor_limit": 16}
    larger = Catalog()
    larger.load(*log.catalog())
    kept = {"recent_keys": log.recent_keys(1000), "ledger": Ledger(log.ledger_entries())}
    fresh = Intake(larger, batch=BatchSettings(age_s=10), **kept)
    assert log.replay(reason="sensor_limit", site="other") == 0
    assert log.replay(reason="sensor_limit") == 8
    assert again(log, fresh) == 2
    assert told(log) == {"received": 20, "stored": 20, "replayed": 8}
    assert log.quarantine(100) == []
    assert {int(ns) for entry in log.read(0) for ns in entry.batch.arrival_ns} == {NOW_NS}
    assert log.verify().ok


def test_what_is_still_wrong_comes_back_once(log: TelemetryLog) -> None:
    """Replayed in vain: refused anew, counted once, and asked for no further."""
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    send(log, door, [(0, 0, b"campus/s/env/a", b'{"time": 5, "co": 1}'), (0, 0, b"elsewhere/x", b"1")])
    assert told(log) == {"received": 2, "time_past": 1, "topic": 1}
    assert log.replay() == 2
    assert again(log, door) == 1
    assert told(log) == {"received": 2, "time_past": 1, "topic": 1, "replayed": 2}
    assert [row["replayable"] for row in log.quarantine(10)] == [True, True]


def test_a_message_with_one_bad_value_is_a_sample_only(log: TelemetryLog) -> None:
    """What was taken of it is stored: taking the whole message again would store it twice."""
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    array = b'[{"time": %d, "co": 1}, {"time": 5, "co": 2}]' % (NOW_NS // 1_000_000)
    send(log, door, [(0, 0, b"campus/s/env/a", array), (0, 0, b"campus/s/env/a", b'{"co": 1')])
    assert told(log) == {"received": 3, "stored": 1, "time_past": 1, "json": 1}
    assert [row["replayable"] for row in log.quarantine(10)] == [False, False]
    assert log.replay() == 0


def test_a_clock_once_known_brings_its_first_readings_back(log: TelemetryLog) -> None:
    """Begun again in 1970: what was refused until the clock was known is stored when it was measured."""
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    for step in range(8):
        payload = b'{"time": %d, "co": %d}' % (10_000 * step + 7, step)
        send(log, door, [(0, 0, b"campus/s/smoke/a", payload)], NOW_NS + 10 * step * SECOND_NS)
        again(log, door)
    batches = [entry.batch for entry in log.read(0)]
    stored = sorted(
        pair for batch in batches for pair in zip(batch.time_ns.tolist(), batch.value.tolist(), strict=True)
    )
    assert [value for _, value in stored] == list(range(8))
    assert all(abs(at - (NOW_NS + 10 * step * SECOND_NS)) < SECOND_NS for step, (at, _) in enumerate(stored))
    assert told(log) == {"received": 8, "stored": 8, "clock_corrected": 8, "replayed": 3}


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(TOPICS), max_size=30), st.data())
def test_accounts_hold_whatever_is_replayed(topics: list[bytes], data: st.DataObject) -> None:
    """Any messages, any requests, any order: received is always stored, duplicate and quarantined; nothing grows."""
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
        received = told(own).get("received", 0)
        assert received == len(topics)
        own.close()


def test_whole_messages_are_bounded_by_bytes(log: TelemetryLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest become samples when those kept whole are too many bytes."""
    monkeypatch.setattr("twinward.log.facts.quarantine.WHOLE_BYTES_MAX", 1_000)
    assert WHOLE_BYTES_MAX == 64 << 20
    door = Intake(Catalog(), batch=BatchSettings(age_s=10))
    for number in range(10):
        send(log, door, [(0, 0, b"elsewhere/%d" % number, b"x" * 300)])
    assert [row["replayable"] for row in log.quarantine(20)] == [True] * 3 + [False] * 7
