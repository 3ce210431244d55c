"""Contract suite of the time-series stores; the memory store is the reference."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import (
    Buckets,
    HeldSpan,
    Level,
    Quality,
    RetentionClass,
    RetentionPlan,
    Store,
    StoreError,
    TelemetryBatch,
    empty_batch,
    from_columns,
    raw_only_plan,
)
from ingest.stores import MemoryStore, StoreSettings, open_store
from ingest.stores.influxdb import InfluxStore, create_database

KINDS = ("memory", "duckdb", "influxdb")
DAY_NS = 86_400_000_000_000
START_NS = 1_760_000_000_000_000_000
START_DAY = START_NS // DAY_NS


def batch_of(rows: list[tuple[int, int, int, float, int]]) -> TelemetryBatch:
    """Return a batch of (sensor, metric, time_ns, value, quality)."""
    columns = list(zip(*rows, strict=True)) or [()] * 5
    time_ns = np.array(columns[2], np.int64)
    return from_columns(
        {
            "sensor": np.array(columns[0], np.int32),
            "metric": np.array(columns[1], np.int16),
            "time_ns": time_ns,
            "arrival_ns": time_ns.copy(),
            "value": np.array(columns[3], np.float64),
            "quality": np.array(columns[4], np.uint8),
        }
    )


TIMES = (
    st.integers(-50, 50)
    | st.integers(0, 20).map(lambda step: START_NS + step * 7)
    | st.integers(-3, 3).map(lambda day: START_NS + day * DAY_NS)
)
VALUES = st.floats(-1e6, 1e6).map(lambda value: value + 0.0)
ROWS = st.tuples(st.integers(0, 2), st.integers(1, 2), TIMES, VALUES, st.integers(0, 3))
BATCHES = st.lists(ROWS, max_size=12).map(batch_of)
SPANS = st.tuples(TIMES, TIMES)
STEPS = st.integers(1, 40) | st.just(DAY_NS)


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Open new, empty stores of one kind; close all at the end."""
    opened: list[Store] = []
    server = request.getfixturevalue("influxdb") if request.param == "influxdb" else None

    def new() -> Store:
        if server is not None:
            database = f"t{uuid4().hex}"
            create_database(server.url, database)
            opened.append(InfluxStore(server.url, database, api="1"))
        else:
            opened.append(open_store(request.param, tmp_path / f"{len(opened)}.duckdb"))
        return opened[-1]

    yield new
    for store in opened:
        store.close()


def upkeep(store: Store, keep: RetentionPlan, *, now_ns: int) -> int:
    """Run retention to its end; return the number of removed readings."""
    gone = 0
    for _ in range(1_000):
        done = store.retain(keep, now_ns=now_ns)
        gone += done.gone
        if not done.more:
            return gone
    raise AssertionError("retention comes to no end")


def check_alike(got: Buckets, wanted: Buckets) -> None:
    """Assert equal buckets, with means within the rounding of sums."""
    for name in ("start_ns", "count", "low", "high"):
        np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name))
        assert getattr(got, name).dtype == getattr(wanted, name).dtype
    np.testing.assert_allclose(got.mean, wanted.mean, rtol=1e-9, atol=1e-6)


def check_same(store: Store, measure: MemoryStore, span: tuple[int, int], step_ns: int) -> None:
    """Assert that both stores return the same results."""
    assert (store.count(), store.cursor()) == (measure.count(), measure.cursor())
    within = {"from_ns": span[0], "to_ns": span[1]}
    for sensor in range(3):
        assert store.metrics(sensor) == measure.metrics(sensor)
        for metric in (1, 2):
            got = store.read(sensor, metric, **within)
            wanted = measure.read(sensor, metric, **within)
            for name in ("time_ns", "value", "quality"):
                np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name))
                assert getattr(got, name).dtype == getattr(wanted, name).dtype
            sums = store.downsample(sensor, metric, step_ns=step_ns, **within)
            check_alike(sums, measure.downsample(sensor, metric, step_ns=step_ns, **within))
    for sensors in ((), (0, 2), (2, 1, 0, 1)):
        sums = store.across(sensors, 1, step_ns=step_ns, **within)
        check_alike(sums, measure.across(sensors, 1, step_ns=step_ns, **within))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=st.lists(st.tuples(BATCHES, st.integers(1, 6)), max_size=5), now_ns=TIMES, span=SPANS, step_ns=STEPS)
def test_answers_are_those_of_the_memory_store(
    make: Callable[[], Store],
    writes: list[tuple[TelemetryBatch, int]],
    now_ns: int,
    span: tuple[int, int],
    step_ns: int,
) -> None:
    """Any writes, with repeated and stale cursors, then retention, give the same results as the memory store."""
    store, measure = make(), MemoryStore()
    for batch, cursor in writes:
        store.write(batch, cursor=cursor)
        measure.write(batch, cursor=cursor)
    check_same(store, measure, (min(span), max(span)), step_ns)
    assert upkeep(store, raw_only_plan(1), now_ns=now_ns) == upkeep(measure, raw_only_plan(1), now_ns=now_ns)
    check_same(store, measure, (min(span), max(span)), step_ns)


CLASSES = (
    RetentionClass("first", 1, metrics=frozenset({"2"}), levels=(Level(60_000_000_000, 3), Level(DAY_NS // 24, 40))),
    RetentionClass("rest", 2, levels=(Level(20_000_000_000, 4),)),
)
HOLDS = st.lists(
    st.builds(
        lambda sensors, first, days: HeldSpan(
            frozenset(sensors), START_NS // DAY_NS + first, START_NS // DAY_NS + first + days
        ),
        st.sets(st.integers(0, 2), min_size=1),
        st.integers(-3, 3),
        st.integers(0, 3),
    ),
    max_size=3,
)
MOMENTS = st.integers(-2, 4 * 24 * 60).map(lambda minute: START_NS + minute * 60_000_000_000 + minute % 7)
DATED = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2), MOMENTS, VALUES, st.integers(0, 1)), max_size=12)


def rules(held: list[HeldSpan]) -> RetentionPlan:
    """Return two classes by metric, with holds."""
    return RetentionPlan(CLASSES, lambda _sensor, metric: ("env", str(metric)), held=held)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.tuples(DATED, st.integers(0, 6), HOLDS), min_size=1, max_size=4), cut=st.integers(0, 8))
def test_retention_removes_expired_readings_and_keeps_holds(
    make: Callable[[], Store], turns: list[tuple[list[tuple[int, int, int, float, int]], int, list[HeldSpan]]], cut: int
) -> None:
    """Alternating writes and retention, interrupted after `cut` steps, leave the rows that the rules keep."""
    store, left, now_ns = make(), [], START_NS
    for cursor, (rows, days, held) in enumerate(turns, 1):
        store.write(batch_of(rows), cursor=cursor)
        left += rows
        now_ns, keep = now_ns + days * DAY_NS, rules(held)
        for _ in range(cut):
            store.retain(keep, now_ns=now_ns)
        upkeep(store, keep, now_ns=now_ns)
        left = [row for row in left if not _is_past(row, held, now_ns)]
        assert store.count() == len(left)
        for sensor in range(3):
            for metric in (1, 2):
                got = store.read(sensor, metric, from_ns=0, to_ns=2**62)
                wanted = sorted([row for row in left if row[:2] == (sensor, metric)], key=lambda row: row[2])
                assert list(zip(got.time_ns.tolist(), got.value.tolist(), strict=True)) == [row[2:4] for row in wanted]


def test_the_first_claim_counts(make: Callable[[], Store]) -> None:
    """A store belongs to the first installation that claims it, also after writes and a rewind."""
    store = make()
    assert store.claim(7) == 7
    store.write(batch_of([(0, 1, START_NS, 1.0, 0)]), cursor=3)
    store.rewind(1)
    assert (store.claim(8), store.claim(7), store.cursor(), store.count()) == (7, 7, 1, 1)


def _is_past(row: tuple[int, int, int, float, int], held: list[HeldSpan], now_ns: int) -> bool:
    day = row[2] // DAY_NS
    if any(row[0] in one.sensors and one.first_day <= day <= one.last_day for one in held):
        return False
    return (day + 1 + (1 if row[1] == 2 else 2)) * DAY_NS <= now_ns


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    turns=st.lists(st.tuples(DATED, st.integers(0, 5), HOLDS), min_size=1, max_size=4),
    cut=st.integers(0, 8),
    span=st.tuples(MOMENTS, MOMENTS),
    step_ns=st.sampled_from((60_000_000_000, 3_600_000_000_000, DAY_NS)),
)
def test_levels_answer_as_those_of_the_memory_store(
    tmp_path: Path,
    turns: list[tuple[list[tuple[int, int, int, float, int]], int, list[HeldSpan]]],
    cut: int,
    span: tuple[int, int],
    step_ns: int,
) -> None:
    """Down-sampled readings are equal before, during and after their move from raw to level to level."""
    store, measure, now_ns = open_store("duckdb", tmp_path / f"{uuid4().hex}.duckdb"), MemoryStore(), START_NS
    for cursor, (rows, days, held) in enumerate(turns, 1):
        for one in (store, measure):
            one.write(batch_of(rows), cursor=cursor)
        check_same(store, measure, (min(span), max(span)), step_ns)
        now_ns, keep = now_ns + days * DAY_NS, rules(held)
        for _ in range(cut):
            store.retain(keep, now_ns=now_ns)
        whole = {"from_ns": 0, "to_ns": 2**62, "step_ns": DAY_NS}
        upkeep(store, keep, now_ns=now_ns)
        upkeep(measure, keep, now_ns=now_ns)
        check_same(store, measure, (min(span), max(span)), step_ns)
        check_alike(store.across((0, 1, 2), 2, **whole), measure.across((0, 1, 2), 2, **whole))
    store.close()


def test_readings_of_one_time_keep_the_order_of_arrival(make: Callable[[], Store]) -> None:
    """Equal times keep their order within a batch and between batches."""
    store = make()
    store.write(batch_of([(0, 1, 5, float(value), 0) for value in (3, 1, 2)]), cursor=1)
    store.write(batch_of([(0, 1, 5, 0.0, 0), (0, 1, 4, 9.0, 0)]), cursor=2)
    assert store.read(0, 1, from_ns=0, to_ns=10).value.tolist() == [9, 3, 1, 2, 0]
    assert store.read(0, 1, from_ns=0, to_ns=10, limit=2).value.tolist() == [9, 3]


def test_spans_are_half_open_for_any_integer(make: Callable[[], Store]) -> None:
    """A span includes from_ns and excludes to_ns; bounds beyond 64 bits mean no bound."""
    store = make()
    store.write(batch_of([(0, 1, time_ns, 1.0, 0) for time_ns in (10, 20)]), cursor=1)
    assert store.read(0, 1, from_ns=10, to_ns=20).time_ns.tolist() == [10]
    assert store.read(0, 1, from_ns=-(2**70), to_ns=2**70).time_ns.tolist() == [10, 20]
    assert store.read(0, 1, from_ns=20, to_ns=10).time_ns.tolist() == []


def test_only_good_readings_are_averaged(make: Callable[[], Store]) -> None:
    """A fault, a test and a late copy are stored and do not change the mean."""
    store = make()
    rows = [(0, 1, quality, 100.0 * quality, quality) for quality in Quality]
    store.write(batch_of(rows), cursor=1)
    sums = store.downsample(0, 1, from_ns=0, to_ns=100, step_ns=100)
    assert (sums.count.tolist(), sums.high.tolist()) == ([1], [0.0])
    assert len(store.read(0, 1, from_ns=0, to_ns=100).time_ns) == len(rows)


def test_a_step_of_zero_is_rejected(make: Callable[[], Store]) -> None:
    """A step must have a length."""
    with pytest.raises(ValueError, match="step_ns"):
        make().downsample(0, 1, from_ns=0, to_ns=1, step_ns=0)


def test_cursor_moves_with_an_empty_batch(make: Callable[[], Store]) -> None:
    """An entry without readings moves the cursor."""
    store = make()
    store.write(empty_batch(), cursor=7)
    assert (store.cursor(), store.count()) == (7, 0)


def test_threads_may_read_while_one_writes(make: Callable[[], Store]) -> None:
    """Every count of a concurrent reader is a whole number of batches."""
    store, seen, errors = make(), [0], []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                seen.append(len(store.read(0, 1, from_ns=0, to_ns=2**62).time_ns))
        except StoreError as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for cursor in range(1, 21):
        store.write(batch_of([(0, 1, cursor * 1_000 + row, 1.0, 0) for row in range(100)]), cursor=cursor)
    done.set()
    for reader in readers:
        reader.join()
    assert not errors
    assert {number % 100 for number in seen} == {0}
    assert store.count() == 2_000


def test_settings_choose_the_engine(tmp_path: Path) -> None:
    """The kind names the engine; any other name is an error."""
    store = open_store("duckdb", tmp_path / "a.duckdb", settings=StoreSettings(memory_mb=64, threads=2))
    store.close()
    with pytest.raises(ValueError, match="rrd"):
        open_store("rrd", tmp_path / "b")  # type: ignore[arg-type]
