"""General recipe: raise and clear, proof of continuous values, causality, restart, memory, bad input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import Calendar, DetectionBatch, DetectorSet, Phase, Recipe, build, load_recipe
from detectors.learned.excess import ExcessDetector
from detectors.learned.unusual import UnusualDetector
from detectors.outputs import Outputs, Score
from detectors.recipes.general import Excess, Unusual
from ingest import COLUMNS, Catalog, Quality, TelemetryBatch, from_columns
from tests.detectors.histories import joined

RULE = next(rule for rule in load_recipe().rules if isinstance(rule, Unusual))
START_NS, STEP_NS = 1_790_000_000_000_000_000, 300_000_000_000
DAY = 288


def catalog() -> Catalog:
    """Return four devices and two undescribed metrics."""
    made = Catalog()
    for number in range(4):
        made.code("s", f"device-{number}", "device")
    made.metric("vendor_value")
    made.metric("other_value")
    return made


def make(outputs: Outputs | None = None) -> DetectorSet:
    """Return a new detector of the rule."""
    return build(Recipe("unusual", (RULE,)), catalog(), Calendar(), outputs)


def daily(days: float, seed: int = 1) -> NDArray[np.float64]:
    """Return a daily cycle with noise, every 5 min."""
    rows = np.arange(round(days * DAY))
    noise = np.random.default_rng(seed).normal(0, 1, len(rows))
    return 50 + 10 * np.sin(rows * 2 * np.pi / DAY) + noise


def series(values: Sequence[float] | NDArray[np.float64], *, device: int = 0, quality: int = 0) -> TelemetryBatch:
    """Return the values as readings of one device, every 5 min."""
    names = catalog()
    time_ns = START_NS + np.arange(len(values), dtype=np.int64) * STEP_NS
    found = {
        "sensor": [names.code("s", f"device-{device}", "device")] * len(values),
        "metric": [names.metric("vendor_value").code] * len(values),
        "time_ns": time_ns, "arrival_ns": time_ns, "value": values, "quality": [quality] * len(values),
    }  # fmt: skip
    return from_columns({name: np.array(found[name], dtype) for name, dtype in COLUMNS})


def mixed() -> TelemetryBatch:
    """Return four days of two devices with a flat half day each, in order of time."""
    parts = []
    for device in range(2):
        values = daily(4, seed=device)
        values[800 + 90 * device : 950 + 90 * device] = 75.0 + device
        parts.append(series(values, device=device))
    both = {name: np.concatenate([getattr(part, name) for part in parts]) for name, _ in COLUMNS}
    order = np.argsort(both["time_ns"], kind="stable")
    return from_columns({name: column[order] for name, column in both.items()})


def learned(detector: DetectorSet) -> int:
    """Return the number of series with a large row."""
    member = detector._members[0].detector
    assert isinstance(member, UnusualDetector)
    return member._series.used


def phases(found: DetectionBatch) -> list[int]:
    """Return the phases of the detections."""
    return [int(phase) for phase in found.phase]


def test_a_new_pattern_raises_without_a_page_and_clears() -> None:
    """A level shift is an anomaly of level 0 or 1 with band and both sentences, and it clears."""
    values = daily(6)
    values[4 * DAY : 4 * DAY + 60] += 60
    found = make().update(series(values))
    shift_ns = START_NS + 4 * DAY * STEP_NS
    within = [at for at in range(len(found)) if 0 <= found.decided_ns[at] - shift_ns < 70 * STEP_NS]
    first = within[0]
    assert found.phase[first] == Phase.RAISE
    assert found.hazard[first] == "anomaly"
    assert found.level[first] in (0, 1)
    assert not found.pages(first)
    low, high = found.evidence[first]["band"]
    assert low <= found.evidence[first]["baseline"] <= high < values[4 * DAY]
    assert "vendor_value" in found.evidence[first]["text"]["en"]
    assert found.evidence[first]["text"]["zh"]
    assert phases(found).count(Phase.RAISE) == phases(found).count(Phase.CLEAR)
    assert len(make().update(series(values[: 4 * DAY]))) <= 4


def test_row_by_row_equals_batched_equals_restarted() -> None:
    """The cut into batches and a restart at any of them change neither detections nor state."""
    batch = mixed()
    whole, single = make(), make()
    expected = joined([whole.update(batch)])
    assert len(expected) >= 2
    found = []
    for at in range(0, len(batch), 97):
        part = batch.select(slice(at, at + 97))
        found += joined([single.update(part)]) if at % 2 else joined([single.update(row) for row in part.rows()])
        again = make()
        again.restore(single.snapshot())
        single = again
    assert found == expected
    assert single.snapshot() == whole.snapshot()


@pytest.mark.parametrize(
    "values",
    [
        [20.5] * 2_000,
        [0, 1] * 1_000,
        [0, 1, 3, 2] * 500,
        list(range(0, 20_000, 10)),
        [*range(1_000, 3_000), *range(50)],
    ],
    ids=["constant", "switch", "state", "counter", "counter with a restart"],
)
def test_series_without_continuous_values_are_not_learned(values: list[float]) -> None:
    """They have no large row and no detection."""
    detector = make()
    assert len(detector.update(series(values))) == 0
    assert learned(detector) == 0


@pytest.mark.parametrize("quality", [Quality.TEST, Quality.HISTORICAL, Quality.FAULT, Quality.RETAINED])
def test_readings_of_other_qualities_are_not_learned(quality: Quality) -> None:
    """Only live good readings change a series."""
    detector = make()
    assert len(detector.update(series(daily(5), quality=int(quality)))) == 0
    assert learned(detector) == 0


def test_bad_input_leaves_the_state_usable() -> None:
    """NaN, infinite and huge values, times backwards, equal times, and ten years without data raise no exception."""
    values = daily(8)
    values[300:310], values[400], values[500] = np.nan, np.inf, 1e300
    batch = series(values)
    batch.time_ns[600:620] = batch.time_ns[10]
    batch.time_ns[700:710] = batch.time_ns[700]
    batch.time_ns[1000:] += 10 * 365 * 86_400 * 1_000_000_000
    batch.arrival_ns[:] = np.maximum.accumulate(batch.time_ns)
    detector = make()
    found = detector.update(batch)
    assert np.isfinite(found.score).all()
    again = make()
    again.restore(detector.snapshot())
    assert again.snapshot() == detector.snapshot()


def test_a_learned_series_takes_less_than_4_kb() -> None:
    """Rows of a series in both rules over undescribed metrics, with its cells in the tables."""
    other = next(rule for rule in load_recipe().rules if isinstance(rule, Excess))
    assert 3_000 <= UnusualDetector(RULE, Outputs()).row_bytes + ExcessDetector(other, Outputs()).row_bytes <= 4_000


def test_scores_are_written_for_callers_that_ask() -> None:
    """Each score belongs to a reading and is a share."""
    outputs = Outputs(scores=[])
    detector = make(outputs)
    detector.update(series(daily(4)))
    assert outputs.scores
    assert all(isinstance(one, Score) and 0 <= one.score <= 1 for one in outputs.scores)
