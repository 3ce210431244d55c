"""Contract of detectors: one suite over every rule of the campus recipe, and over the whole recipe."""

from __future__ import annotations

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
    build,
    fusion_rules,
    offline_rules,
    reading_rules,
)
from detectors.qualification import contract
from detectors.recipes.trained import Trained
from detectors.recipes.types import TYPES
from ingest import COLUMNS, METRIC_BY_NAME, URGENT_KINDS, Quality, TelemetryBatch, concat, from_columns

from .histories import (
    ALARMING,
    COURSES,
    DEFAULT,
    NAMED_ONLY,
    QUIET,
    RECIPES,
    SENSORS,
    Row,
    campus,
    histories,
    joined,
    make,
    plan_of,
    readings,
    thorough,
    two_days,
)


def everything(quality: int) -> list[Row]:
    """Return five minutes of alarming readings of every sensor, with that quality."""
    metrics = {metric: value for metric, value in ALARMING.items() if metric not in ("online", "tick")}
    times = range(0, 300, 5)
    return [(m, s, t, t, v, quality) for t in times for m, v in metrics.items() for s in range(SENSORS)]


LEARNED = {
    "burst",
    "change_point",
    "excess",
    "gate_flow",
    "gauge_fault",
    "group",
    "slow_leak",
    "time_to_limit",
    "trained",
    "unusual",
    "neighbour_drift",
    *NAMED_ONLY,
}
"""Rule types that need more readings; their own tests have series of that length."""

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
    contract.check_batches(lambda: make(name), batch)


@every
@thorough
@given(batch=histories(), share=st.floats(0, 1))
def test_restored_detector_continues_as_the_old_one(name: str, batch: TelemetryBatch, share: float) -> None:
    """A restart at any position does not change the detections."""
    contract.check_restart(lambda: make(name), batch, int(len(batch) * share))


@every
@thorough
@given(batch=histories())
def test_input_stays_unchanged_and_results_repeat(name: str, batch: TelemetryBatch) -> None:
    """Equal readings give equal bytes, and no column of the input changes."""
    contract.check_repeatable(lambda: make(name), batch)


@every
@thorough
@given(batch=histories())
def test_changes_and_clears_follow_a_raise(name: str, batch: TelemetryBatch) -> None:
    """Per series and timeline, changes and clears need a raise before; each detection has its sentences."""
    contract.check_order(make(name).update(batch))


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
    sizes = []
    for turn in range(10):
        detector.update(readings([(m, s, t + turn * 500, t + turn * 500, v, q) for m, s, t, _, v, q in rows]))
        sizes.append(len(detector.snapshot()))
    settled = sizes[3]  # some types raise first in the second turn; each open detection is a part of the state
    assert sizes[-1] <= settled * 1.1 + 128  # fields of constant size compress less once they are filled


@every
def test_damaged_snapshots_raise_state_error(name: str) -> None:
    """Damaged or foreign bytes are an error."""
    contract.check_damaged(lambda: make(name))


def test_suite_covers_every_rule_type() -> None:
    """Each type has a rule in the campus recipe or one of its own; `trained` needs a model and has tests of its own."""
    assert {type(rule) for recipe in RECIPES.values() for rule in recipe.rules} == set(TYPES.values()) - {Trained}


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind not in LEARNED])
def test_each_rule_type_raises_on_alarming_readings_and_not_on_normal_ones(kind: str) -> None:
    """Alarming readings, of two days or of the type's own course, raise a rule of each type; normal ones raise none."""
    rules = tuple(rule for rule in DEFAULT.rules if isinstance(rule, TYPES[kind]))
    alarming, normal = (build(Recipe(kind, rules), campus(), Calendar(), plan=plan_of(kind)) for _ in range(2))
    quality = Quality.FAULT if kind == "invalid" else Quality.GOOD
    course = COURSES.get(kind)
    rows = course(alarming=True) if course else two_days(ALARMING)
    raised = alarming.update(readings([(*row[:5], int(quality)) for row in rows]))
    assert (raised.phase == Phase.RAISE).any()
    assert set(raised.detector) == {kind}
    quiet = course(alarming=False) if course else two_days(QUIET, noise=0.02)
    assert len(normal.update(readings(quiet))) == 0


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
def test_the_stages_detect_the_same_as_one_set(batch: TelemetryBatch) -> None:
    """Urgent rows, ordinary rows, silence rules and fusion rules in sets of their own give the detections of one set.

    A clock reading precedes each row, as in the service: a timer then ends at the same row in each set.
    """
    catalog, readings = campus(), reading_rules(DEFAULT)
    whole = make("campus")
    parts = (readings, readings, offline_rules(DEFAULT), fusion_rules(DEFAULT))
    first, rest, absent, fused = (build(rules, campus(), Calendar()) for rules in parts)
    found: list[DetectionBatch] = []
    apart: list[DetectionBatch] = []
    for row in batch.rows():
        tick = _tick(int(row.arrival_ns[0]))
        found += [whole.update(tick), whole.update(row)]
        apart += [first.update(tick), rest.update(tick), absent.update(tick), absent.update(row)]
        is_urgent = catalog[int(row.sensor[0])].kind in URGENT_KINDS or int(row.sensor[0]) == 0
        apart += [fused.update(tick), fused.update(row)]
        apart += [first.update(row) if is_urgent else rest.update(row)]
    assert sorted(joined(apart)) == sorted(joined(found))


def _tick(arrival_ns: int) -> TelemetryBatch:
    """Return a clock reading of the service."""
    values = {"metric": METRIC_BY_NAME["tick"].code, "time_ns": arrival_ns, "arrival_ns": arrival_ns, "value": 1}
    return from_columns({name: np.array([values.get(name, 0)], dtype) for name, dtype in COLUMNS})
