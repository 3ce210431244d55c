"""Messages that wait under overload: the comfort readings alone, in their order, and nothing of them is lost."""

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
def test_a_block_gives_back_its_messages(messages: list[tuple[int, int, bytes, bytes]]) -> None:
    """Flags, packet ids, topics and payloads, whatever the bytes."""
    assert unpack(pack(messages)) == messages


@given(st.binary(max_size=60))
def test_what_is_no_block_is_refused(rubbish: bytes) -> None:
    """One kind of error, whatever the disk did."""
    with pytest.raises(ValueError, match="block"):
        unpack(rubbish)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=5), max_size=8), st.data())
def test_every_message_leaves_once_in_order(chunks: list[list[bool]], data: st.DataObject) -> None:
    """What may wait comes out of the blocks in the order in which it came, what may not comes at once."""
    spool, log, numbers = Spool(), dict[int, Spooled](), iter(range(1, 1_000))
    at_once: list[int] = []
    waited: list[int] = []
    sent = 0
    for chunk in chunks:
        told = [(0, number, b"w" if waits else b"n", b"") for number, waits in enumerate(chunk, sent)]
        sent += len(chunk)
        at_once += [frame[1] for frame in spool.divert(told, sent, lambda topic: topic == b"w")]
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
    """A door that knows a room and a smoke detector, and its first batch under overload: one message of each."""
    door = Intake(Catalog())
    for topic in (COMFORT, SMOKE):
        door.accept([(0x30, 0, topic, b'{"time": 1789999999000, "temperature": 20}')], NOW_NS)
    door.seal()
    says = [(0x30, 0, COMFORT, b'{"time": 1789999999500, "temperature": 21}')]
    says += [(0x30, 0, SMOKE, b'{"time": 1789999999500, "smoke": true}'), (0x30, 0, b"campus/s/env/new", b"{}")]
    door.accept(says, NOW_NS, behind=True)
    sealed = door.seal()
    assert sealed is not None
    return door, sealed


def test_smoke_and_whatever_is_not_known_does_not_wait() -> None:
    """Under overload: the smoke reading is in the batch, the new name is judged, the comfort reading is kept whole."""
    _, sealed = overloaded()
    assert sealed.batch.value.tolist() == [1.0]
    assert sealed.urgent.tolist() == [True]
    assert {count.reason for count in sealed.of(Counts).rows if count.outcome == "quarantined"} == {"empty"}
    [(arrival_ns, packed)] = sealed.of(SpoolChanges).added
    assert arrival_ns == NOW_NS
    assert [frame[2] for frame in unpack(packed)] == [COMFORT]


def test_what_waited_is_stored_as_it_came_and_forgotten_with_its_batch() -> None:
    """Taken in later, under its own times; until then all that comes of its kind queues behind it."""
    door, sealed = overloaded()
    door.accept([(0x30, 0, COMFORT, b'{"time": 1790000001000, "temperature": 22}')], NOW_NS + SECOND_NS)
    queued = door.seal()
    assert queued is not None
    assert len(queued.batch) == 0
    for number, (arrival_ns, packed) in enumerate([*sealed.of(SpoolChanges).added, *queued.of(SpoolChanges).added], 1):
        door.resume(Spooled(number, arrival_ns, packed), NOW_NS + 9 * SECOND_NS)
    taken = door.seal()
    assert taken is not None
    assert taken.batch.value.tolist() == [21.0, 22.0]
    assert taken.batch.arrival_ns.tolist() == [NOW_NS, NOW_NS + SECOND_NS]
    assert (taken.of(SpoolChanges).removed, door.spool.waiting) == ([1, 2], 0)
    door.accept([(0x30, 0, COMFORT, b'{"time": 1790000002000, "temperature": 23}')], NOW_NS + 10 * SECOND_NS)
    direct = door.seal()
    assert direct is not None
    assert direct.batch.value.tolist() == [23.0]


def test_ticks_tell_how_long_comfort_readings_wait() -> None:
    """For as long as something waits, and once more when nothing does."""
    door, sealed = overloaded()
    told = []
    for second in (2, 5):
        door.tick(NOW_NS + second * SECOND_NS)
    told.append(backlog(door))
    door.resume(Spooled(1, *sealed.of(SpoolChanges).added[0]), NOW_NS + 6 * SECOND_NS)
    for second in (7, 8):
        door.tick(NOW_NS + second * SECOND_NS)
    told.append(backlog(door))
    assert told == [[2.0, 5.0], [0.0]]


def backlog(door: Intake) -> list[float]:
    """What the service told since the last seal."""
    sealed = door.seal()
    assert sealed is not None
    values: list[float] = sealed.batch.value[sealed.batch.metric == BACKLOG].tolist()
    return values


def test_a_damaged_block_is_told_and_holds_up_nothing() -> None:
    """One counted reject; what comes behind it is taken in."""
    door, _ = overloaded()
    door.resume(Spooled(1, NOW_NS, b"rubbish"), NOW_NS)
    sealed = door.seal()
    assert sealed is not None
    assert {count.reason for count in sealed.of(Counts).rows} == {"", "internal"}
    assert (sealed.of(SpoolChanges).removed, door.spool.waiting, door.internal_total) == ([1], 0, 1)
