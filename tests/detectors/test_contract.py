"""What must hold for every detector, whatever it looks for: one suite over all rules, and over the whole recipe."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import Calendar, DetectionBatch, Phase, StateError, build, decode, encode, offline_rules, reading_rules
from ingest import COLUMNS, METRIC_BY_NAME, URGENT_KINDS, Quality, TelemetryBatch, concat, from_columns

from .histories import ALARMING, DEFAULT, RECIPES, SENSORS, Row, campus, histories, joined, make, readings, thorough


def everything(quality: int) -> list[Row]:
    """Five minutes in which every sensor says the worst it can, with that quality."""
    metrics = {metric: value for metric, value in ALARMING.items() if metric not in ("online", "tick")}
    times = range(0, 300, 5)
    return [(m, s, t, t, v, quality) for t in times for m, v in metrics.items() for s in range(SENSORS)]


every = pytest.mark.parametrize("name", RECIPES)


@every
def test_nothing_in_nothing_out(name: str) -> None:
    """An empty batch is no event."""
    assert len(make(name).update(readings([]))) == 0


@every
@thorough
@given(batch=histories())
def test_row_by_row_equals_batched(name: str, batch: TelemetryBatch) -> None:
    """Batches are a matter of transport: they never change what is found, nor the state."""
    whole, single = make(name), make(name)
    assert joined([whole.update(batch)]) == joined([single.update(row) for row in batch.rows()])
    assert whole.snapshot() == single.snapshot()


@every
@thorough
@given(batch=histories(), share=st.floats(0, 1))
def test_restored_goes_on_as_before(name: str, batch: TelemetryBatch, share: float) -> None:
    """A restart at any moment is invisible in what is found."""
    cut = int(len(batch) * share)
    before, after = batch.select(slice(0, cut)), batch.select(slice(cut, None))
    through, second = make(name), make(name)
    through.update(before)
    second.restore(through.snapshot())
    assert joined([through.update(after)]) == joined([second.update(after)])
    assert through.snapshot() == second.snapshot()


@every
@thorough
@given(batch=histories())
def test_input_is_untouched_and_answers_repeat(name: str, batch: TelemetryBatch) -> None:
    """The same readings give the same bytes, and stay as they are."""
    columns = {column: getattr(batch, column).copy() for column, _ in COLUMNS}
    first, second = encode(make(name).update(batch)), encode(make(name).update(batch))
    assert first == second
    assert encode(decode(first)) == first
    for column, _ in COLUMNS:
        np.testing.assert_array_equal(getattr(batch, column), columns[column])


@every
@thorough
@given(batch=histories())
def test_phases_make_sense(name: str, batch: TelemetryBatch) -> None:
    """For each series and lane: a raise opens, changes follow, a clear closes, and every one has its sentences."""
    found = make(name).update(batch)
    open_now: set[tuple[object, ...]] = set()
    for i in range(len(found)):
        lane = "live" if "silent" in found.rule[i] else (bool(found.drill[i]),)
        key = (found.rule[i], int(found.sensor[i]), int(found.metric[i]), lane)
        phase = Phase(found.phase[i])
        assert 0 <= found.level[i] <= 3
        assert 0 <= found.score[i] <= 1
        assert found.first_ns[i] <= found.last_ns[i]
        assert found.evidence[i]["text"]["zh"] != found.evidence[i]["text"]["en"]
        assert found.evidence[i]["clears"]["zh"]
        if phase is Phase.RAISE:
            open_now.add(key)
        else:
            assert key in open_now


@every
@pytest.mark.parametrize("quality", [Quality.FAULT, Quality.HISTORICAL, Quality.RETAINED])
def test_faulty_and_historical_readings_say_nothing(name: str, quality: Quality) -> None:
    """A reading that may not be believed neither raises nor clears; it is a sign of life all the same."""
    rows = everything(int(quality))
    assert len(make(name).update(readings(rows))) == 0


@every
@thorough
@given(batch=histories(), copies=histories())
def test_what_a_broker_kept_changes_nothing(name: str, batch: TelemetryBatch, copies: TelemetryBatch) -> None:
    """With copies of quality RETAINED between the readings, what is found and remembered is as without them."""
    kept = np.full(len(copies), Quality.RETAINED, np.uint8)
    both = concat([batch, replace(copies, quality=kept)])
    order = np.argsort(both.arrival_ns, kind="stable")
    mixed = both.select(order)
    with_copies, without = make(name), make(name)
    own = mixed.select(np.flatnonzero(mixed.quality != Quality.RETAINED))
    assert joined([with_copies.update(mixed)]) == joined([without.update(own)])
    assert not len(own) or with_copies.snapshot() == without.snapshot()


@every
def test_test_readings_are_drills(name: str) -> None:
    """A self-test opens a drill, never more, and leaves the live state alone."""
    rows = everything(int(Quality.TEST))
    assert make(name).update(readings(rows)).drill.all()


@every
def test_state_stays_bounded(name: str) -> None:
    """State grows with sensors, never with time."""
    detector = make(name)
    rows = [(m, s, t, t, v, 0) for t in range(0, 100, 5) for m, v in ALARMING.items() for s in range(SENSORS)]
    detector.update(readings(rows))
    size = len(detector.snapshot())
    for turn in range(1, 10):
        detector.update(readings([(m, s, t + turn * 500, t + turn * 500, v, q) for m, s, t, _, v, q in rows]))
    assert len(detector.snapshot()) <= size * 1.1


@every
def test_damaged_snapshots_raise_state_error(name: str) -> None:
    """Bytes that no set wrote are an error, never a wrong alarm."""
    whole = make(name).snapshot()
    for state in (b"", b"\x81\xa1a", whole[:-9], whole + b"\0", whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]):
        with pytest.raises(StateError, match="snapshot"):
            make(name).restore(state)


def test_late_readings_never_clear_a_live_finding() -> None:
    """Old news of clean air that comes after the smoke takes nothing back."""
    detector = make("smoke")
    raised = detector.update(readings([("smoke", 1, 1000, 1000, 1, 0)]))
    old = [("smoke", 1, float(t), 1100.0 + t, 0.0, 0) for t in range(100, 900, 10)]
    assert raised.phase.tolist() == [Phase.RAISE]
    assert len(detector.update(readings(old))) == 0


def test_late_smoke_raises_a_late_finding() -> None:
    """Smoke that is told an hour later is a finding of its own, marked late; live clean air settles it."""
    detector = make("smoke")
    late = detector.update(readings([("smoke", 1, 10, 4000, 1, 0)]))
    assert (late.phase.tolist(), late.late.tolist()) == ([Phase.RAISE], [True])
    live = detector.update(readings([("smoke", 1, t, t, 0, 0) for t in (4010, 4100)]))
    assert (live.phase.tolist(), live.late.tolist()) == ([Phase.CLEAR], [True])


def test_batches_join_in_order() -> None:
    """Joining the parts gives what the parts gave."""
    rows: list[Row] = [("smoke", 1, t, t, t % 2, 0) for t in range(20)]
    parts = [readings(rows[:7]), readings(rows[7:])]
    one, two = make("campus"), make("campus")
    assert joined([one.update(concat(parts))]) == joined([two.update(part) for part in parts])


@thorough
@given(batch=histories())
def test_the_three_stages_find_what_one_set_finds(batch: TelemetryBatch) -> None:
    """Urgent rows, ordinary rows and silence rules in sets of their own give the detections of one set.

    A clock reading precedes each row, as in the service: a timer then ends at the same row in each set.
    """
    catalog, readings, offline = campus(), reading_rules(DEFAULT), offline_rules(DEFAULT)
    whole = make("campus")
    first, rest, absent = (build(rules, campus(), Calendar()) for rules in (readings, readings, offline))
    found: list[DetectionBatch] = []
    apart: list[DetectionBatch] = []
    for row in batch.rows():
        tick = _tick(int(row.arrival_ns[0]))
        found += [whole.update(tick), whole.update(row)]
        apart += [first.update(tick), rest.update(tick), absent.update(tick), absent.update(row)]
        is_urgent = catalog[int(row.sensor[0])].kind in URGENT_KINDS or int(row.sensor[0]) == 0
        apart += [first.update(row) if is_urgent else rest.update(row)]
    assert sorted(joined(apart)) == sorted(joined(found))


def _tick(arrival_ns: int) -> TelemetryBatch:
    """The service's clock reading."""
    told = {"metric": METRIC_BY_NAME["tick"].code, "time_ns": arrival_ns, "arrival_ns": arrival_ns, "value": 1}
    return from_columns({name: np.array([told.get(name, 0)], dtype) for name, dtype in COLUMNS})
