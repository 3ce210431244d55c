"""Device clocks: estimate within thirty messages, correction within the bound, no false offsets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import BatchSettings, Catalog, Counts, Intake, Memory
from ingest.devices.clocks import RUN, Clock, Clocks, read_clock

NOW_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
HOUR_S = 3_600


class Device:
    """A device that sends periodically over a network with delay, with its own clock."""

    def __init__(self, *, offset_s: float = 0, drift_ppm: float = 0, period_s: float = 10, seed: int = 1) -> None:
        self.offset_s, self.drift_ppm, self.period_s = offset_s, drift_ppm, period_s
        self._random = np.random.default_rng(seed)

    def messages(self, count: int, *, begin_s: float = 0) -> list[tuple[int, int, int]]:
        """Yield (true time, device time, arrival) of each message; device clocks have whole milliseconds."""
        found = []
        for number in range(count):
            true_s = begin_s + number * self.period_s
            device_s = true_s + self.offset_s + self.drift_ppm * 1e-6 * true_s
            arrival_s = true_s + 0.02 + self._random.exponential(0.1)
            found.append((_ns(true_s), _ns(device_s) // 1_000_000 * 1_000_000, _ns(arrival_s)))
        return sorted(found, key=lambda row: row[2])


def _ns(seconds: float) -> int:
    return NOW_NS + round(seconds * SECOND_NS)


def feed(clocks: Clocks, device_ns: int, arrival_ns: int, *, sensor: int = 1) -> int:
    """Send one message; return its stored time."""
    columns = np.array([sensor], np.int32), np.array([device_ns], np.int64), np.array([arrival_ns], np.int64)
    return int(clocks.correct(*columns, np.ones(1, np.bool_))[0])


@settings(deadline=None)
@given(
    st.one_of(st.floats(-8 * HOUR_S, 8 * HOUR_S), st.sampled_from([-1.79e9, -8.4e8, HOUR_S, -HOUR_S, 28_800, -28_800])),
    st.floats(-100, 100),
    st.floats(1, 900),
    st.integers(0, 1_000),
)
def test_any_error_is_corrected_within_thirty_messages(
    offset_s: float, drift: float, period_s: float, seed: int
) -> None:
    """From message 30 on, each stored time is within the stated bound of the truth and not after arrival."""
    clocks = Clocks()
    device = Device(offset_s=offset_s, drift_ppm=drift, period_s=period_s, seed=seed)
    relearnt_ns = round(RUN * period_s * abs(drift) * 1e3)  # the drift of a clock while a new run is too short
    for number, (true_ns, device_ns, arrival_ns) in enumerate(device.messages(120)):
        stored_ns = feed(clocks, device_ns, arrival_ns)
        if number < 30:
            continue
        off_ns = abs(stored_ns - true_ns)
        assert off_ns <= max(clocks.bound_ns(1), 0)
        assert stored_ns <= arrival_ns + SECOND_NS + relearnt_ns
        assert clocks.bound_ns(1) <= 12 * SECOND_NS


@settings(deadline=None)
@given(st.integers(60, 20_000), st.floats(0.001, 0.8), st.booleans(), st.integers(0, 100))
def test_backfill_is_no_clock_offset(gap_s: int, pace: float, newest_first: bool, seed: int) -> None:  # noqa: FBT001 - drawn
    """After a gap the stored messages arrive faster than measured, in either order; each keeps its own time."""
    clocks = Clocks()
    for _, device_ns, arrival_ns in Device(seed=seed).messages(30):
        feed(clocks, device_ns, arrival_ns)
    count = min(gap_s // 10, 300)
    kept = [_ns(300 + 10 * number) for number in range(count)]
    begin_s = 300 + 10 * count
    for number, device_ns in enumerate(reversed(kept) if newest_first else kept):
        assert feed(clocks, device_ns, _ns(begin_s + 10 * pace * number)) == device_ns
    assert clocks.offset_ns(1) == 0


def test_a_corrected_clock_is_trusted_immediately() -> None:
    """After an hour's offset is corrected, the first correct message is stored under its own time."""
    clocks = Clocks()
    for true_ns, device_ns, arrival_ns in Device(offset_s=HOUR_S).messages(20):  # noqa: B007 - the last one counts
        stored_ns = feed(clocks, device_ns, arrival_ns)
    assert abs(stored_ns - true_ns) < SECOND_NS
    [(true_ns, device_ns, arrival_ns)] = Device().messages(1, begin_s=200)
    assert feed(clocks, device_ns, arrival_ns) == device_ns == true_ns
    memory = clocks.drain_memory()
    assert memory == {"1": None}


def test_a_wrong_service_clock_corrects_no_device() -> None:
    """With a common offset of all devices only the deviating device is corrected."""
    clocks = Clocks()
    for step in range(20):
        for sensor in range(1, 21):
            true_s = 10 * step + sensor / 100
            device_s = true_s + (HOUR_S if sensor == 20 else 0)
            stored_ns = feed(clocks, _ns(device_s), _ns(true_s + 0.1 + HOUR_S), sensor=sensor)
        assert step < 13 or abs(stored_ns - _ns(true_s)) < SECOND_NS
    assert [clocks.offset_ns(sensor) for sensor in range(1, 20)] == [0] * 19


def test_drift_is_estimated_in_ppm() -> None:
    """80 ppm over eight hours on top of an offset is estimated within a few ppm and survives a restart."""
    clocks = Clocks()
    kept: dict[str, bytes | None] = {}
    for _, device_ns, arrival_ns in Device(offset_s=600, drift_ppm=80).messages(2_880):
        feed(clocks, device_ns, arrival_ns)
        kept |= clocks.drain_memory()
    value = kept["1"]
    assert value is not None
    clock = read_clock(value)
    assert clock is not None
    assert clock.drift_ppm == pytest.approx(80, abs=5)
    assert clock.offset_ns / SECOND_NS == pytest.approx(-600 - 80e-6 * 28_800, abs=1)
    again = Clocks([("1", value)])
    assert feed(again, _ns(30_000 + 602.4), _ns(30_000.1)) == pytest.approx(_ns(30_000), abs=SECOND_NS)


def test_damaged_memory_is_left_out() -> None:
    """Damaged memory yields no clock."""
    assert read_clock(b"\xc1") is None
    assert Clocks([("3", b"junk")]).offset_ns(3) == 0


def test_through_the_intake_a_clock_in_another_zone() -> None:
    """Eight hours slow: from message 12 on readings are current, also after a restart; notices count them."""
    catalog = Catalog()
    intake = Intake(catalog, batch=BatchSettings(age_s=10))
    stored, memory = [], {}
    for step in range(15):
        arrival_ns = _ns(10 * step + 0.05)
        payload = b'{"time": %d, "co": %d}' % ((_ns(10 * step - 28_800)) // 1_000_000, step)
        intake.accept([(0, 0, b"campus/s/smoke/a", payload)], arrival_ns)
        sealed = intake.seal()
        assert sealed is not None
        stored += sealed.batch.time_ns.tolist()
        memory |= sealed.of(Memory).values
        corrected = [rows for count, rows in sealed.of(Counts).rows.items() if count.reason == "clock_corrected"]
        assert corrected == ([1] if step >= 11 else [])
    assert stored[0] == _ns(-28_800)
    assert stored[-1] == pytest.approx(_ns(140), abs=SECOND_NS)
    ((key, value),) = ((key, value) for key, value in memory.items() if key[0] == "_clock")
    assert key == ("_clock", str(catalog.code("s", "a", "smoke")))
    assert value is not None
    again = Intake(catalog, batch=BatchSettings(age_s=10), memory=[(*key, value)])
    again.accept(
        [(0, 0, b"campus/s/smoke/a", b'{"time": %d, "co": 1}' % (_ns(500 - 28_800) // 1_000_000))], _ns(500.05)
    )
    sealed = again.seal()
    assert sealed is not None
    assert sealed.batch.time_ns[0] == pytest.approx(_ns(500), abs=SECOND_NS)


@pytest.mark.parametrize(("metric", "stored"), [("humidity", [0, 0, 0, 1, 1, 1]), ("smoke", [1] * 6)])
def test_a_clock_of_1970_withholds_no_life_safety_until_it_is_estimated(metric: str, stored: list[int]) -> None:
    """The first three comfort readings are counted rejects; a smoke alarm is stored at its arrival."""
    intake = Intake(Catalog(), batch=BatchSettings(age_s=10))
    outcomes = []
    for step in range(6):
        payload = b'{"time": %d, "%b": 1}' % (10_000 * step + 5, metric.encode())
        intake.accept([(0, 0, b"campus/s/smoke/a", payload)], _ns(10 * step + 0.05))
        sealed = intake.seal()
        assert sealed is not None
        outcomes.append(sealed.batch.time_ns.tolist())
    assert [len(times) for times in outcomes] == stored
    assert not outcomes[0] or outcomes[0][0] == _ns(0.05)
    assert outcomes[-1][0] == pytest.approx(_ns(50), abs=SECOND_NS)


def test_a_clock_record_round_trips() -> None:
    """A record keeps its four fields."""
    assert Clock(1, 2, 3.0, 4)._asdict() == {"offset_ns": 1, "bound_ns": 2, "drift_ppm": 3.0, "since_ns": 4}
