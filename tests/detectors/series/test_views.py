"""Series tables, the view of a batch, and the facts of sensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from detectors.kernels.emission import TIMELINES
from detectors.series.views import BatchView, Fleet, Table
from ingest import METRIC_BY_NAME, METRICS, Catalog, Quality, Sensor, TelemetryBatch
from tests.detectors.histories import campus, histories, readings, thorough

LATE_NS = 600 * 10**9


def view_of(batch: TelemetryBatch, fleet: Fleet) -> BatchView:
    """Return the view of a batch over a synced fleet."""
    fleet.sync(int(batch.sensor.max()))
    return BatchView(batch, fleet, clock_ns=0, late_ns=LATE_NS)


@thorough
@given(batch=histories())
def test_rows_of_metrics_are_usable_and_in_order(batch: TelemetryBatch) -> None:
    """Only good, test and historical readings with a value, of each metric alone and of all together."""
    view = view_of(batch, Fleet(campus()))
    usable = np.isin(batch.quality, [Quality.GOOD, Quality.TEST, Quality.HISTORICAL]) & ~np.isnan(batch.value)
    codes = sorted({*(metric.code for metric in METRICS), *batch.metric.tolist()})  # with undescribed ones
    for wanted in ([code] for code in codes):
        assert view.rows_of(wanted).tolist() == np.flatnonzero(usable & np.isin(batch.metric, wanted)).tolist()
    assert view.rows_of(codes).tolist() == np.flatnonzero(usable).tolist()


@thorough
@given(batch=histories())
def test_clock_is_the_latest_time_so_far(batch: TelemetryBatch) -> None:
    """The clock never runs ahead of the arrival, nor back."""
    view = view_of(batch, Fleet(campus()))
    seen = [min(time, arrival) for time, arrival in zip(batch.time_ns.tolist(), batch.arrival_ns.tolist(), strict=True)]
    assert view.clock.tolist() == [max(seen[: row + 1]) for row in range(len(seen))]


@thorough
@given(batch=histories())
def test_each_sensor_has_one_slot_in_order_of_appearance(batch: TelemetryBatch) -> None:
    """Slots stay over batches and a restore."""
    metrics = ("smoke", "co", "temperature")
    fleet, table, restored = Fleet(campus()), Table(metrics), Table(metrics)
    view = view_of(batch, fleet)
    part = table.part(view)
    rows = view.rows_of([METRIC_BY_NAME[name].code for name in metrics])
    assert table.codes == list(dict.fromkeys(batch.sensor[rows].tolist()))
    restored.load(table.dump(), len(fleet))
    assert restored.dump() == table.dump()
    np.testing.assert_array_equal(restored.slots[table.codes], np.arange(len(table)))
    if part is not None:
        assert part.rows.tolist() == rows.tolist()
        assert [table.codes[state // TIMELINES] for state in part.states.tolist()] == batch.sensor[rows].tolist()


def test_table_of_a_damaged_snapshot_is_refused() -> None:
    """Codes have to be a list."""
    with pytest.raises(TypeError, match="codes"):
        Table(("smoke",)).load({"codes": None}, 3)


def test_fleet_reports_new_and_changed_sensors_once() -> None:
    """The codes since a version are ascending and distinct; a version without changes has none."""
    catalog = Catalog()
    first = catalog.code("s", "a", "smoke")
    fleet = Fleet(catalog)
    fleet.sync(0)
    version = fleet.version
    assert fleet.changed(0).tolist() == list(range(len(fleet)))
    second = catalog.code("s", "b", "smoke")
    catalog.update(Sensor(first, "a", "s", "smoke", profile="kitchen"))
    catalog.update(Sensor(first, "a", "s", "smoke", profile="lab"))
    fleet.sync(0)
    assert fleet.changed(version).tolist() == [first, second]
    assert fleet[first].profile == "lab"
    assert fleet.changed(fleet.version).tolist() == []


def test_gateway_of_a_sensor_is_a_sensor_of_its_site() -> None:
    """A sensor without a gateway, or with itself as the gateway, has none."""
    catalog = Catalog()
    gateway = catalog.code("s", "gw", "device")
    codes = [catalog.code("s", name, "smoke") for name in ("a", "b", "c")]
    for code, name in zip(codes, ("gw", "b", ""), strict=True):
        catalog.update(Sensor(code, catalog[code].id, "s", "smoke", gateway=name))
    fleet = Fleet(catalog)
    fleet.sync(0)
    assert [fleet.gateway(code) for code in codes] == [gateway, -1, -1]


def test_code_without_an_entry_is_a_device_without_facts() -> None:
    """A batch may contain codes that the catalogue of another process adds later."""
    fleet = Fleet(Catalog())
    batch = readings([("smoke", 1, 0, 0, 1, 0)])
    view_of(batch, fleet)
    assert (fleet[int(batch.sensor[0])].kind, fleet[int(batch.sensor[0])].limits) == ("device", {})
