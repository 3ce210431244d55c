"""Who is told as silent: the sensor, or the gateway that it is heard through; and periods that nobody told."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Calendar, DetectorSet, Phase, Recipe, ServiceClock, load_recipe
from ingest import COLUMNS, METRIC_BY_NAME, SERVICE_SITE, Catalog, Sensor, TelemetryBatch, from_columns

START_NS = 1_790_000_000_000_000_000
SECOND_NS = 1_000_000_000
SILENCE = next(rule for rule in load_recipe().rules if rule.name == "silent")
Told = tuple[float, str, str, str]  # seconds, sensor, phase, hazard


class School:
    """Sensors behind gateways, one judge of silence, and a clock that ticks every second."""

    def __init__(self, sensors: dict[str, tuple[str, float]]) -> None:
        """sensors: name -> (gateway, period in seconds; 0 for unknown)."""
        rows = [
            Sensor(0, name, "s", "env", period_s=period, gateway=above) for name, (above, period) in sensors.items()
        ]
        self.catalog = Catalog(rows)
        for name in sensors:
            self.catalog.code("s", name, "env")
        self.judge = DetectorSet(Recipe("silence", (SILENCE,)), self.catalog, Calendar())
        self._rows: list[tuple[float, int, int, float]] = []

    def hears(self, name: str, at_s: float, *, online: float | None = None) -> None:
        """A temperature, or what a device says of itself."""
        metric = "temperature" if online is None else "online"
        code = self.catalog.code("s", name, "env")
        self._rows.append((at_s, code, METRIC_BY_NAME[metric].code, 20.0 if online is None else online))

    def until(self, end_s: float) -> list[Told]:
        """What is told until then."""
        clock, tick = self.catalog.code(SERVICE_SITE, "clock", "device"), METRIC_BY_NAME["tick"].code
        rows = sorted(self._rows + [(float(second), clock, tick, 1.0) for second in range(int(end_s))])
        found = self.judge.update(batch(rows))
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


@settings(deadline=None, max_examples=30)
@given(
    st.integers(2, 12), st.integers(2_000, 2_400), st.floats(0, 1), st.lists(st.floats(0, 1), min_size=12, max_size=12)
)
def test_a_lost_gateway_is_one_finding(count: int, gone_s: int, jitter: float, phases: list[float]) -> None:
    """Whatever the children's phases and jitter: one finding, within three periods, and none of a child."""
    school = School({f"c{number}": ("gw", 20.0) for number in range(count)})
    for number in range(count):
        for step in range(150):
            at_s = 20 * (step + phases[number]) + jitter * ((step * 7 + number) % 3)
            if at_s < gone_s or at_s >= gone_s + 500:
                school.hears(f"c{number}", at_s)
    told = school.until(3_000)
    assert [row[1:] for row in told] == [("gw", "RAISE", "gateway_silent"), ("gw", "CLEAR", "gateway_silent")]
    waited_s = SILENCE.lateness_s * (31 / 32) ** (gone_s // 20 - 1)  # what is left of the lateness granted at first
    assert gone_s + 30 <= told[0][0] <= gone_s + 62 + waited_s


@settings(deadline=None, max_examples=30)
@given(st.integers(2, 8), st.integers(2_000, 2_300), st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_a_lost_child_is_told_by_its_own_name(count: int, gone_s: int, phases: list[float]) -> None:
    """One sensor dies, the others go on: nothing is said of the gateway."""
    school = School({f"c{number}": ("gw", 20.0) for number in range(count)})
    for number in range(count):
        for step in range(140):
            at_s = 20 * (step + phases[number])
            if number or at_s < gone_s:
                school.hears(f"c{number}", at_s)
    told = school.until(2_600)
    assert [row[1:] for row in told] == [("c0", "RAISE", "sensor_silent")]
    assert gone_s + 40 <= told[0][0] <= gone_s + 70


def test_a_gateway_that_says_goodbye_takes_its_children_along() -> None:
    """Its last will is the finding; the children's own deadlines pass in silence, and start anew when it is back."""
    school = School({f"c{number}": ("gw", 20.0) for number in range(3)})
    for number in range(3):
        for step in range(200):
            school.hears(f"c{number}", 20 * step + number)
    school.hears("gw", 4_000, online=0.0)
    school.hears("c1", 4_000.5, online=0.0)
    school.hears("gw", 4_400, online=1.0)
    for at_s in range(4_410, 4_500, 20):
        school.hears("c0", at_s)
    told = school.until(4_500)
    assert told[:2] == [(4_000, "gw", "RAISE", "gateway_silent"), (4_400, "gw", "CLEAR", "gateway_silent")]
    assert [row[:3] for row in told[2:]] == [(4_461, "c1", "RAISE"), (4_461, "c2", "RAISE")]


def test_a_tree_falls_at_its_root() -> None:
    """Properties behind devices behind a root: everything silent is the root's silence."""
    tree = {f"d{d}/p{p}": (f"d{d}", 20.0) for d in range(3) for p in range(2)}
    school = School(tree | {f"d{d}": ("root", 0.0) for d in range(3)})
    for name in tree:
        for step in range(5):
            school.hears(name, 20.0 * step + 1)
    assert [row[1:] for row in school.until(400)] == [("root", "RAISE", "gateway_silent")]


def test_children_are_named_as_evidence() -> None:
    """The finding counts and names who is behind it, in words too."""
    school = School({f"c{number}": ("gw", 20.0) for number in range(3)})
    for number in range(3):
        school.hears(f"c{number}", 1.0 + number)
    rows = sorted(school._rows)
    rows += [(200.0, 0, METRIC_BY_NAME["tick"].code, 1.0)]
    found = school.judge.update(batch(rows))
    assert found.evidence[0]["dims"] == {"behind": ["c0", "c1", "c2"], "behind_total": 3}
    assert "3 sensors" in found.evidence[0]["text"]["en"]
    assert found.evidence[0]["limit"] == 60


@settings(deadline=None, max_examples=20)
@given(st.integers(60, 3_600), st.floats(0, 0.04))
def test_an_even_period_is_learned(period_s: int, jitter: float) -> None:
    """A meter of unknown period: silent after three of its own periods and what a newcomer is given, not a day."""
    school = School({"meter": ("", 0.0)})
    for step in range(12):
        school.hears("meter", 5 + period_s * (step + jitter * ((step * 5) % 3)))
    last_s = 5 + period_s * (11 + jitter * ((11 * 5) % 3))
    [(at_s, *told)] = school.until(last_s + 5 * period_s + 200)
    assert told == ["meter", "RAISE", "sensor_silent"]
    assert 2.5 * period_s <= at_s - last_s <= 3.8 * period_s + 121


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1 << 30))
def test_chance_is_no_period(seed: int) -> None:
    """A door that opens when people come: no period is learned, whatever the day was like."""
    random = Random(seed)  # noqa: S311 - moments, not keys
    school = School({"door": ("", 0.0)})
    at_s = 1.0
    for _ in range(200):
        at_s += random.expovariate(1 / 60)
        school.hears("door", at_s)
    assert school.until(at_s + 3_600) == []


def test_learned_periods_survive_a_snapshot() -> None:
    """A judge that goes on from a snapshot knows the period."""
    school = School({"meter": ("", 0.0)})
    for step in range(12):
        school.hears("meter", 5.0 + 600 * step)
    assert school.until(6_700) == []
    fresh = DetectorSet(school.judge.recipe, school.catalog, Calendar())
    fresh.restore(school.judge.snapshot())
    ticks = [(6_700.0 + second, 0, METRIC_BY_NAME["tick"].code, 1.0) for second in range(2_000)]
    assert [fresh.update(batch(ticks)).hazard] == [["sensor_silent"]]


def test_catalog_gives_a_gateway_its_code() -> None:
    """Declared or learned, a gateway is a sensor; a restart with the log's catalogue knows it still."""
    catalog = Catalog([Sensor(0, "a", "s", "smoke", gateway="gw")])
    code = catalog.code("s", "a", "smoke")
    assert catalog.find("s", "gw") == Sensor(code + 1, "gw", "s", "device")
    other = catalog.code("s", "b", "env")
    catalog.behind(other, "bridge")
    catalog.behind(code, "elsewhere")
    assert (catalog[other].gateway, catalog[code].gateway) == ("bridge", "gw")
    again = Catalog([Sensor(0, "b", "s", "env", place="hall")])
    again.load([replace(sensor) for sensor in catalog], [])
    assert again[other] == Sensor(other, "b", "s", "env", place="hall", gateway="bridge")


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
                result = school.judge.update(part)
                found += [second for row in range(len(result)) if result.hazard[row] == "sensor_silent"]
        found_s[with_backlog] = found
    assert len(found_s[True]) == 1
    assert GONE_S < found_s[True][0] <= GONE_S + 60 + SILENCE.lateness_s
    assert found_s[False][0] < GONE_S
