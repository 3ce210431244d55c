"""Overload spool: only comfort readings wait, in order, and none is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import METRIC_BY_NAME, Catalog, Counts, Intake, Sealed, SpoolChanges, Spooled
from ingest.intake.spool import Spool, pack, unpack

NOW_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
COMFORT, SMOKE = b"campus/s/env/room", b"campus/s/smoke/a"
BACKLOG = METRIC_BY_NAME["backlog"].code
frames = st.lists(st.tuples(st.integers(0, 0x3FF), st.integers(0, 65_535), st.binary(max_size=40), st.binary()))


@given(frames)
def test_a_block_round_trips_its_messages(messages: list[tuple[int, int, bytes, bytes]]) -> None:
    """Flags, packet ids, topics and payloads of any bytes round-trip."""
    assert unpack(pack(messages)) == messages


@given(st.binary(max_size=60))
def test_damaged_bytes_are_rejected(junk: bytes) -> None:
    """Any damage raises one kind of error."""
    with pytest.raises(ValueError, match="block"):
        unpack(junk)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=5), max_size=8), st.data())
def test_every_message_leaves_once_in_order(chunks: list[list[bool]], data: st.DataObject) -> None:
    """Comfort messages leave the blocks in order of arrival; others pass immediately."""
    spool, log, numbers = Spool(), dict[int, Spooled](), iter(range(1, 1_000))
    at_once: list[int] = []
    waited: list[int] = []
    sent = 0
    for chunk in chunks:
        delays = [(0, number, b"w" if waits else b"n", b"") for number, waits in enumerate(chunk, sent)]
        sent += len(chunk)
        at_once += [frame[1] for frame in spool.divert(delays, sent, lambda topic: topic == b"w")]
        if data.draw(st.booleans()):
            changes = spool.drain()
            for arrival_ns, packed in changes.added:
                number = next(numbers)
                log[number] = Spooled(number, arrival_ns, packed)
            for number in changes.removed:
                del log[number]
        if data.draw(st.booleans()) and (ready := [block for block in log.values() if block.id > spool.taken_id]):
            waited += [frame[1] for frame in spool.unpack(ready[0])]
    for arrival_ns, packed in spool.drain().added:
        number = next(numbers)
        log[number] = Spooled(number, arrival_ns, packed)
    for block in [block for block in log.values() if block.id > spool.taken_id]:
        waited += [frame[1] for frame in spool.unpack(block)]
    flat = [waits for chunk in chunks for waits in chunk]
    assert waited == [number for number, waits in enumerate(flat) if waits]
    assert at_once == [number for number, waits in enumerate(flat) if not waits]
    assert spool.waiting == 0


def overloaded() -> tuple[Intake, Sealed]:
    """Return an intake with a room and a smoke detector, and its first batch under overload with both."""
    intake = Intake(Catalog())
    for topic in (COMFORT, SMOKE):
        intake.accept([(0x30, 0, topic, b'{"time": 1789999999000, "temperature": 20}')], NOW_NS)
    intake.seal()
    messages = [(0x30, 0, COMFORT, b'{"time": 1789999999500, "temperature": 21}')]
    messages += [(0x30, 0, SMOKE, b'{"time": 1789999999500, "smoke": true}'), (0x30, 0, b"campus/s/env/new", b"{}")]
    intake.accept(messages, NOW_NS, behind=True)
    sealed = intake.seal()
    assert sealed is not None
    return intake, sealed


def test_smoke_and_unknown_names_do_not_wait() -> None:
    """Under overload the batch has the smoke reading and the new name; the comfort message is spooled."""
    _, sealed = overloaded()
    assert sealed.batch.value.tolist() == [1.0]
    assert sealed.urgent.tolist() == [True]
    assert {count.reason for count in sealed.of(Counts).rows if count.outcome == "quarantined"} == {"empty"}
    [(arrival_ns, packed)] = sealed.of(SpoolChanges).added
    assert arrival_ns == NOW_NS
    assert [frame[2] for frame in unpack(packed)] == [COMFORT]


def test_spooled_messages_are_stored_unchanged_and_dropped_with_their_batch() -> None:
    """Spooled messages keep their times; later comfort messages queue behind them."""
    intake, sealed = overloaded()
    intake.accept([(0x30, 0, COMFORT, b'{"time": 1790000001000, "temperature": 22}')], NOW_NS + SECOND_NS)
    queued = intake.seal()
    assert queued is not None
    assert len(queued.batch) == 0
    for number, (arrival_ns, packed) in enumerate([*sealed.of(SpoolChanges).added, *queued.of(SpoolChanges).added], 1):
        intake.resume(Spooled(number, arrival_ns, packed), NOW_NS + 9 * SECOND_NS)
    taken = intake.seal()
    assert taken is not None
    assert taken.batch.value.tolist() == [21.0, 22.0]
    assert taken.batch.arrival_ns.tolist() == [NOW_NS, NOW_NS + SECOND_NS]
    assert (taken.of(SpoolChanges).removed, intake.spool.waiting) == ([1, 2], 0)
    intake.accept([(0x30, 0, COMFORT, b'{"time": 1790000002000, "temperature": 23}')], NOW_NS + 10 * SECOND_NS)
    direct = intake.seal()
    assert direct is not None
    assert direct.batch.value.tolist() == [23.0]


def test_ticks_report_the_delay_of_comfort_readings() -> None:
    """Ticks report the delay while messages wait, and one zero afterwards."""
    intake, sealed = overloaded()
    delays = []
    for second in (2, 5):
        intake.tick(NOW_NS + second * SECOND_NS)
    delays.append(backlog(intake))
    intake.resume(Spooled(1, *sealed.of(SpoolChanges).added[0]), NOW_NS + 6 * SECOND_NS)
    for second in (7, 8):
        intake.tick(NOW_NS + second * SECOND_NS)
    delays.append(backlog(intake))
    assert delays == [[2.0, 5.0], [0.0]]


def backlog(intake: Intake) -> list[float]:
    """Return the reported delays since the last seal."""
    sealed = intake.seal()
    assert sealed is not None
    values: list[float] = sealed.batch.value[sealed.batch.metric == BACKLOG].tolist()
    return values


def test_a_damaged_block_is_counted_and_blocks_nothing() -> None:
    """A damaged block is one counted reject; later messages are accepted."""
    intake, _ = overloaded()
    intake.resume(Spooled(1, NOW_NS, b"junk"), NOW_NS)
    sealed = intake.seal()
    assert sealed is not None
    assert {count.reason for count in sealed.of(Counts).rows} == {"", "internal"}
    assert (sealed.of(SpoolChanges).removed, intake.spool.waiting, intake.internal_total) == ([1], 0, 1)
