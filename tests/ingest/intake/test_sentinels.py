"""Sentinels of chips: power-on values and error codes are faults, other equal values are not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Quality, TelemetryBatch, ValueChecks, concat, from_columns
from ingest.intake.sentinels import Sentinel, load_sentinels
from ingest.intake.validate import Ranges

TABLE = load_sentinels()
QUIET = {"temperature": 21.0, "distance": 2.2, "depth": 0.1, "level": 1.5, "illuminance": 300.0, "co2": 600.0,
         "co": 3.0, "pm25": 30.0}  # fmt: skip
every = pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.chip}-{row.metric}-{row.value}")


def batch_of(catalog: Catalog, *rows: tuple[str, str, float]) -> TelemetryBatch:
    """Return good readings of (sensor, metric, value)."""
    found = {
        "sensor": [catalog.code("s", sensor, "env") for sensor, _, _ in rows],
        "metric": [METRIC_BY_NAME[metric].code for _, metric, _ in rows],
        "value": [value for _, _, value in rows],
    }
    return from_columns({name: np.array(found.get(name, np.zeros(len(rows))), dtype) for name, dtype in COLUMNS})


def faults(*rows: tuple[str, str, float]) -> list[bool]:
    """Return for each reading whether it has become a fault."""
    catalog = Catalog()
    batch = batch_of(catalog, *rows)
    return (ValueChecks(catalog).apply(batch).quality == Quality.FAULT).tolist()


@every
def test_sentinel_after_a_quiet_value_is_a_fault(row: Sentinel) -> None:
    """Also as the first reading after a start, and repeated; the next measurement is good."""
    quiet = QUIET[row.metric]
    values = [row.value, quiet, row.value, row.value, quiet]
    assert faults(*[("node", row.metric, value) for value in values]) == [True, False, True, True, False]


@pytest.mark.parametrize("row", [row for row in TABLE if np.isfinite(row.jump)], ids=lambda row: row.source[:40])
def test_measurement_that_approaches_a_sentinel_is_good(row: Sentinel) -> None:
    """A fire passes 85 Cel; some chips end their range there."""
    steps = np.arange(QUIET[row.metric], row.value, np.copysign(row.jump * 0.9, row.value - QUIET[row.metric]))
    values = [*steps.tolist(), row.value, row.value]
    known = METRIC_BY_NAME[row.metric]
    assert all(known.low <= value <= known.high for value in values)
    assert not any(faults(*[("node", row.metric, value) for value in values]))


@every
def test_probe_of_a_named_chip_has_the_rows_of_its_chip(row: Sentinel) -> None:
    """A BME280 beside it, or a word that contains the letters, changes nothing."""
    own = f"node/{row.chip}_1"
    assert faults((own, row.metric, row.value)) == [True]
    other = "DS18B20" if row.chip != "DS18B20" else "MAX6675"
    assert faults((f"node/{other}-1", row.metric, row.value)) == [False]
    assert faults((f"x{row.chip.lower()}", row.metric, row.value)) == [True]


@pytest.mark.parametrize(
    ("metric", "value"),
    [("temperature", -127.0), ("temperature", -100.0), ("temperature", -327.68), ("temperature", 3276.7),
     ("humidity", 655.35), ("humidity", 118.99), ("battery", 255.0), ("distance", 9999.0), ("distance", 65535.0),
     ("co", 65535.0), ("pm25", 65535.0)],
)  # fmt: skip
def test_sentinel_outside_its_range_needs_no_row(metric: str, value: float) -> None:
    """The valid range of the metric makes it a fault."""
    assert Ranges().outside(np.array([METRIC_BY_NAME[metric].code], np.int16), np.array([value])).all()


def test_table_names_described_metrics_within_their_range() -> None:
    """A row outside the range would have no effect."""
    for row in TABLE:
        known = METRIC_BY_NAME[row.metric]
        assert known.low <= row.value <= known.high


values = st.sampled_from([21.0, 40.0, 60.0, 80.0, 85.0, 84.995, 127.94, 130.0])
rows_of = st.lists(st.tuples(st.sampled_from(["a", "b/DS18B20-1", "c/SHT3X"]), st.just("temperature"), values))


@given(rows_of, st.integers(0, 20))
def test_batches_have_the_faults_of_single_rows(rows: list[tuple[str, str, float]], cut: int) -> None:
    """The last value carries over from batch to batch; other columns stay."""
    one, two = Catalog(), Catalog()
    whole, single = batch_of(one, *rows), ValueChecks(two)
    checks = ValueChecks(one)
    parts = concat([checks.apply(whole.select(slice(0, cut))), checks.apply(whole.select(slice(cut, None)))])
    alone = [int(single.apply(batch_of(two, row)).quality[0]) for row in rows]
    assert parts.quality.tolist() == alone
    assert parts.value.tolist() == whole.value.tolist()
