"""Backtest and preview over stored readings: alarms of the stream, effect of other limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from detectors import Calendar, Recipe, RecipeError, build
from detectors.qualification.backtest import backtest, metric_codes
from detectors.qualification.preview import Incident, changed_rule, preview
from detectors.recipes.kinds import LevelRule, Threshold
from ingest import METRIC_BY_NAME, Catalog, TelemetryBatch, from_columns
from ingest.stores import MemoryStore, open_store
from ingest.stores.history import history, open_history, read_history

DAY_NS = 86_400_000_000_000
START_NS = 20_700 * DAY_NS + 23 * 3_600_000_000_000
SENSORS, COUNT = 3, 900
RULE = Threshold(
    name="density", hazard="fire", metric="smoke_density", limits=(0.05, 0.1, 0.3), levels=(1, 2, 3),
    durations_s=(60, 20, 0), counts=(3, 2, 2), hysteresis=0.02, clear_s=120,
)  # fmt: skip
DENSITY = METRIC_BY_NAME["smoke_density"].code


def stored() -> tuple[Catalog, TelemetryBatch]:
    """Return three heads over midnight: one with an alarm, one just above 0.1 dB/m, one clean."""
    catalog = Catalog()
    codes = np.array([catalog.code("s", f"head-{n}", "smoke") for n in range(SENSORS)], np.int32)
    sensor = np.tile(codes, COUNT)
    step = np.repeat(np.arange(COUNT), SENSORS)
    peak = np.select([sensor == codes[0], sensor == codes[1]], [0.5, 0.12], 0.01)
    time_ns = START_NS + step * 10_000_000_000
    columns = {"sensor": sensor, "metric": np.full(len(sensor), DENSITY, np.int16), "time_ns": time_ns}
    columns |= {"arrival_ns": time_ns, "value": np.where((step > 500) & (step < 560), peak, 0.01)}
    return catalog, from_columns(columns | {"quality": np.zeros(len(sensor), np.uint8)})


@pytest.mark.parametrize("kind", ["duckdb", "memory"])
def test_stored_readings_come_back_in_order_of_time(tmp_path: Path, kind: str) -> None:
    """Both readers give the readings of the span, over two days, by time and arrival."""
    catalog, batch = stored()
    store = MemoryStore() if kind == "memory" else open_store("duckdb", tmp_path / "r.duckdb")
    store.write(batch, cursor=1)
    span = {"from_ns": START_NS, "to_ns": START_NS + DAY_NS}
    parts = list(read_history(store, range(len(catalog)), [DENSITY], **span))
    store.close()
    times = np.concatenate([part.time_ns for part in parts])
    assert (len(times), bool((np.diff(times) >= 0).all())) == (len(batch), True)
    if kind == "duckdb":
        with open_history(tmp_path / "r.duckdb") as db:
            halves = [sum(map(len, history(db, metrics=None, **span, share=(2, i)))) for i in (0, 1)]
        assert sum(halves) == len(batch)


def test_a_backtest_raises_as_the_stream() -> None:
    """Rule, level and time of the alarms are those of the detectors on the same readings."""
    catalog, batch = stored()
    recipe = Recipe("r", (RULE,))
    assert metric_codes(recipe, catalog) == [DENSITY]
    found = backtest(recipe, catalog, Calendar(), [batch])
    live = build(recipe, catalog, Calendar()).update(batch)
    raised = [(int(live.sensor[i]), int(live.level[i]), int(live.decided_ns[i])) for i in range(len(live))]
    assert [(one.sensor, one.level, one.decided_ns) for one in found.raised] == [one for one in raised if one[1] > 1]
    assert (found.readings, len(found.raised)) == (len(batch), 2)


def test_a_preview_counts_added_removed_and_missed() -> None:
    """A higher limit removes the alarm of the head at 0.12 dB/m; its incident is missed, the other one is not."""
    catalog, batch = stored()
    rule = RULE
    assert isinstance(rule, LevelRule)
    begin, end = START_NS, START_NS + COUNT * 10_000_000_000
    incidents = [Incident(frozenset([code]), begin, end) for code in (1, 2)]
    changed = changed_rule(rule, [0.15, 0.2, 0.3])
    span = (begin, end)
    _, [now, then] = preview(rule, changed, catalog, Calendar(), [batch], incidents=incidents, span=span)
    assert (now.alarms, now.added, now.removed, now.incidents_missed) == (2, 0, 0, 0)
    assert (then.alarms, then.added, then.removed, then.incidents_missed) == (1, 0, 1, 1)
    for limits in ([0.3, 0.2, 0.1], [0.1]):
        with pytest.raises(RecipeError):
            changed_rule(rule, limits)
