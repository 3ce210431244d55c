"""Estimators that a recipe names: detections, quiet data, bounded state."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from detectors import Calendar, DetectionBatch, Phase, Recipe, build, read_recipe
from detectors.learned.estimators import EstimatorDetector
from detectors.outputs import Outputs
from detectors.recipes.estimators import SeriesEstimator
from ingest import COLUMNS, Catalog, from_columns
from tests.detectors.histories import NAMED_ONLY, RECIPES

Floats = NDArray[np.float64]
START_NS, STEP_NS = 1_790_000_000_000_000_000, 300_000_000_000
ROWS, AT = 3000, 2600


def detected(recipe: Recipe, values: Floats) -> DetectionBatch:
    """Return the detections in a series of an undescribed metric, a value every five minutes."""
    catalog = Catalog()
    times = START_NS + np.arange(len(values)) * STEP_NS
    plain = {
        "sensor": catalog.code("s", "one", "env"),
        "metric": catalog.metric("vendor_value").code,
        "time_ns": times,
        "arrival_ns": times,
        "value": values,
        "quality": 0,
    }
    columns = {name: np.broadcast_to(np.asarray(plain[name]), times.shape).astype(dtype) for name, dtype in COLUMNS}
    return build(recipe, catalog, Calendar()).update(from_columns(columns))


def course(*, seed: int = 5) -> Floats:
    """Return a daily course with noise."""
    return 20 + 3 * np.sin(np.arange(ROWS) * 2 * np.pi / 288) + np.random.default_rng(seed).normal(0, 0.3, ROWS)


def rows_of(found: DetectionBatch) -> list[int]:
    """Return the rows at which a detection is raised."""
    return ((found.last_ns[found.phase == Phase.RAISE] - START_NS) // STEP_NS).tolist()


@pytest.mark.parametrize("kind", sorted(set(NAMED_ONLY) - {"context", "page_hinkley"}))
def test_a_leap_is_found_at_once(kind: str) -> None:
    """A leap by ten times the daily course raises within two hours."""
    values = course()
    values[AT:] += 60
    assert any(AT <= row <= AT + 24 for row in rows_of(detected(RECIPES[kind], values)))


@pytest.mark.parametrize("kind", sorted(set(NAMED_ONLY) - {"page_hinkley"}))
def test_quiet_data_raise_rarely(kind: str) -> None:
    """A daily course with noise raises once in two days at most."""
    assert len(rows_of(detected(RECIPES[kind], course()))) <= ROWS / 576


def test_page_hinkley_finds_a_change_of_the_mean_that_no_single_reading_shows() -> None:
    """A rise by one deviation raises page_hinkley within a day, and no estimator of single readings."""
    values = np.random.default_rng(1).normal(20, 1, ROWS)
    values[AT:] += 1.5
    text = {"name": "p", "hazard": "anomaly", "levels": [0], "pages": [], "memory_readings": 2000}
    found = read_recipe({"rule": [{"type": "page_hinkley", **text}]})
    assert any(AT < row < AT + 288 for row in rows_of(detected(found, values)))
    assert not any(row >= AT for row in rows_of(detected(RECIPES["dspot"], values)))


def test_contexts_find_a_known_value_in_an_unknown_order() -> None:
    """An ordinary level that never followed this one raises; the same order later does not."""
    values = np.tile([10.0, 12.5, 15.0, 20.0, 15.0, 12.5], ROWS // 6)
    values[AT : AT + 3] = (20.0, 10.0, 20.0)
    raised = rows_of(detected(RECIPES["context"], values))
    assert raised
    assert AT <= raised[0] <= AT + 3
    assert len(raised) == 1


@pytest.mark.parametrize("kind", sorted(NAMED_ONLY))
def test_state_of_a_series_is_bounded(kind: str) -> None:
    """At most 16 kB a series, the strong goal of learned state."""
    (rule,) = RECIPES[kind].rules
    assert isinstance(rule, SeriesEstimator)
    assert EstimatorDetector(rule, Outputs()).row_bytes <= 16_000
