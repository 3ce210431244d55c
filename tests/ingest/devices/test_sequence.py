"""Sequence numbers over restarts of the service: reported gaps equal those without restarts."""

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
Message = tuple[str, int]  # topic, sequence number
Frame = tuple[int, int, bytes, bytes]


@dataclass
class Durable:
    """Durable state of a log, with its gaps: sensor -> messages."""

    catalog: Catalog = field(default_factory=Catalog)
    keys: list[int] = field(default_factory=list)
    pages: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    added: dict[int, bytes] = field(default_factory=dict)
    reported: Counter[str] = field(default_factory=Counter)

    def open_intake(self) -> Intake:
        """Open an intake from the durable state."""
        catalog = Catalog()
        catalog.load(list(self.catalog), [])
        self.catalog = catalog
        batch = BatchSettings(age_s=10)
        ledger = Ledger(
            LedgerEntries([(page, *page_rows) for page, page_rows in self.pages.items()], sorted(self.added.items()))
        )
        return Intake(catalog, batch=batch, recent_keys=self.keys, ledger=ledger)

    def append(self, sealed: Sealed | None) -> None:
        """Append a batch to the log."""
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
            self.reported[self.catalog[code].id] += int(value)


def frame(topic: str, seq: int, *, dup: bool = False) -> Frame:
    """Return a message with its own time and sequence number."""
    metric = "blind" if "/camera/" in topic else "temperature"
    payload = json.dumps({"time": NOW_NS // 1_000_000 + seq, "seq": seq, metric: seq % 2})
    return 0x02 | 0x08 * dup, 1, topic.encode(), payload.encode()


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Message], Counter[str]]:
    """Draw messages in order of arrival (each up to 4 places late, some twice) and the losses by sensor."""
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


@settings(deadline=None, max_examples=80)
@given(histories(), st.data())
def test_every_lost_message_is_reported_once_over_any_restarts(
    history: tuple[list[Message], Counter[str]], data: st.DataObject
) -> None:
    """With seals, kills and restarts at any point, and redelivery, exactly the lost messages are reported."""
    messages, lost = history
    durable, now_ns = Durable(), NOW_NS
    intake, open_frames = durable.open_intake(), list[Frame]()
    for message in messages:
        now_ns += SECOND_NS // 5
        intake.accept([frame(*message)], now_ns)
        open_frames.append(frame(*message, dup=True))
        act = data.draw(st.sampled_from(["go on", "go on", "tick", "seal", "crash", "restart"]))
        if act == "tick":
            intake.tick(now_ns)
        if act in {"seal", "restart"}:
            durable.append(intake.seal())
            open_frames = []
        if act in {"crash", "restart"}:
            intake = durable.open_intake()
            intake.accept(open_frames, now_ns)
    for _ in range(2):  # the second time no gap is left to report
        intake.tick(now_ns + 2 * GRACE_NS)
        durable.append(intake.seal())
        intake = durable.open_intake()
        intake.tick(now_ns + 5 * GRACE_NS)
        durable.append(intake.seal())
    assert durable.reported == +lost


def test_messages_lost_at_the_broker_during_downtime_are_reported() -> None:
    """The first message after the start reveals the missing ones."""
    durable = Durable()
    intake = durable.open_intake()
    intake.accept([frame("campus/s/smoke/a", seq) for seq in range(1, 50)], NOW_NS)
    durable.append(intake.seal())
    intake = durable.open_intake()
    intake.accept([frame("campus/s/smoke/a", seq) for seq in range(61, 70)], NOW_NS + SECOND_NS)
    intake.tick(NOW_NS + SECOND_NS + GRACE_NS)
    durable.append(intake.seal())
    assert durable.reported == {"a": 11}


def test_a_pending_range_may_arrive_after_a_restart() -> None:
    """A late, not lost message is not reported, in this process or the next."""
    durable = Durable()
    intake = durable.open_intake()
    intake.accept([frame("campus/s/smoke/a", seq) for seq in (1, 2, 7)], NOW_NS)
    durable.append(intake.seal())
    intake = durable.open_intake()
    intake.accept([frame("campus/s/smoke/a", seq) for seq in (3, 4, 6)], NOW_NS + SECOND_NS)
    durable.append(intake.seal())
    intake = durable.open_intake()
    intake.tick(NOW_NS + 3 * GRACE_NS)
    durable.append(intake.seal())
    assert durable.reported == {"a": 1}


def test_numbers_out_of_range_are_ignored() -> None:
    """A number below zero or beyond 64 bits has no effect."""
    durable = Durable()
    intake = durable.open_intake()
    for seq in (1, -4, SEQ_MAX + 1, 2**63, 2**70, 2, 3):
        intake.accept([(0, 0, b"campus/s/smoke/a", b'{"seq": %d, "co": 1}' % seq)], NOW_NS)
    durable.append(intake.seal())
    intake = durable.open_intake()
    intake.accept([(0, 0, b"campus/s/smoke/a", b'{"seq": 5, "co": 1}')], NOW_NS + 1)
    intake.tick(NOW_NS + 2 * GRACE_NS)
    durable.append(intake.seal())
    assert durable.reported == {"a": 1}


def test_a_reprocessed_message_is_no_restart() -> None:
    """Three old numbers in a row mean a restart, except for rejected messages that are reprocessed."""
    catalog = Catalog(sensors_max=2)
    intake = Intake(catalog, batch=BatchSettings(age_s=10))
    intake.accept([frame("campus/s/smoke/a", seq) for seq in range(1, 4)], NOW_NS)
    late = [(0, 0, b"campus/s/smoke/a", b'{"time": 5, "seq": %d, "humidity": 1}' % seq) for seq in (4, 5, 6)]
    intake.accept([*late, *(frame("campus/s/smoke/a", seq) for seq in (7, 8, 9))], NOW_NS)
    sealed = intake.seal()
    assert sealed is not None
    refused = [one for one in sealed.of(QuarantineChanges).rejected if one.reason == "time_past"]
    assert len(refused) == 3
    intake.replay(
        [
            Waiting(n, one.arrival_ns, one.site, one.format, one.topic, one.whole, one.counts)
            for n, one in enumerate(refused)
        ]
    )
    intake.accept([frame("campus/s/smoke/a", seq) for seq in (10, 11)], NOW_NS)
    intake.tick(NOW_NS + 2 * GRACE_NS)
    sealed = intake.seal()
    assert sealed is not None
    assert not (sealed.batch.metric == catalog.metric("data_gap").code).any()


def test_the_number_of_a_rejected_message_counts_as_received() -> None:
    """A rejected message is not stored, but after a restart its number is not missing."""
    durable = Durable()
    intake = durable.open_intake()
    intake.accept([frame("campus/s/smoke/a", seq) for seq in (1, 2, 3)], NOW_NS)
    durable.append(intake.seal())
    intake.accept([(0, 0, b"campus/s/smoke/a", b'{"seq": 4, "co": "much"}')], NOW_NS)
    durable.append(intake.seal())
    intake = durable.open_intake()
    intake.accept([frame("campus/s/smoke/a", 5)], NOW_NS)
    intake.tick(NOW_NS + 2 * GRACE_NS)
    durable.append(intake.seal())
    assert durable.reported == {}
