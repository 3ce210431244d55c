"""Offline detection: of a sensor or of its gateway, with declared and learned periods."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Calendar, DetectorSet, Phase, Recipe, ServiceClock, load_recipe
from detectors.kernels.silence import MISSED
from ingest import COLUMNS, METRIC_BY_NAME, SERVICE_SITE, Catalog, Sensor, TelemetryBatch, from_columns

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
SILENCE = next(rule for rule in load_recipe().rules if rule.name == "silent")
Found = tuple[float, str, str, str]  # seconds, sensor, phase, hazard


class School:
    """Sensors behind gateways, one silence rule, and a clock reading every second."""

    def __init__(self, sensors: dict[str, tuple[str, float]]) -> None:
        """sensors: name -> (gateway, period in seconds; 0 for unknown)."""
        rows = [
            Sensor(0, name, "s", "env", period_s=period, gateway=above) for name, (above, period) in sensors.items()
        ]
        self.catalog = Catalog(rows)
        for name in sensors:
            self.catalog.code("s", name, "env")
        self.detector = DetectorSet(Recipe("silence", (SILENCE,)), self.catalog, Calendar())
        self._rows: list[tuple[float, int, int, float]] = []

    def send(self, name: str, at_s: float, *, online: float | None = None) -> None:
        """Add a temperature reading, or an announcement of availability."""
        metric = "temperature" if online is None else "online"
        code = self.catalog.code("s", name, "env")
        self._rows.append((at_s, code, METRIC_BY_NAME[metric].code, 20.0 if online is None else online))

    def restart(self, detector: DetectorSet) -> None:
        """Continue with this detector; readings so far are scored."""
        self.detector, self._rows = detector, []

    def until(self, end_s: float, *, since_s: int = 0) -> list[Found]:
        """Return the detections until then."""
        clock, tick = self.catalog.code(SERVICE_SITE, "clock", "device"), METRIC_BY_NAME["tick"].code
        rows = sorted(self._rows + [(float(second), clock, tick, 1.0) for second in range(since_s, int(end_s))])
        found = self.detector.update(batch(rows))
        return [
            (
                (int(found.arrival_ns[row]) - START_NS) / SECOND_NS,
                self.catalog[int(found.sensor[row])].id,
                Phase(int(found.phase[row])).name,
                found.hazard[row],
            )
            for row in range(len(found))
        ]


def batch(rows: list[tuple[float, int, int, float]]) -> TelemetryBatch:
    """Rows (seconds, sensor, metric, value) as columns; they arrive at once."""
    time_ns = [START_NS + round(row[0] * SECOND_NS) for row in rows]
    found = {"sensor": [r[1] for r in rows], "metric": [r[2] for r in rows], "value": [r[3] for r in rows]}
    found |= {"time_ns": time_ns, "arrival_ns": time_ns, "quality": [0] * len(rows)}
    return from_columns({name: np.array(found[name], dtype) for name, dtype in COLUMNS})


@settings(deadline=None, max_examples=50)
@given(last_s=st.integers(100, 3_000), changed_at_s=st.integers(1_000, 3_000), back_s=st.integers(5_000, 6_000))
def test_a_changed_rule_detects_sensors_that_are_offline_and_clears_them(
    last_s: int, changed_at_s: int, back_s: int
) -> None:
    """The new rule ends the former finding and detects the sensor; its next message clears it."""
    school = School({"c": ("", 20.0)})
    for at_s in range(0, min(last_s, changed_at_s), 20):
        school.send("c", float(at_s))
    ends = [("c", "CLEAR")] if school.until(changed_at_s) else []
    changed = DetectorSet(
        Recipe("silence", (replace(SILENCE, periods=SILENCE.periods + 1),)), school.catalog, Calendar()
    )
    changed.restore(school.detector.snapshot())
    assert changed.fresh_rules == (SILENCE.name,)
    school.restart(changed)
    school.send("c", float(back_s))
    found = school.until(back_s + 2, since_s=changed_at_s)
    expected = [*ends, ("c", "RAISE"), ("c", "CLEAR")]
    assert [(sensor, phase) for _, sensor, phase, _ in found if phase != "CHANGE"] == expected


@settings(deadline=None, max_examples=30)
@given(
    st.integers(2, 12), st.integers(2_000, 2_400), st.floats(0, 1), st.lists(st.floats(0, 1), min_size=12, max_size=12)
)
def test_a_lost_gateway_is_one_detection(count: int, gone_s: int, jitter: float, phases: list[float]) -> None:
    """For any phases and jitter of its sensors: one detection within three periods, and none of a sensor."""
    school = School({f"c{number}": ("gw", 20.0) for number in range(count)})
    for number in range(count):
        for step in range(150):
            at_s = 20 * (step + phases[number]) + jitter * ((step * 7 + number) % 3)
            if at_s < gone_s or at_s >= gone_s + 500:
                school.send(f"c{number}", at_s)
    found = school.until(3_000)
    assert [row[1:] for row in found] == [("gw", "RAISE", "gateway_silent"), ("gw", "CLEAR", "gateway_silent")]
    waited_s = SILENCE.lateness_s * (31 / 32) ** (gone_s // 20 - 1)  # remainder of the initial lateness
    assert gone_s + 30 <= found[0][0] <= gone_s + 62 + waited_s


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 8), st.integers(2_000, 2_300), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_a_lost_sensor_behind_a_gateway_is_found_itself(count: int, gone_s: int, phases: list[float]) -> None:
    """One sensor stops and the others continue: no detection of the gateway."""
    school = School({f"c{number}": ("gw", 20.0) for number in range(count)})
    for number in range(count):
        for step in range(140):
            at_s = 20 * (step + phases[number])
            if number or at_s < gone_s:
                school.send(f"c{number}", at_s)
    found = school.until(2_600)
    assert [row[1:] for row in found] == [("c0", "RAISE", "sensor_silent")]
    assert gone_s + 40 <= found[0][0] <= gone_s + 70


def test_a_gateway_that_announces_offline_covers_its_sensors() -> None:
    """Its last will is the detection. Deadlines of its sensors pass without one, and restart when it returns."""
    school = School({f"c{number}": ("gw", 20.0) for number in range(3)})
    for number in range(3):
        for step in range(200):
            school.send(f"c{number}", 20 * step + number)
    school.send("gw", 4_000, online=0.0)
    school.send("c1", 4_000.5, online=0.0)
    school.send("gw", 4_400, online=1.0)
    for at_s in range(4_410, 4_500, 20):
        school.send("c0", at_s)
    found = school.until(4_500)
    assert found[:2] == [(4_000, "gw", "RAISE", "gateway_silent"), (4_400, "gw", "CLEAR", "gateway_silent")]
    assert [row[:3] for row in found[2:]] == [(4_461, "c1", "RAISE"), (4_461, "c2", "RAISE")]


def test_a_tree_is_offline_at_its_root() -> None:
    """Properties behind devices behind a root: one detection of the root for all of them."""
    tree = {f"d{d}/p{p}": (f"d{d}", 20.0) for d in range(3) for p in range(2)}
    school = School(tree | {f"d{d}": ("root", 0.0) for d in range(3)})
    for name in tree:
        for step in range(5):
            school.send(name, 20.0 * step + 1)
    assert [row[1:] for row in school.until(400)] == [("root", "RAISE", "gateway_silent")]


def test_sensors_behind_the_gateway_are_named_as_evidence() -> None:
    """The detection counts and names the sensors, in its text as well."""
    school = School({f"c{number}": ("gw", 20.0) for number in range(3)})
    for number in range(3):
        school.send(f"c{number}", 1.0 + number)
    rows = sorted(school._rows)
    rows += [(200.0, 0, METRIC_BY_NAME["tick"].code, 1.0)]
    found = school.detector.update(batch(rows))
    assert found.evidence[0]["dims"] == {"behind": ["c0", "c1", "c2"], "behind_total": 3}
    assert "3 sensors" in found.evidence[0]["text"]["en"]
    assert found.evidence[0]["limit"] == 60


@settings(deadline=None, max_examples=20)
@given(st.integers(60, 3_600), st.floats(0, 0.04))
def test_an_even_period_is_learned(period_s: int, jitter: float) -> None:
    """A meter of unknown period is offline after three learned periods and the first lateness, not after a day."""
    school = School({"meter": ("", 0.0)})
    for step in range(12):
        school.send("meter", 5 + period_s * (step + jitter * ((step * 5) % 3)))
    last_s = 5 + period_s * (11 + jitter * ((11 * 5) % 3))
    [(at_s, *found)] = school.until(last_s + 5 * period_s + 200)
    assert found == ["meter", "RAISE", "sensor_silent"]
    assert 2.5 * period_s <= at_s - last_s <= 3.8 * period_s + 121


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1 << 30))
def test_random_intervals_are_no_period(seed: int) -> None:
    """No period is learned from a door that opens at random times."""
    random = Random(seed)  # noqa: S311 - moments, not keys
    school = School({"door": ("", 0.0)})
    at_s = 1.0
    for _ in range(200):
        at_s += random.expovariate(1 / 60)
        school.send("door", at_s)
    assert school.until(at_s + 3_600) == []


def test_learned_periods_survive_a_snapshot() -> None:
    """A detector restored from a snapshot has the learned period."""
    school = School({"meter": ("", 0.0)})
    for step in range(12):
        school.send("meter", 5.0 + 600 * step)
    assert school.until(6_700) == []
    fresh = DetectorSet(school.detector.recipe, school.catalog, Calendar())
    fresh.restore(school.detector.snapshot())
    ticks = [(6_700.0 + second, 0, METRIC_BY_NAME["tick"].code, 1.0) for second in range(2_000)]
    assert [fresh.update(batch(ticks)).hazard] == [["sensor_silent"]]


def test_catalog_gives_a_gateway_its_code() -> None:
    """A declared or learned gateway is a sensor, after a restart with the catalogue of the log as well."""
    catalog = Catalog([Sensor(0, "a", "s", "smoke", gateway="gw")])
    code = catalog.code("s", "a", "smoke")
    assert catalog.find("s", "gw") == Sensor(code + 1, "gw", "s", "device")
    other = catalog.code("s", "b", "env")
    catalog.behind(other, "bridge")
    catalog.behind(code, "elsewhere")
    assert (catalog[other].gateway, catalog[code].gateway) == ("bridge", "gw")
    again = Catalog([Sensor(0, "b", "s", "env", place="hall")])
    again.load([replace(sensor) for sensor in catalog], [])
    assert again[other] == Sensor(other, "b", "s", "env", place="hall", gateway="bridge", declared=True)


GONE_S = 4_000


def test_no_sensor_is_offline_while_its_readings_wait_in_the_spool() -> None:
    """A comfort sensor every 20 s, decoded at an eighth of its pace beside urgent readings: offline only once it is.

    Without the `backlog` readings, the clock readings would run its timer out after a minute.
    """
    found_s: dict[bool, list[float]] = {}
    for with_backlog in (True, False):
        school, service_clock = School({"room": ("", 20.0)}), ServiceClock()
        clock, room = school.catalog.code(SERVICE_SITE, "clock", "device"), school.catalog.code("s", "room", "env")
        tick, temperature, lag = (METRIC_BY_NAME[name].code for name in ("tick", "temperature", "backlog"))
        found: list[float] = []
        for second in range(4_400):  # 500 s of messages, decoded at an eighth of their pace; then the sensor is gone
            arrived_s = second / 8 if second < GONE_S else float(second)
            rows = [(float(second), clock, tick, 1.0)]
            rows += [(float(second), clock, lag, second - arrived_s)] if with_backlog else []
            inputs = [service_clock.align(batch(rows))]
            if not arrived_s % 20 and second < GONE_S:
                inputs.append(batch([(arrived_s, room, temperature, 20.0)]))
            for part in inputs:
                result = school.detector.update(part)
                found += [second for row in range(len(result)) if result.hazard[row] == "sensor_silent"]
        found_s[with_backlog] = found
    assert len(found_s[True]) == 1
    assert GONE_S < found_s[True][0] <= GONE_S + 60 + SILENCE.lateness_s
    assert found_s[False][0] < GONE_S


LOST = next(rule for rule in load_recipe().rules if rule.name == "detector_lost")
AWAITED = METRIC_BY_NAME["awaited"].code


class Rooms:
    """Smoke heads behind a bridge, the rules of offline sensors and lost detectors, and a tick every second."""

    def __init__(self, **periods: float) -> None:
        """periods: name -> declared period in seconds, 0 for unknown."""
        heads = [Sensor(0, name, "s", "smoke", period_s=period, gateway="bridge") for name, period in periods.items()]
        self.catalog = Catalog(heads)
        for name in periods:
            self.catalog.code("s", name, "smoke")
        self.rows: list[tuple[float, int, int, float]] = []

    def send(self, name: str, metric: str, value: float, *at_s: float) -> None:
        """Add a reading at each of these times."""
        code = self.catalog.code("s", name, "smoke" if name != "bridge" else "device")
        self.rows += [(float(second), code, METRIC_BY_NAME[metric].code, value) for second in at_s]

    def until(self, end_s: int, *, attributes: dict[str, bool] | None = None) -> list[tuple[float, str, str, str]]:
        """Return (seconds, sensor, phase, hazard); attributes: those of each announcement."""
        detector = DetectorSet(Recipe("lost", (SILENCE, LOST)), self.catalog, Calendar())
        clock, tick = self.catalog.code(SERVICE_SITE, "clock", "device"), METRIC_BY_NAME["tick"].code
        rows = batch(sorted(self.rows + [(float(second), clock, tick, 1.0) for second in range(end_s)]))
        gone = np.flatnonzero((rows.metric == METRIC_BY_NAME["online"].code) & (rows.value == 0)).tolist()
        found = detector.update(replace(rows, attributes=dict.fromkeys(gone, attributes) if attributes else {}))
        return [
            (
                (int(found.arrival_ns[row]) - START_NS) / SECOND_NS,
                self.catalog[int(found.sensor[row])].id,
                Phase(int(found.phase[row])).name,
                found.hazard[row],
            )
            for row in range(len(found))
        ]


def lost(found: list[tuple[float, str, str, str]]) -> list[tuple[float, str, str]]:
    """Return the detections of lost detectors."""
    return [row[:3] for row in found if row[3] == "detector_lost"]


@pytest.mark.parametrize("period_s", [20, 60, 150, 200, 300, 480])
def test_a_lost_detector_is_found_after_three_periods_and_ten_minutes_at_most(period_s: int) -> None:
    """The deadline is never before one message is missing."""
    rooms = Rooms(head=period_s)
    rooms.send("head", "smoke_density", 0, *range(0, 2 * period_s + 1, period_s))
    ((at_s, *rest),) = lost(rooms.until(2 * period_s + 1_000))
    assert rest == ["head", "RAISE"]
    assert MISSED * period_s <= at_s - 2 * period_s <= max(min(3 * period_s + 120, 600), MISSED * period_s + 120)


@pytest.mark.parametrize(("period_s", "within_s"), [(60, 60), (3_600, 3_600)])
def test_a_declared_sensor_without_a_message_is_a_finding_within_its_period(period_s: int, within_s: int) -> None:
    """Its first message clears the finding; the lost detector of a sleeping room has ten minutes."""
    rooms = Rooms(head=period_s)
    rooms.send("head", "awaited", 1, 5)
    rooms.send("head", "smoke_density", 0, 5_000)
    found = rooms.until(5_010)
    assert [row for row in found if row[3] == "sensor_silent"] == [
        (5.0 + within_s, "head", "RAISE", "sensor_silent"),
        (5_000.0, "head", "CLEAR", "sensor_silent"),
    ]
    (raised, cleared) = lost(found)
    assert raised[0] <= 605
    assert cleared == (5_000.0, "head", "CLEAR")


def test_an_awaited_sensor_that_sends_in_time_is_no_finding() -> None:
    """Neither before its first message nor between the next ones."""
    rooms = Rooms(head=60)
    rooms.send("head", "awaited", 1, 0)
    rooms.send("head", "smoke_density", 0, *range(59, 1_000, 60))
    assert rooms.until(1_000) == []


def test_a_declared_detector_has_the_lateness_of_a_network_that_reorders() -> None:
    """The first message of a start may be two minutes late: no lost detector."""
    rooms = Rooms(head=10)
    rooms.send("head", "awaited", 1, 0)
    rooms.send("head", "smoke_density", 0, *range(140, 400, 10))
    found = rooms.until(400)
    assert lost(found) == []
    assert [row[0] for row in found if row[2] == "RAISE"] == [10.0]


def test_an_announced_loss_is_found_within_ten_minutes_and_a_short_one_is_not() -> None:
    """A passive head without a declared period announces its loss: offline immediately, lost after ten minutes."""
    rooms = Rooms(head=0, other=0)
    rooms.send("head", "smoke_density", 0, 0, 500)
    rooms.send("other", "smoke_density", 0, 0, 500)
    rooms.send("head", "online", 0, 100, 600)
    rooms.send("head", "online", 1, 130)
    found = rooms.until(1_300)
    ((at_s, *rest),) = lost(found)
    assert rest == ["head", "RAISE"]
    assert 1_000 < at_s <= 1_200
    assert [row for row in found if row[3] == "sensor_silent"] == [
        (100.0, "head", "RAISE", "sensor_silent"),
        (130.0, "head", "CLEAR", "sensor_silent"),
        (600.0, "head", "RAISE", "sensor_silent"),
    ]


@pytest.mark.parametrize("back_s", [None, 90.0])
def test_a_lost_bridge_of_passive_heads_is_one_lost_detector(back_s: float | None) -> None:
    """It has no message of its own from a head for ten minutes; a bridge that returns in time is none."""
    rooms = Rooms(head=0, other=0)
    for name in ("head", "other"):
        rooms.send(name, "smoke_density", 0, 0, 700, 1_400)
    rooms.send("bridge", "online", 1, 0)
    rooms.send("bridge", "online", 0, 2_000)
    if back_s is not None:
        rooms.send("bridge", "online", 1, 2_000 + back_s)
    found = lost(rooms.until(3_000))
    assert [row[1:] for row in found] == ([] if back_s else [("bridge", "RAISE")])
    assert all(2_000 < at_s <= 2_600 for at_s, _, _ in found)


@pytest.mark.parametrize(("announced", "expected"), [("asleep", []), ("removed", ["RAISE"])])
def test_a_sleep_is_no_loss_and_a_removal_is_one(announced: str, expected: list[str]) -> None:
    """Both arrive as `online` 0, with the reason."""
    rooms = Rooms(head=600)
    rooms.send("head", "smoke_density", 0, 0, 600)
    rooms.send("head", "online", 0, 610)
    found = rooms.until(700, attributes={announced: True})
    assert [phase for _, _, phase, hazard in found if hazard == "sensor_silent"] == expected
