"""Sequence gaps: every lost message is counted, and no other."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingest import Catalog, Counts, Intake
from ingest.devices.gaps import GRACE_NS, Count, Gap, Gaps

SECOND_NS = 1_000_000_000
NOW_NS = 1_788_000_000 * SECOND_NS
TOPIC = "campus/s1/smoke/a"


@given(
    lost=st.sets(st.integers(1, 198)),
    delays=st.lists(st.integers(0, 15), min_size=200, max_size=200),
    base=st.integers(0, 10**9),
)
def test_exactly_the_lost_messages_are_counted_for_any_reordering(lost: set[int], delays: list[int], base: int) -> None:
    """With one message a second, each up to 15 s late, the count equals the loss between first and last."""
    arrivals = sorted((n + delays[n] * (n > 0), n) for n in range(200) if n not in lost)
    gaps, count, reported = Gaps(), Count(), 0
    for at, number in arrivals:
        reported += sum(gap.messages for gap in gaps.due(at * SECOND_NS))
        gaps.accept(count, b"t", (base + number,), at * SECOND_NS)
    reported += sum(gap.messages for gap in gaps.due(10**6 * SECOND_NS))
    assert reported == len(lost)
    assert gaps.due(10**7 * SECOND_NS) == []


def test_a_gap_is_reported_once_within_half_a_minute() -> None:
    """A gap is reported after the wait, and not again."""
    gaps, count = Gaps(), Count()
    gaps.accept(count, b"t", (1, 2, 5, 6), 0)
    assert gaps.due(GRACE_NS - 1) == []
    assert gaps.due(GRACE_NS) == [Gap(b"t", 2, 0)]
    assert gaps.due(10 * GRACE_NS) == []
    assert GRACE_NS < 30 * SECOND_NS


def test_late_messages_are_no_restart() -> None:
    """A burst of old numbers among live ones changes neither the count nor the gap."""
    gaps, count = Gaps(), Count()
    gaps.accept(count, b"t", (1, 10), 0)
    assert gaps.due(GRACE_NS) == [Gap(b"t", 8, 0)]
    gaps.accept(count, b"t", (2, 3, 4, 11, 5, 6, 12), GRACE_NS)
    assert count.next_seq == 13
    assert gaps.due(3 * GRACE_NS) == []


def test_a_restarted_device_misses_nothing() -> None:
    """A restarted device counts from the beginning or from any lower number."""
    for start in (0, 1, 40):
        gaps, count = Gaps(), Count()
        gaps.accept(count, b"t", (100, 101), 0)
        gaps.accept(count, b"t", tuple(range(start, start + 5)), 0)
        assert count.next_seq == start + 5
        assert gaps.due(2 * GRACE_NS) == []


def test_a_jump_to_another_count_is_no_gap() -> None:
    """A replaced device may count from any number."""
    gaps, count = Gaps(), Count()
    gaps.accept(count, b"t", (1, 5_000_000_000, 5_000_000_002), 0)
    assert gaps.due(GRACE_NS) == [Gap(b"t", 1, 0)]


def _frame(seq: int, *, array: bool = False) -> tuple[int, int, bytes, bytes]:
    def item(number: int) -> dict[str, float]:
        return {"time": NOW_NS // 1_000_000 + number, "seq": number, "co": 1.0}

    document = [item(8 * seq + place) for place in range(8)] if array else item(seq)
    return 0, 0, TOPIC.encode(), json.dumps(document).encode()


def _reported(frames: list[tuple[int, int, bytes, bytes]]) -> tuple[list[float], dict[str, int]]:
    """Return the intake's gap readings, and notices by reason."""
    catalog = Catalog()
    intake = Intake(catalog)
    intake.accept(frames, NOW_NS)
    intake.tick(NOW_NS + 10 * SECOND_NS)
    intake.tick(NOW_NS + 21 * SECOND_NS)
    sealed = intake.seal()
    assert sealed is not None
    gaps = sealed.batch.metric == catalog.metric("data_gap").code
    assert {catalog[code].id for code in sealed.batch.sensor[gaps].tolist()} <= {"a"}
    assert sealed.batch.time_ns[gaps].tolist() == [NOW_NS] * int(gaps.sum())
    notices = {count.reason: rows for count, rows in sealed.of(Counts).rows.items() if count.outcome == "notice"}
    return sealed.batch.value[gaps].tolist(), notices


def test_the_intake_reports_a_gap_as_a_reading() -> None:
    """Single objects and arrays on both paths; repeats and reordering are no gaps."""
    singles = [_frame(seq) for seq in (*range(1, 20), *range(22, 40), 41, 40, 42)]
    assert _reported([*singles, singles[3], singles[4], singles[5]]) == ([2.0], {"data_gap": 2})
    arrays = [_frame(seq, array=True) for seq in (1, 2, 3, 5, 6)]
    assert _reported(arrays) == ([8.0], {"data_gap": 8})
    assert _reported([_frame(seq) for seq in range(1, 50)]) == ([], {})


def test_one_loss_in_ten_thousand_is_reported() -> None:
    """A single loss at any position is reported."""
    for lost in (2, 5_000, 9_999):
        found, _ = _reported([_frame(seq) for seq in range(1, 10_001) if seq != lost])
        assert found == [1.0]


def test_stored_gaps_keep_their_format() -> None:
    """Marks written by release 0.1.0 restore: the field of reported ranges is stored as `told`."""
    stored = msgspec.msgpack.encode({"waited": [(7, 8, 5)], "told": [(1, 2)], "behind": 3, "run": 1})
    gaps = Gaps()
    gaps.recall(b"t", stored)
    assert gaps.dump(b"t") == stored
    assert gaps.due(GRACE_NS + 5) == [Gap(b"t", 2, 5)]
