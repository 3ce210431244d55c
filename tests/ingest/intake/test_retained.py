"""Copies that the broker kept: stored as a state of their own quality, once, and never in the way of a live message."""

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
class Door:
    """An intake that is started anew from its log."""

    catalog: Catalog = field(default_factory=Catalog)
    keys: list[int] = field(default_factory=list)
    memory: dict[tuple[str, str], bytes] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    now_ns: int = NOW_NS

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A new process."""
        self.intake = Intake(
            self.catalog,
            decoders(FOREIGN),
            batch=BatchSettings(age_s=10),
            recent_keys=self.keys,
            memory=[(*key, value) for key, value in self.memory.items()],
        )

    def accept(self, *messages: tuple[int, bytes, bytes]) -> list[tuple[float, int]]:
        """Messages (flags, topic, payload), sealed; value and quality of what is stored of them."""
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
    """A message that carries its own time."""
    return b'{"time": %d, "co": %d}' % (at_ms, value)


def bare(value: int) -> bytes:
    """A message that carries neither time nor number."""
    return b'{"co": %d}' % value


def test_a_kept_copy_is_stored_under_its_own_quality_and_time() -> None:
    """Its own time where it has one, arrival where not; told in the accounts as what it is."""
    door = Door()
    assert door.accept((KEPT, TOPIC, timed(7)), (KEPT, b"campus/s1/smoke/b", bare(8))) == [
        (7, Quality.RETAINED),
        (8, Quality.RETAINED),
    ]
    assert door.sealed.batch.time_ns.tolist() == [NOW_NS - 5_000_000_000, NOW_NS]
    assert door.counts == {"received": 2, "stored": 2, "retained": 2}


@pytest.mark.parametrize("payload", [timed(7), bare(7), b'{"seq": 3, "co": 7}'])
def test_a_kept_copy_never_hides_the_live_message_and_is_hidden_by_it(payload: bytes) -> None:
    """The copy first, the live message after it, the copy again at the next connect, the live one again."""
    door = Door()
    assert door.accept((KEPT, TOPIC, payload)) == [(7, Quality.RETAINED)]
    assert door.accept((LIVE, TOPIC, payload)) == [(7, Quality.GOOD)]
    assert door.accept((KEPT, TOPIC, payload)) == []
    assert door.counts["duplicate"] == 1


@pytest.mark.parametrize("payload", [timed(7), bare(7)])
def test_the_same_copy_at_every_connect_and_restart_is_a_duplicate(payload: bytes) -> None:
    """Stored once; what follows is counted."""
    door = Door()
    door.accept((KEPT, TOPIC, payload), (KEPT, TOPIC, payload))
    for _ in range(3):
        door.restart()
        assert door.accept((KEPT, TOPIC, payload)) == []
    assert (door.counts["stored"], door.counts["duplicate"]) == (1, 4)


def test_a_live_message_with_a_time_is_known_again_as_a_copy_after_a_restart() -> None:
    """Its key stands in the log."""
    door = Door()
    door.accept((LIVE, TOPIC, timed(7)))
    door.restart()
    assert door.accept((KEPT, TOPIC, timed(7))) == []


@pytest.mark.parametrize("warm", [0, 3])
def test_a_state_that_comes_back_after_another_is_no_repetition(warm: int) -> None:
    """Closed as kept, opened live, closed while the service was away: the copy tells the state as it is now.

    With and without a hot path that knew the topic before.
    """
    door = Door()
    for number in range(warm):
        door.accept((LIVE, TOPIC, bare(50 + number)))
    assert door.accept((KEPT, TOPIC, bare(0))) == [(0, Quality.RETAINED)]
    assert door.accept((LIVE, TOPIC, bare(1))) == [(1, Quality.GOOD)]
    door.restart()
    assert door.accept((KEPT, TOPIC, bare(0))) == [(0, Quality.RETAINED)]


def test_a_whole_state_of_a_bridge_is_a_state_and_its_live_copy_is_told_in_full() -> None:
    """Zigbee2MQTT keeps every state: steady values are thinned out of live messages only, and not because of a copy."""
    topic, state = b"zigbee2mqtt/leak-1", b'{"water_leak": true, "voltage": 3000, "battery": 88, "linkquality": 9}'
    door = Door()
    told = door.accept((KEPT, topic, state))
    assert {quality for _, quality in told} == {Quality.RETAINED}
    assert len(told) == 4
    live = door.accept((LIVE, topic, state.replace(b"88", b"87")))
    assert {quality for _, quality in live} == {Quality.GOOD}
    door.now_ns += HOUR_NS
    again = door.accept((KEPT, topic, state.replace(b"88", b"86")), (LIVE, topic, state.replace(b"88", b"85")))
    assert [quality for _, quality in again] == [Quality.RETAINED] * 4 + [Quality.GOOD] * 4


def test_availability_that_is_kept_works_as_ever() -> None:
    """Last wills and the state of a bridge are news, kept or not."""
    door = Door()
    assert door.accept((KEPT, b"zigbee2mqtt/bridge/state", b'{"state": "offline"}')) == [(0, Quality.GOOD)]
    assert door.accept((KEPT, b"zigbee2mqtt/leak-1/availability", b"online")) == [(1, Quality.GOOD)]


def test_a_kept_self_test_is_a_state_like_any_other() -> None:
    """Neither a drill nor an alarm comes of it."""
    assert Door().accept((KEPT, TOPIC, b'{"smoke": true, "test": true}'))[0][1] == Quality.RETAINED


def test_a_copy_out_of_bounds_is_refused_and_never_taken_in_as_news() -> None:
    """Too old is too old; what is refused of it is not among the messages that can be taken in again."""
    door = Door()
    assert door.accept((KEPT, TOPIC, timed(7, NOW_MS - 400 * DAY_MS))) == []
    assert door.counts["time_past"] == 1
    [refused] = door.sealed.of(QuarantineChanges).rejected
    assert (refused.whole, refused.counts) == (b"", ())


def test_a_copy_teaches_no_clock() -> None:
    """Old times by the dozen leave the device's clock alone, and its live messages where they belong."""
    door = Door()
    for number in range(30):
        door.now_ns = NOW_NS + number * 10_000_000_000
        door.accept((KEPT, TOPIC, timed(number, door.now_ns // 1_000_000 - 7_200_000)))
    assert door.counts.get("clock_corrected", 0) == 0
    door.accept((LIVE, TOPIC, timed(99, door.now_ns // 1_000_000)))
    assert door.sealed.batch.time_ns.tolist() == [door.now_ns]


def test_copies_are_remembered_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that spoke longest ago goes, is counted, and is stored once more when it comes again."""
    monkeypatch.setattr(retained, "TOPICS_MAX", 2)
    door = Door()
    topics = [b"campus/s1/smoke/%d" % number for number in range(3)]
    door.accept(*[(KEPT, topic, timed(1)) for topic in topics])
    assert len(door.memory) == 2
    assert door.accept((KEPT, topics[2], timed(1)), (KEPT, topics[0], timed(1))) == [(1, Quality.RETAINED)]


Step = tuple[str, int, int]  # what happens, topic, content
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
    """A broker keeps every message, also those that the service missed: topic 0 carries times, topic 1 does not.

    Every live message is stored as good, no copy is; after a connect what was stored last is what the broker holds.
    """
    door, held = Door(), dict[int, tuple[bytes, int]]()
    newest: dict[int, float] = {}
    live = stored = 0
    for clock, (what, place, content) in enumerate(steps):
        topic = b"campus/s1/smoke/%d" % place
        message = timed(content, NOW_MS - 1_000_000 + clock) if place == 0 else bare(content)
        if what == "restart":
            door.restart()
        elif what == "connect":
            for there, (body, value) in held.items():
                got = door.accept((KEPT, b"campus/s1/smoke/%d" % there, body))
                assert all(quality == Quality.RETAINED for _, quality in got)
                newest[there] = got[-1][0] if got else newest[there]
                assert newest[there] == value
        else:
            held[place] = message, content
            if what == "live":
                got = door.accept((LIVE, topic, message))
                live, stored = live + 1, stored + sum(quality == Quality.GOOD for _, quality in got)
                newest[place] = float(content)
    assert stored == live
