"""Retained copies: stored once with quality RETAINED, without effect on live messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest import (
    BatchSettings,
    Catalog,
    Counts,
    Intake,
    Memory,
    MessageKeys,
    Quality,
    QuarantineChanges,
    Sealed,
    residual,
)
from ingest.decode import FOREIGN, decoders
from ingest.intake import retained

NOW_NS = 1_764_000_000_000_000_000
NOW_MS = NOW_NS // 1_000_000
DAY_MS = 86_400_000
TOPIC = b"campus/s1/smoke/a"
HOUR_NS = 3_600_000_000_000
LIVE, KEPT = 0x02, 0x01


@dataclass
class RestartableIntake:
    """An intake that restarts from its log."""

    catalog: Catalog = field(default_factory=Catalog)
    keys: list[int] = field(default_factory=list)
    memory: dict[tuple[str, str], bytes] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    now_ns: int = NOW_NS

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Start a new process."""
        self.intake = Intake(
            self.catalog,
            decoders(FOREIGN),
            batch=BatchSettings(age_s=10),
            recent_keys=self.keys,
            memory=[(*key, value) for key, value in self.memory.items()],
        )

    def accept(self, *messages: tuple[int, bytes, bytes]) -> list[tuple[float, int]]:
        """Accept and seal messages (flags, topic, payload); return value and quality of the stored readings."""
        for number, (flags, topic, payload) in enumerate(messages, 1):
            self.intake.accept([(flags, number if flags == LIVE else 0, topic, payload)], self.now_ns)
        sealed = self.intake.seal()
        if sealed is None:
            return []
        assert not any(residual(sealed.of(Counts).rows).values())
        self._keep(sealed)
        return list(zip(sealed.batch.value.tolist(), sealed.batch.quality.tolist(), strict=True))

    def _keep(self, sealed: Sealed) -> None:
        self.sealed = sealed
        self.keys += sealed.of(MessageKeys).keys
        for key, value in sealed.of(Memory).values.items():
            if value is None:
                self.memory.pop(key, None)
            else:
                self.memory[key] = value
        for count, rows in sealed.of(Counts).rows.items():
            name = count.reason or count.outcome
            self.counts[name] = self.counts.get(name, 0) + rows


def timed(value: int, at_ms: int = NOW_MS - 5_000) -> bytes:
    """Return a message with its own time."""
    return b'{"time": %d, "co": %d}' % (at_ms, value)


def bare(value: int) -> bytes:
    """Return a message without time and sequence number."""
    return b'{"co": %d}' % value


def test_a_retained_copy_is_stored_with_its_quality_and_time() -> None:
    """It has its own time, or else the arrival time; the accounts count it as retained."""
    intake = RestartableIntake()
    assert intake.accept((KEPT, TOPIC, timed(7)), (KEPT, b"campus/s1/smoke/b", bare(8))) == [
        (7, Quality.RETAINED),
        (8, Quality.RETAINED),
    ]
    assert intake.sealed.batch.time_ns.tolist() == [NOW_NS - 5_000_000_000, NOW_NS]
    assert intake.counts == {"received": 2, "stored": 2, "retained": 2}


@pytest.mark.parametrize("payload", [timed(7), bare(7), b'{"seq": 3, "co": 7}'])
def test_a_retained_copy_never_hides_the_live_message_and_is_hidden_by_it(payload: bytes) -> None:
    """Copy, live message, copy at the next connection, live message: every live message is stored."""
    intake = RestartableIntake()
    assert intake.accept((KEPT, TOPIC, payload)) == [(7, Quality.RETAINED)]
    assert intake.accept((LIVE, TOPIC, payload)) == [(7, Quality.GOOD)]
    assert intake.accept((KEPT, TOPIC, payload)) == []
    assert intake.counts["duplicate"] == 1


@pytest.mark.parametrize("payload", [timed(7), bare(7)])
def test_the_same_copy_at_every_connect_and_restart_is_a_duplicate(payload: bytes) -> None:
    """The copy is stored once; repeats are counted."""
    intake = RestartableIntake()
    intake.accept((KEPT, TOPIC, payload), (KEPT, TOPIC, payload))
    for _ in range(3):
        intake.restart()
        assert intake.accept((KEPT, TOPIC, payload)) == []
    assert (intake.counts["stored"], intake.counts["duplicate"]) == (1, 4)


def test_a_copy_of_a_logged_live_message_is_a_duplicate_after_a_restart() -> None:
    """The log has the key of the live message."""
    intake = RestartableIntake()
    intake.accept((LIVE, TOPIC, timed(7)))
    intake.restart()
    assert intake.accept((KEPT, TOPIC, timed(7))) == []


@pytest.mark.parametrize("warm", [0, 3])
def test_a_state_that_returns_after_another_is_no_duplicate(warm: int) -> None:
    """Closed as retained, opened live, closed while the service was down: the copy is the current state.

    The test runs with and without a route of the hot path.
    """
    intake = RestartableIntake()
    for number in range(warm):
        intake.accept((LIVE, TOPIC, bare(50 + number)))
    assert intake.accept((KEPT, TOPIC, bare(0))) == [(0, Quality.RETAINED)]
    assert intake.accept((LIVE, TOPIC, bare(1))) == [(1, Quality.GOOD)]
    intake.restart()
    assert intake.accept((KEPT, TOPIC, bare(0))) == [(0, Quality.RETAINED)]


def test_a_retained_bridge_state_does_not_throttle_the_live_one() -> None:
    """Zigbee2MQTT retains every state: only live messages throttle steady values."""
    topic, state = b"zigbee2mqtt/leak-1", b'{"water_leak": true, "voltage": 3000, "battery": 88, "linkquality": 9}'
    intake = RestartableIntake()
    stored = intake.accept((KEPT, topic, state))
    assert {quality for _, quality in stored} == {Quality.RETAINED}
    assert len(stored) == 4
    live = intake.accept((LIVE, topic, state.replace(b"88", b"87")))
    assert {quality for _, quality in live} == {Quality.GOOD}
    intake.now_ns += HOUR_NS
    again = intake.accept((KEPT, topic, state.replace(b"88", b"86")), (LIVE, topic, state.replace(b"88", b"85")))
    assert [quality for _, quality in again] == [Quality.RETAINED] * 4 + [Quality.GOOD] * 4


def test_retained_availability_counts() -> None:
    """Last wills and bridge states count, retained or not."""
    intake = RestartableIntake()
    assert intake.accept((KEPT, b"zigbee2mqtt/bridge/state", b'{"state": "offline"}')) == [(0, Quality.GOOD)]
    assert intake.accept((KEPT, b"zigbee2mqtt/leak-1/availability", b"online")) == [(1, Quality.GOOD)]


def test_a_retained_self_test_is_a_state() -> None:
    """It causes neither a drill nor an alarm."""
    assert RestartableIntake().accept((KEPT, TOPIC, b'{"smoke": true, "test": true}'))[0][1] == Quality.RETAINED


def test_a_copy_out_of_bounds_is_rejected_and_never_reprocessed() -> None:
    """A copy that is too old is rejected, and its rejects are not available for reprocessing."""
    intake = RestartableIntake()
    old = timed(7, NOW_MS - 400 * DAY_MS).replace(b"co", b"humidity")
    assert intake.accept((KEPT, TOPIC, old)) == []
    assert intake.counts["time_past"] == 1
    [refused] = intake.sealed.of(QuarantineChanges).rejected
    assert (refused.whole, refused.counts) == (b"", ())


def test_copies_do_not_change_the_clock_estimate() -> None:
    """Old times of copies change neither the device clock nor the times of live messages."""
    intake = RestartableIntake()
    for number in range(30):
        intake.now_ns = NOW_NS + number * 10_000_000_000
        intake.accept((KEPT, TOPIC, timed(number, intake.now_ns // 1_000_000 - 7_200_000)))
    assert intake.counts.get("clock_corrected", 0) == 0
    intake.accept((LIVE, TOPIC, timed(99, intake.now_ns // 1_000_000)))
    assert intake.sealed.batch.time_ns.tolist() == [intake.now_ns]


def test_copies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least recent copy is dropped and counted, and is stored again at its next arrival."""
    monkeypatch.setattr(retained, "TOPICS_MAX", 2)
    intake = RestartableIntake()
    topics = [b"campus/s1/smoke/%d" % number for number in range(3)]
    intake.accept(*[(KEPT, topic, timed(1)) for topic in topics])
    assert sum(owner == retained.MEMORY for owner, _ in intake.memory) == 2
    assert intake.accept((KEPT, topics[2], timed(1)), (KEPT, topics[0], timed(1))) == [(1, Quality.RETAINED)]


Step = tuple[str, int, int]  # step, topic, content
WHAT = ["live", "live", "missed", "restart", "connect"]


@settings(max_examples=200, deadline=None)
@example(
    steps=[("missed", 1, 2), ("connect", 0, 0), ("live", 1, 2), ("live", 1, 0), ("missed", 1, 2), ("connect", 0, 0)]
)
@example(steps=[("live", 1, 0), ("missed", 1, 1), ("connect", 0, 0), ("missed", 1, 0), ("connect", 0, 0)])
@given(steps=st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 1), st.integers(0, 2)), max_size=40))
def test_any_history_with_a_broker_stores_every_live_message_and_shows_the_state_at_each_connect(
    steps: Sequence[Step],
) -> None:
    """A broker retains every message, also missed ones; topic 0 carries times, topic 1 does not.

    Every live message is stored as good and no copy is; after a connection the last stored state is the broker's.
    """
    intake, held = RestartableIntake(), dict[int, tuple[bytes, int]]()
    newest: dict[int, float] = {}
    live = stored = 0
    for clock, (what, place, content) in enumerate(steps):
        topic = b"campus/s1/smoke/%d" % place
        message = timed(content, NOW_MS - 1_000_000 + clock) if place == 0 else bare(content)
        if what == "restart":
            intake.restart()
        elif what == "connect":
            for there, (body, value) in held.items():
                got = intake.accept((KEPT, b"campus/s1/smoke/%d" % there, body))
                assert all(quality == Quality.RETAINED for _, quality in got)
                newest[there] = got[-1][0] if got else newest[there]
                assert newest[there] == value
        else:
            held[place] = message, content
            if what == "live":
                got = intake.accept((LIVE, topic, message))
                live, stored = live + 1, stored + sum(quality == Quality.GOOD for _, quality in got)
                newest[place] = float(content)
    assert stored == live
