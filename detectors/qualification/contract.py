"""Contract of detectors as functions: for the package's own tests and for those of plug-ins.

Each `check_*` raises AssertionError with the broken invariant. `make` returns a new detector set each time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.block import decode, encode
from detectors.calendar import Calendar
from detectors.detection import DetectionBatch, Phase
from detectors.detector_set import DetectorSet, build
from detectors.errors import StateError
from detectors.recipes.kinds import Rule
from detectors.recipes.recipe import Recipe
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Quality, TelemetryBatch, concat, empty_batch, from_columns

from .hard_histories import hard_history

Make = Callable[[], DetectorSet]
SECOND_NS = 1_000_000_000
START_NS = 1_790_000_000 * SECOND_NS
GROWTH_MAX = 1.1
"""Largest growth of a snapshot over ten times the readings."""


def rows_of(parts: Sequence[DetectionBatch]) -> list[tuple[str, ...]]:
    """Return all detections as comparable rows."""
    names = list(DetectionBatch.__slots__)
    return [tuple(str(getattr(part, name)[i]) for name in names) for part in parts for i in range(len(part))]


def check_empty(make: Make) -> None:
    """A batch without rows has no detection."""
    assert not len(make().update(empty_batch())), "an empty batch has detections"


def check_batches(make: Make, batch: TelemetryBatch) -> None:
    """The cut into batches changes neither the detections nor the state."""
    whole, single = make(), make()
    found, apart = [whole.update(batch)], [single.update(row) for row in batch.rows()]
    assert rows_of(found) == rows_of(apart), "single rows detect differently from one batch"
    assert whole.snapshot() == single.snapshot(), "single rows lead to another state than one batch"


def check_restart(make: Make, batch: TelemetryBatch, cut: int) -> None:
    """A restart after `cut` rows changes nothing."""
    before, after = batch.select(slice(0, cut)), batch.select(slice(cut, None))
    through, second = make(), make()
    through.update(before)
    second.restore(through.snapshot())
    assert rows_of([through.update(after)]) == rows_of([second.update(after)]), "a restart changes the detections"
    assert through.snapshot() == second.snapshot(), "a restart changes the state"


def check_repeatable(make: Make, batch: TelemetryBatch) -> None:
    """Equal readings give equal bytes, which can be read again; no column of the input changes."""
    columns = {column: getattr(batch, column).copy() for column, _ in COLUMNS}
    first, second = encode(make().update(batch)), encode(make().update(batch))
    assert first == second, "equal readings give other detections"
    assert encode(decode(first)) == first, "the detections do not survive the log"
    for column, _ in COLUMNS:
        np.testing.assert_array_equal(getattr(batch, column), columns[column], "the input changes")


def check_order(found: DetectionBatch) -> None:
    """Changes and clears follow a raise of their series; each detection has its sentences and valid numbers."""
    opened: set[tuple[object, ...]] = set()
    for i in range(len(found)):
        timeline = "live" if "silent" in found.rule[i] else (bool(found.drill[i]),)
        key = (found.rule[i], int(found.sensor[i]), int(found.metric[i]), timeline)
        assert 0 <= found.level[i] <= 3, "a level is outside 0 to 3"
        assert 0 <= found.score[i] <= 1, "a score is outside 0 to 1"
        assert found.first_ns[i] <= found.last_ns[i], "the evidence ends before it begins"
        text = found.evidence[i]["text"]
        assert text["zh"] != text["en"], "a sentence is not translated"
        assert found.evidence[i]["clears"]["zh"], "the clearing condition has no sentence"
        if Phase(found.phase[i]) is Phase.RAISE:
            opened.add(key)
        else:
            assert key in opened, "a change or clear has no raise before it"


def check_retained(make: Make, batch: TelemetryBatch) -> None:
    """Retained copies between the readings change neither detections nor state."""
    copies = replace(batch, quality=np.full(len(batch), Quality.RETAINED, np.uint8))
    both = concat([batch, copies])
    mixed = both.select(np.argsort(both.arrival_ns, kind="stable"))
    own = mixed.select(np.flatnonzero(mixed.quality != Quality.RETAINED))
    with_copies, without = make(), make()
    assert rows_of([with_copies.update(mixed)]) == rows_of([without.update(own)]), "retained copies change detections"


def check_qualities(make: Make, batch: TelemetryBatch) -> None:
    """Past values are late at most, tests are drills; faulty readings raise device faults only."""
    for quality, name in ((Quality.HISTORICAL, "late"), (Quality.TEST, "drill")):
        found = make().update(replace(batch, quality=np.full(len(batch), quality, np.uint8)))
        assert getattr(found, name).all(), f"readings of quality {quality.name} raise more than {name} detections"
    found = make().update(replace(batch, quality=np.full(len(batch), Quality.FAULT, np.uint8)))
    assert set(found.hazard) <= {"sensor_fault"}, "faulty readings raise a hazard of the place"


def check_damaged(make: Make) -> None:
    """Damaged or foreign snapshots raise StateError."""
    whole = make().snapshot()
    for state in (b"", b"\x81\xa1a", whole[:-9], whole + b"\0", whole[:20] + bytes([whole[20] ^ 1]) + whole[21:]):
        try:
            make().restore(state)
        except StateError:
            continue
        raise AssertionError("a damaged snapshot is accepted")


def check_bounded(make: Make, batch: TelemetryBatch) -> None:
    """State grows with the number of sensors, not with time."""
    detector = make()
    span = int(batch.time_ns.max() - batch.time_ns.min()) + SECOND_NS
    detector.update(batch)
    size = len(detector.snapshot())
    for turn in range(1, 10):
        shift = turn * span
        detector.update(replace(batch, time_ns=batch.time_ns + shift, arrival_ns=batch.arrival_ns + shift))
    assert len(detector.snapshot()) <= size * GROWTH_MAX, "the state grows with time"


def random_history(rule: Rule, seed: int, *, rows: int = 400) -> tuple[Catalog, TelemetryBatch]:
    """Return a catalogue and readings of the rule's metrics: gaps, jumps, NaN, late, doubled and faulty ones."""
    random = np.random.default_rng(seed)
    catalog = Catalog()
    kind, profile = (rule.kinds or ("device",))[0], (rule.profiles or ("",))[0]
    codes = []
    for number in range(3):
        code = catalog.code("s", f"{kind}-{number}", kind)
        catalog.update(replace(catalog[code], profile=profile))
        codes.append(code)
    names = rule.reads or ("temperature",)
    metrics = [catalog.metric(name).code for name in names]
    steps = random.choice([0, 0.2, 1, 5, 20, 130, 4_000, 80_000], rows, p=[0.05, 0.1, 0.3, 0.3, 0.15, 0.05, 0.03, 0.02])
    arrival = START_NS + (np.cumsum(steps) * SECOND_NS).astype(np.int64)
    late = random.choice([0, 3, 40, 900, 20_000], rows, p=[0.8, 0.08, 0.06, 0.04, 0.02])
    value = np.where(random.random(rows) < 0.5, random.normal(0, 1, rows), random.normal(50, 30, rows)).round(3)
    value[random.random(rows) < 0.03] = np.nan
    quality = random.choice([int(one) for one in Quality], rows, p=_shares())
    columns: dict[str, NDArray[Any]] = {
        "sensor": random.choice(codes, rows).astype(np.int32),
        "metric": random.choice(metrics, rows).astype(np.int16),
        "time_ns": arrival - (late * SECOND_NS).astype(np.int64),
        "arrival_ns": arrival,
        "value": value,
        "quality": quality.astype(np.uint8),
    }
    return catalog, from_columns(columns)


def check_evidence(found: DetectionBatch) -> None:
    """All numbers of the evidence are finite; a baseline, where there is one, is a number."""
    for evidence in found.evidence:
        json.dumps(evidence, allow_nan=False)
        assert evidence.get("baseline", 0.0) is not None, "a baseline is null"


def check_hard(rule: Rule, seed: int) -> None:
    """Gaps, nulls, equal and reversed times, and changes of unit and rate break no invariant."""
    catalog, batch = hard_history(rule, seed)

    def make() -> DetectorSet:
        return build(Recipe(rule.name, (rule,), digest="contract"), catalog, Calendar())

    check_batches(make, batch)
    check_restart(make, batch, seed * 7919 % len(batch))
    check_repeatable(make, batch)
    found = make().update(batch)
    check_order(found)
    check_evidence(found)


def check_all(rule: Rule, *, seeds: Sequence[int] = range(5)) -> None:
    """Check a rule against every invariant, on histories of several seeds."""
    for seed in seeds:
        catalog, batch = random_history(rule, seed)

        def make(catalog: Catalog = catalog) -> DetectorSet:
            return build(Recipe(rule.name, (rule,), digest="contract"), catalog, Calendar())

        check_empty(make)
        check_batches(make, batch)
        check_restart(make, batch, len(batch) * seed // max(1, len(seeds)))
        check_repeatable(make, batch)
        check_order(make().update(batch))
        check_retained(make, batch)
        check_qualities(make, batch)
        check_damaged(make)
        check_bounded(make, batch)
        check_hard(rule, seed)


def _shares() -> list[float]:
    usual = 0.8
    rest = (1 - usual) / (len(Quality) - 1)
    return [usual if one is Quality.GOOD else rest for one in Quality]


CLOCK = METRIC_BY_NAME["tick"].code
"""Metric of the service's clock readings, which end the timers of timed rules."""
