"""Open batch: items and rows round-trip; the ages that close a batch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest import Catalog, Intake, Quality
from ingest.intake.batch import FEW_ROWS, BatchSettings, Bounds, OpenBatch

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


AGE_NS, ORDINARY_AGE_NS = 25_000_000, 200_000_000
NOW_NS = 1_790_000_000_000_000_000


def accept(intake: Intake, kind: str, number: int, now_ns: int) -> None:
    """Accept one reading of a sensor of that kind."""
    payload = b'{"time":%d,"temperature":%d}' % (NOW_NS // 1_000_000 + number, number % 30)
    intake.accept([(0x32, number, f"campus/s/{kind}/{kind}-1".encode(), payload)], now_ns)


def test_an_urgent_reading_closes_its_batch_at_once() -> None:
    """Smoke and gates do not wait for other readings, which may collect for 0.2 s; each batch decides anew."""
    intake, now_ns = Intake(Catalog()), NOW_NS
    for number, kind in enumerate(("env", "smoke", "water", "gate", "env")):
        now_ns += ORDINARY_AGE_NS
        accept(intake, kind, number, now_ns)
        age_ns = 0 if kind in {"smoke", "gate"} else ORDINARY_AGE_NS
        assert intake.wait_s(now_ns) == age_ns / 1e9
        assert intake.due(now_ns + age_ns)
        assert not intake.due(now_ns + age_ns - 1) or not age_ns
        intake.seal(now_ns)


def test_an_urgent_reading_closes_the_batch_of_others() -> None:
    """The ordinary readings before it are written with it; many messages without acknowledgement do the same."""
    intake = Intake(Catalog())
    accept(intake, "env", 1, NOW_NS)
    assert not intake.due(NOW_NS + 1)
    accept(intake, "smoke", 2, NOW_NS + 1)
    assert intake.due(NOW_NS + 1)
    intake.seal(NOW_NS + 1)
    accept(intake, "env", 3, NOW_NS + AGE_NS + 1)
    intake.hurry()
    assert intake.due(NOW_NS + AGE_NS + 1)


def test_a_stream_of_readings_has_one_batch_an_age() -> None:
    """The second urgent batch waits until 25 ms after the first; many ordinary readings wait that long, too."""
    intake = Intake(Catalog())
    accept(intake, "smoke", 1, NOW_NS)
    intake.seal(NOW_NS)
    accept(intake, "smoke", 2, NOW_NS + 5_000_000)
    assert intake.wait_s(NOW_NS + 5_000_000) == 0.02
    intake.seal(NOW_NS + AGE_NS)
    for number in range(FEW_ROWS):
        assert not intake.due(NOW_NS + 2 * AGE_NS)
        accept(intake, "env", 3 + number, NOW_NS + AGE_NS)
    assert intake.due(NOW_NS + 2 * AGE_NS)


@given(st.integers(-(10**12), 10**12), st.integers(0, 40), st.booleans())
def test_no_batch_waits_longer_than_its_age(step_ns: int, rows: int, hurried: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever the clock does between two batches, an urgent one waits 25 ms at most and another one 0.2 s."""
    bounds = Bounds(BatchSettings())
    bounds.grow(1, NOW_NS)
    bounds.restart("age", NOW_NS)
    opened_ns = NOW_NS + step_ns
    bounds.grow(1, opened_ns)
    bounds.hurried = hurried
    longest_ns = AGE_NS if hurried or rows >= FEW_ROWS else ORDINARY_AGE_NS
    assert bounds.wait_s(rows, opened_ns) <= longest_ns / 1e9  # type: ignore[operator]
    assert bounds.reached(rows, opened_ns + longest_ns) == "age"
    assert bounds.reached(rows, opened_ns - 1) == "age"


def test_the_age_of_ordinary_readings_is_no_shorter_than_the_other() -> None:
    """A long `batch.age_s` holds for every batch."""
    bounds = Bounds(BatchSettings(age_s=3, ordinary_age_s=0.2))
    bounds.grow(1, 0)
    assert bounds.wait_s(1, 0) == 3
