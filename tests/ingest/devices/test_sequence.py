"""Running numbers over restarts of the service: what is told is what it would be without any."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    BatchSettings,
    Catalog,
    Intake,
    Ledger,
    LedgerDelta,
    LedgerEntries,
    MessageKeys,
    QuarantineChanges,
    Sealed,
    Waiting,
)
from ingest.devices.gaps import GRACE_NS, SEQ_MAX

SECOND_NS = 1_000_000_000
NOW_NS = 1_788_000_000 * SECOND_NS
KINDS = ("smoke", "env", "camera")
Message = tuple[str, int]  # topic, running number
Frame = tuple[int, int, bytes, bytes]


@dataclass
class Durable:
    """What a log would hold, and the gaps that stand in it: sensor -> messages."""

    catalog: Catalog = field(default_factory=Catalog)
    keys: list[int] = field(default_factory=list)
    pages: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    added: dict[int, bytes] = field(default_factory=dict)
    told: Counter[str] = field(default_factory=Counter)

    def door(self) -> Intake:
        """A process that begins with what is durable."""
        catalog = Catalog()
        catalog.load(list(self.catalog), [])
        self.catalog = catalog
        batch = BatchSettings(age_s=10)
        ledger = Ledger(LedgerEntries([(page, *told) for page, told in self.pages.items()], sorted(self.added.items())))
        return Intake(catalog, batch=batch, recent_keys=self.keys, ledger=ledger)

    def append(self, sealed: Sealed | None) -> None:
        """A batch in the log."""
        if sealed is None:
            return
        self.keys += sealed.of(MessageKeys).keys
        if sealed.of(LedgerDelta):
            delta = sealed.of(LedgerDelta)
            self.pages |= {page: (delta.number, standing) for page, standing in delta.pages.items()}
            self.added = {n: added for n, added in self.added.items() if n > delta.settled} | {
                delta.number: delta.added
            }
        gaps = sealed.batch.metric == self.catalog.metric("data_gap").code
        for code, value in zip(sealed.batch.sensor[gaps].tolist(), sealed.batch.value[gaps].tolist(), strict=True):
            self.told[self.catalog[code].id] += int(value)


def frame(topic: str, seq: int, *, dup: bool = False) -> Frame:
    """A message with its own time and running number."""
    metric = "blind" if "/camera/" in topic else "temperature"
    payload = json.dumps({"time": NOW_NS // 1_000_000 + seq, "seq": seq, metric: seq % 2})
    return 0x02 | 0x08 * dup, 1, topic.encode(), payload.encode()


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Message], Counter[str]]:
    """Messages as they come (each up to 4 places late, some twice) and how many of each sensor never do."""
    messages, lost = list[tuple[int, Message]](), Counter[str]()
    for sensor in ("a", "b"):
        for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=2, unique=True)):
            topic, base = f"campus/s/{kind}/{sensor}", draw(st.integers(0, 10**6))
            gone = draw(st.sets(st.integers(1, 18)))
            lost[sensor] += len(gone)
            place = 0
            for number in (number for number in range(20) if number not in gone):
                place += draw(st.integers(1, 3))
                late = draw(st.integers(0, 4)) if 0 < number < 19 else 0
                messages.append((place + late, (topic, base + number)))
                if draw(st.integers(0, 9)) == 0:
                    messages.append((place + late + 1, (topic, base + number)))
    ordered = [message for _, message in sorted(messages, key=lambda one: one[0])]
    firsts = list(dict.fromkeys(topic for topic, _ in ordered))
    begun = [next(message for message in ordered if message[0] == topic) for topic in firsts]
    return begun + ordered, lost


@settings(deadline=None, max_examples=150)
@given(histories(), st.data())
def test_every_lost_message_is_told_once_over_any_restarts(
    history: tuple[list[Message], Counter[str]], data: st.DataObject
) -> None:
    """Sealed, killed, started anew at any point, with what was not acknowledged sent again: just the lost are told."""
    messages, lost = history
    durable, now_ns = Durable(), NOW_NS
    door, open_frames = durable.door(), list[Frame]()
    for message in messages:
        now_ns += SECOND_NS // 5
        door.accept([frame(*message)], now_ns)
        open_frames.append(frame(*message, dup=True))
        act = data.draw(st.sampled_from(["go on", "go on", "tick", "seal", "crash", "restart"]))
        if act == "tick":
            door.tick(now_ns)
        if act in {"seal", "restart"}:
            durable.append(door.seal())
            open_frames = []
        if act in {"crash", "restart"}:
            door = durable.door()
            door.accept(open_frames, now_ns)
    for _ in range(2):  # the second time there is nothing left to tell
        door.tick(now_ns + 2 * GRACE_NS)
        durable.append(door.seal())
        door = durable.door()
        door.tick(now_ns + 5 * GRACE_NS)
        durable.append(door.seal())
    assert durable.told == +lost


def test_what_the_broker_forgot_while_the_service_was_down_is_told() -> None:
    """The first message after the start shows what is missing before it."""
    durable = Durable()
    door = durable.door()
    door.accept([frame("campus/s/smoke/a", seq) for seq in range(1, 50)], NOW_NS)
    durable.append(door.seal())
    door = durable.door()
    door.accept([frame("campus/s/smoke/a", seq) for seq in range(61, 70)], NOW_NS + SECOND_NS)
    door.tick(NOW_NS + SECOND_NS + GRACE_NS)
    durable.append(door.seal())
    assert durable.told == {"a": 11}


def test_a_range_that_is_waited_for_may_still_come_after_a_restart() -> None:
    """What was late and not lost is not told, in this process or the next."""
    durable = Durable()
    door = durable.door()
    door.accept([frame("campus/s/smoke/a", seq) for seq in (1, 2, 7)], NOW_NS)
    durable.append(door.seal())
    door = durable.door()
    door.accept([frame("campus/s/smoke/a", seq) for seq in (3, 4, 6)], NOW_NS + SECOND_NS)
    durable.append(door.seal())
    door = durable.door()
    door.tick(NOW_NS + 3 * GRACE_NS)
    durable.append(door.seal())
    assert durable.told == {"a": 1}


def test_numbers_beyond_all_counting_are_left_alone() -> None:
    """Neither a number below zero nor one beyond 64 bits ends anything."""
    durable = Durable()
    door = durable.door()
    for seq in (1, -4, SEQ_MAX + 1, 2**63, 2**70, 2, 3):
        door.accept([(0, 0, b"campus/s/smoke/a", b'{"seq": %d, "co": 1}' % seq)], NOW_NS)
    durable.append(door.seal())
    door = durable.door()
    door.accept([(0, 0, b"campus/s/smoke/a", b'{"seq": 5, "co": 1}')], NOW_NS + 1)
    door.tick(NOW_NS + 2 * GRACE_NS)
    durable.append(door.seal())
    assert durable.told == {"a": 1}


def test_a_refused_message_taken_in_again_is_no_old_number() -> None:
    """Three old numbers in a row are a restarted device, but not where they were refused and came back."""
    catalog = Catalog(sensors_max=2)
    door = Intake(catalog, batch=BatchSettings(age_s=10))
    door.accept([frame("campus/s/smoke/a", seq) for seq in range(1, 4)], NOW_NS)
    late = [(0, 0, b"campus/s/smoke/a", b'{"time": 5, "seq": %d, "co": 1}' % seq) for seq in (4, 5, 6)]
    door.accept([*late, *(frame("campus/s/smoke/a", seq) for seq in (7, 8, 9))], NOW_NS)
    sealed = door.seal()
    assert sealed is not None
    refused = [one for one in sealed.of(QuarantineChanges).rejected if one.reason == "time_past"]
    assert len(refused) == 3
    door.replay(
        [
            Waiting(n, one.arrival_ns, one.site, one.format, one.topic, one.whole, one.counts)
            for n, one in enumerate(refused)
        ]
    )
    door.accept([frame("campus/s/smoke/a", seq) for seq in (10, 11)], NOW_NS)
    door.tick(NOW_NS + 2 * GRACE_NS)
    sealed = door.seal()
    assert sealed is not None
    assert not (sealed.batch.metric == catalog.metric("data_gap").code).any()


def test_the_number_of_a_refused_message_was_heard() -> None:
    """Nothing of the message is stored, and yet it came: after a restart it is not missing."""
    durable = Durable()
    door = durable.door()
    door.accept([frame("campus/s/smoke/a", seq) for seq in (1, 2, 3)], NOW_NS)
    durable.append(door.seal())
    door.accept([(0, 0, b"campus/s/smoke/a", b'{"seq": 4, "co": "much"}')], NOW_NS)
    durable.append(door.seal())
    door = durable.door()
    door.accept([frame("campus/s/smoke/a", 5)], NOW_NS)
    door.tick(NOW_NS + 2 * GRACE_NS)
    durable.append(door.seal())
    assert durable.told == {}
