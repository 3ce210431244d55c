"""Open batch: items and rows round-trip."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest import Quality
from ingest.intake.batch import OpenBatch

Item = tuple[int, int, list[float]]
ITEMS = st.lists(
    st.tuples(st.integers(0, 99), st.integers(0, 10**18), st.lists(st.floats(allow_nan=False), min_size=1, max_size=4)),
    max_size=12,
)


def fill(batch: OpenBatch, item: Item) -> None:
    """Append one item with its rows."""
    sensor, time_ns, values = item
    batch.sensor.append(sensor)
    batch.time_ns.append(time_ns)
    batch.rows.append(len(values))
    batch.origin.append((0, 0, b"", b""))
    for metric, value in enumerate(values):
        batch.metric.append(metric)
        batch.value.append(value)


@given(ITEMS, ITEMS)
def test_rows_repeat_the_fields_of_their_item(first: list[Item], second: list[Item]) -> None:
    """Two chunks with separate arrival times, a sparse quality, and a withdrawn message."""
    batch = OpenBatch()
    batch.arrive(1)
    for item in first:
        fill(batch, item)
    batch.arrive(2)
    items, rows = batch.items, len(batch)
    batch.quality[items] = Quality.TEST
    batch.attributes[rows] = {"label": "x"}
    fill(batch, (7, 7, [7.0, 8.0]))
    batch.withdraw(items, rows)
    for item in second:
        fill(batch, item)
    if first:
        batch.quality[0] = Quality.TEST
    closed = batch.close()
    assert closed.value.tolist() == [value for item in first + second for value in item[2]]
    assert closed.sensor.tolist() == [item[0] for item in first + second for _ in item[2]]
    assert closed.time_ns.tolist() == [item[1] for item in first + second for _ in item[2]]
    assert closed.arrival_ns.tolist() == [1] * rows + [2] * (len(closed) - rows)
    assert closed.quality.tolist() == [
        Quality.TEST if index == 0 and first else Quality.GOOD
        for index, item in enumerate(first + second)
        for _ in item[2]
    ]
    assert not closed.attributes
