"""Contract of detectors: one suite over every rule of the campus recipe, and over the whole recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors import (
    Calendar,
    DetectionBatch,
    Phase,
    Recipe,
    StateError,
    build,
    decode,
    encode,
    offline_rules,
    reading_rules,
)
from detectors.recipes.kinds import TYPES
from ingest import COLUMNS, METRIC_BY_NAME, URGENT_KINDS, Quality, TelemetryBatch, concat, from_columns

from .histories import (
    ALARMING,
    DEFAULT,
    QUIET,
    RECIPES,
    SENSORS,
    Row,
    campus,
    histories,
    joined,
    make,
    readings,
    thorough,
)


def everything(quality: int) -> list[Row]:
    """Return five minutes of alarming readings of every sensor, with that quality."""
    metrics = {metric: value for metric, value in ALARMING.items() if metric not in ("online", "tick")}
    times = range(0, 300, 5)
    return [(m, s, t, t, v, quality) for t in times for m, v in metrics.items() for s in range(SENSORS)]


def two_days(values: Mapping[str, float], *, noise: float = 0.0) -> list[Row]:
    """Return QUIET for 10 min, then these values: every 20 s for 1 h, then hourly for two days; noise: relative."""
    moments = [float(second) for second in (*range(0, 3600, 20), *range(3600, 172_800, 3600))]
    return [
        (metric, sensor, second, second, value * (1 + noise * (second // 20 % 7)), 0)
        for second in moments
        for metric, value in (values if second >= 600 else QUIET).items()
        for sensor in range(SENSORS)
    ]


every = pytest.mark.parametrize("name", RECIPES)


@every
def test_empty_batch_has_no_detections(name: str) -> None:
    """A batch without rows changes nothing."""
    assert len(make(name).update(readings([]))) == 0


@every
@thorough
@given(batch=histories())
def test_row_by_row_equals_batched(name: str, batch: TelemetryBatch) -> None:
    """The cut into batches changes neither the detections nor the state."""
    whole, single = make(name), make(name)
    assert joined([whole.update(batch)]) == joined([single.update(row) for row in batch.rows()])
    assert whole.snapshot() == single.snapshot()


@every
@thorough
@given(batch=histories(), share=st.floats(0, 1))
def test_restored_detector_continues_as_the_old_one(name: str, batch: TelemetryBatch, share: float) -> None:
    """A restart at any position does not change the detections."""
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
def test_input_stays_unchanged_and_results_repeat(name: str, batch: TelemetryBatch) -> None:
    """Equal readings give equal bytes, and no column of the input changes."""
    columns = {column: getattr(batch, column).copy() for column, _ in COLUMNS}
    first, second = encode(make(name).update(batch)), encode(make(name).update(batch))
    assert first == second
    assert encode(decode(first)) == first
    for column, _ in COLUMNS:
        np.testing.assert_array_equal(getattr(batch, column), columns[column])


@every
@thorough
@given(batch=histories())
def test_changes_and_clears_follow_a_raise(name: str, batch: TelemetryBatch) -> None:
    """Per series and timeline, changes and clears need a raise before; each detection has its sentences."""
    found = make(name).update(batch)
    open_now: set[tuple[object, ...]] = set()
    for i in range(len(found)):
        timeline = "live" if "silent" in found.rule[i] else (bool(found.drill[i]),)
        key = (found.rule[i], int(found.sensor[i]), int(found.metric[i]), timeline)
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
def test_historical_readings_are_late(name: str) -> None:
    """A value that its source marks as past raises a late finding at most, also when it arrives at once."""
    assert make(name).update(readings(everything(int(Quality.HISTORICAL)))).late.all()


@every
@pytest.mark.parametrize("quality", [Quality.FAULT, Quality.RETAINED])
def test_faulty_and_retained_readings_neither_raise_nor_clear(name: str, quality: Quality) -> None:
    """An unreliable reading has no detection but that of its own fault, for any value."""
    found = make(name).update(readings(everything(int(quality))))
    assert set(found.hazard) <= ({"sensor_fault"} if quality == Quality.FAULT else set())


@every
@thorough
@given(batch=histories(), copies=histories())
def test_retained_copies_change_nothing(name: str, batch: TelemetryBatch, copies: TelemetryBatch) -> None:
    """Copies of quality RETAINED between the readings change neither detections nor state."""
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
    """A self-test raises drills only."""
    rows = everything(int(Quality.TEST))
    assert make(name).update(readings(rows)).drill.all()


@every
def test_state_stays_bounded(name: str) -> None:
    """State grows with the number of sensors, not with time."""
    detector = make(name)
    rows = [(m, s, t, t, v, 0) for t in range(0, 100, 5) for m, v in ALARMING.items() for s in range(SENSORS)]
    detector.update(readings(rows))
    size = len(detector.snapshot())
    for turn in range(1, 10):
        detector.update(readings([(m, s, t + turn * 500, t + turn * 500, v, q) for m, s, t, _, v, q in rows]))
    assert len(detector.snapshot()) <= size * 1.1


@every
def test_damaged_snapshots_raise_state_error(name: str) -> None:
    """Damaged or foreign bytes are an error."""
    whole = make(name).snapshot()
    for state in (b"", b"\x81\xa1a", whole[:-9], whole + b"\0", whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]):
        with pytest.raises(StateError, match="snapshot"):
            make(name).restore(state)


def test_suite_covers_every_rule_type() -> None:
    """The campus recipe has a rule of each type, so that the contract is checked for each."""
    assert {type(rule) for rule in DEFAULT.rules} == set(TYPES.values())


@pytest.mark.parametrize("kind", TYPES)
def test_each_rule_type_raises_on_alarming_readings_and_not_on_normal_ones(kind: str) -> None:
    """Two days of alarming readings raise at least one rule of each type; two normal days raise none."""
    rules = tuple(rule for rule in DEFAULT.rules if isinstance(rule, TYPES[kind]))
    alarming, normal = (build(Recipe(kind, rules), campus(), Calendar()) for _ in range(2))
    quality = Quality.FAULT if kind == "invalid" else Quality.GOOD
    raised = alarming.update(readings([(*row[:5], int(quality)) for row in two_days(ALARMING)]))
    assert (raised.phase == Phase.RAISE).any()
    assert set(raised.detector) == {kind}
    assert len(normal.update(readings(two_days(QUIET, noise=0.02)))) == 0


def test_late_readings_never_clear_a_live_detection() -> None:
    """Late readings of clean air leave the smoke alarm open."""
    detector = make("smoke")
    raised = detector.update(readings([("smoke", 1, 1000, 1000, 1, 0)]))
    old = [("smoke", 1, float(t), 1100.0 + t, 0.0, 0) for t in range(100, 900, 10)]
    assert raised.phase.tolist() == [Phase.RAISE]
    assert len(detector.update(readings(old))) == 0


def test_late_smoke_raises_a_late_detection() -> None:
    """Smoke that arrives an hour late is a detection of its own, marked late; live clean air clears it."""
    detector = make("smoke")
    late = detector.update(readings([("smoke", 1, 10, 4000, 1, 0)]))
    assert (late.phase.tolist(), late.late.tolist()) == ([Phase.RAISE], [True])
    live = detector.update(readings([("smoke", 1, t, t, 0, 0) for t in (4010, 4100)]))
    assert (live.phase.tolist(), live.late.tolist()) == ([Phase.CLEAR], [True])


def test_batches_join_in_order() -> None:
    """Joined batches give the detections of the parts."""
    rows: list[Row] = [("smoke", 1, t, t, t % 2, 0) for t in range(20)]
    parts = [readings(rows[:7]), readings(rows[7:])]
    one, two = make("campus"), make("campus")
    assert joined([one.update(concat(parts))]) == joined([two.update(part) for part in parts])


@thorough
@given(batch=histories())
def test_three_stages_detect_the_same_as_one_set(batch: TelemetryBatch) -> None:
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
    """Return a clock reading of the service."""
    values = {"metric": METRIC_BY_NAME["tick"].code, "time_ns": arrival_ns, "arrival_ns": arrival_ns, "value": 1}
    return from_columns({name: np.array([values.get(name, 0)], dtype) for name, dtype in COLUMNS})
