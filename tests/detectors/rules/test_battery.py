"""Battery end of life from messages left, on scenario S7 and on synthetic batteries."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from detectors import (
    Calendar,
    DetectionBatch,
    DetectorSet,
    Phase,
    Recipe,
    load_battery_types,
    load_recipe,
    read_battery_types,
)
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Quality, Sensor, TelemetryBatch, from_columns
from simulators import World, build_campus, load_scenario, plan

DAY_S = 86_400
START_S = 1_790_000_000
LOW, HIGH = load_battery_types().of(Sensor(0, "a", "s", "smoke")).messages
RULES = tuple(rule for rule in load_recipe().rules if rule.hazard == "battery_low")
Row = tuple[float, str, float]  # seconds since START_S, metric, value


def battery_set(catalog: Catalog | None = None) -> DetectorSet:
    """Return a set of the battery rules over one sensor."""
    if catalog is None:
        catalog = Catalog()
        catalog.code("s", "head", "smoke")
    return DetectorSet(Recipe("battery", RULES), catalog, Calendar())


def batch(
    rows: Sequence[Row], *, late_s: float = 0, quality: Quality = Quality.GOOD, sensor: int = 1
) -> TelemetryBatch:
    """Return rows of the one sensor; they arrive late_s after their event."""
    time_ns = [round((START_S + row[0]) * 1e9) for row in rows]
    found = {
        "sensor": [sensor] * len(rows),
        "metric": [METRIC_BY_NAME[row[1]].code for row in rows],
        "time_ns": time_ns,
        "arrival_ns": [moment + round(late_s * 1e9) for moment in time_ns],
        "value": [row[2] for row in rows],
        "quality": [int(quality)] * len(rows),
    }
    return from_columns({name: np.array(found[name], dtype) for name, dtype in COLUMNS})


def beats(first_s: float, last_s: float, every_s: float, *, low: bool | None = None) -> list[Row]:
    """Return heartbeats in [first, last): a temperature each, with the low flag unless it is None."""
    rows: list[Row] = []
    for second in np.arange(first_s, last_s, every_s).tolist():
        rows += [(second, "temperature", 20.0)] + ([] if low is None else [(second, "battery_low", float(low))])
    return rows


@dataclass(frozen=True)
class Prediction:
    """One detection of the battery rule."""

    at_s: float
    phase: Phase
    level: int
    dims: dict[str, object]
    text: dict[str, str]

    @property
    def days(self) -> tuple[float, float]:
        """Days until the begin of the earliest and the end of the latest day."""
        first, last = (date.fromisoformat(str(self.dims[key])) for key in ("earliest", "latest"))
        now = datetime.fromtimestamp(START_S + self.at_s, UTC)
        begin, end = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (first, last + timedelta(days=1)))
        return (begin - now) / timedelta(days=1), (end - now) / timedelta(days=1)


def predictions(found: DetectionBatch) -> list[Prediction]:
    """Return the detections of the battery rule, in order."""
    return [
        Prediction(
            float(found.last_ns[i]) / 1e9 - START_S,
            Phase(int(found.phase[i])),
            int(found.level[i]),
            dict(found.evidence[i]["dims"]),
            dict(found.evidence[i]["text"]),
        )
        for i in range(len(found))
        if found.rule[i] == "battery_end"
    ]


def fading(seed: int, heartbeat_s: float) -> World:
    """Return scenario S7 with that heartbeat."""
    scenario = load_scenario("S7")
    [(model, effect)] = scenario.effects
    own = replace(effect, heartbeat_s=heartbeat_s)  # type: ignore[call-arg] # the settings of model battery
    return plan(
        replace(scenario, effects=((model, own),), periods_s={**scenario.periods_s, "smoke": heartbeat_s}),
        build_campus(seed=seed),
    )


def sent(world: World, device: str, span_ms: tuple[int, int]) -> Iterator[tuple[int, str, float]]:
    """Yield (ms, metric, value) of one device, in order of time."""
    index = next(number for number, known in enumerate(world.fleet.devices) if known.id == device)
    rows = []
    for part in world.frames(span_ms):
        mine = np.flatnonzero(part.device == index)
        for column, metric in enumerate(part.metrics):
            rows += [(int(part.time_ms[i]), metric, float(part.values[i, column])) for i in mine]
    return iter(sorted(rows))


def forecast(seed: int, heartbeat_s: float) -> tuple[float, float, float]:
    """Return days from the low flag to the earliest end as first predicted, to the true one, and to the latest."""
    world = fading(seed, heartbeat_s)
    truth = next(truth for truth in world.truths() if truth.kind == "battery_low")
    assert truth.harm_at_ms is not None
    begin = truth.detectable_from_ms - 10 * DAY_S * 1000
    rows = [
        (ms / 1000 - START_S, metric, value)
        for ms, metric, value in sent(world, truth.devices[0], (begin, truth.detectable_from_ms + 3_600_000))
    ]
    [first, *_] = predictions(battery_set().update(batch(rows)))
    assert first.phase is Phase.RAISE
    assert first.level == 0
    assert abs(first.at_s + START_S - truth.detectable_from_ms / 1000) <= heartbeat_s
    end = (truth.harm_at_ms / 1000 - START_S - first.at_s) / DAY_S
    return first.days[0], end, first.days[1]


@pytest.mark.parametrize("heartbeat_s", [600, 3600])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_s7_the_true_end_lies_within_the_forecast_from_the_flag_on(seed: int, heartbeat_s: float) -> None:
    """28 to 56 days at ten minutes, 167 to 333 at an hour, with the true end inside."""
    earliest, end, latest = forecast(seed, heartbeat_s)
    usual = (27.8, 55.6) if heartbeat_s == 600 else (166.7, 333.3)
    assert earliest <= end <= latest
    assert (earliest, latest) == pytest.approx(usual, rel=0.02, abs=1.1)


SMALL = Recipe(
    "small", RULES, battery_types=read_battery_types({"cell": [
        {"name": "small", "low_v": 2.75, "fresh_v": 2.8, "dead_v": 2.54, "messages": [40, 80], "default": True,
         "source": "none"},
    ]})
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(
    every_s=st.integers(60, DAY_S),
    lives=st.integers(41, 79),
    days_before=st.integers(3, 9),
    seed=st.integers(0, 2**32),
)
@example(every_s=55_070, lives=41, days_before=4, seed=0)  # one message on most days, two on the others
def test_every_predicted_interval_contains_the_end_at_any_steady_rate(
    every_s: float, lives: int, days_before: int, seed: int
) -> None:
    """Heartbeats with jitter, a battery with any number of messages of its type: no interval misses the end."""
    jitter = np.random.default_rng(seed)
    flagged_s = days_before * max(DAY_S, 2 * every_s)
    beats_s = np.arange(0, flagged_s - every_s / 20 - 1, every_s).tolist()  # none of them after the flag
    moments = [second + jitter.uniform(0, every_s / 20) for second in beats_s]
    after = [flagged_s + number * every_s for number in range(lives)]
    rows: list[Row] = [(second, "battery_low", 0.0) for second in moments] + [(s, "battery_low", 1.0) for s in after]
    catalog = Catalog()
    catalog.code("s", "head", "smoke")
    found = predictions(DetectorSet(SMALL, catalog, Calendar()).update(batch(rows)))
    end_s = flagged_s + lives * every_s
    assert found
    assert found[0].at_s == pytest.approx(flagged_s)
    for one in found:
        earliest, latest = one.days
        assert earliest <= (end_s - one.at_s) / DAY_S <= latest


def test_a_fire_uses_messages_and_moves_the_end() -> None:
    """Ten hours of an alarm per minute use four days of heartbeats: the reported end is that much sooner."""
    detector = battery_set()
    [first] = predictions(
        detector.update(batch(beats(0, 10 * DAY_S, 600, low=False) + beats(10 * DAY_S, 11 * DAY_S, 600, low=True)))
    )
    burning = [(11 * DAY_S + second, "smoke", 1.0) for second in range(0, 36_000, 60)]
    moved = predictions(detector.update(batch(burning + beats(11 * DAY_S + 36_000, 12 * DAY_S, 600, low=True))))
    assert moved
    assert {one.phase for one in moved} == {Phase.CHANGE}
    sooner = first.days[0] - (moved[-1].days[0] + (moved[-1].at_s - first.at_s) / DAY_S)
    assert sooner == pytest.approx((600 - 60) / 144, abs=1.6)


def test_one_burst_before_the_flag_does_not_set_the_rate() -> None:
    """Four thousand repeats on one day change the daily rate by less than a fifth."""
    burst = [(5 * DAY_S + second, "temperature", 20.0) for second in range(0, 8_000, 2)]
    rows = sorted(beats(0, 10 * DAY_S, 600, low=False) + burst) + beats(10 * DAY_S, 10 * DAY_S + 1, 600, low=True)
    [one] = predictions(battery_set().update(batch(rows)))
    assert one.dims["per_day"] == pytest.approx(144, rel=0.2)


def test_levels_rise_as_the_earliest_end_comes_near() -> None:
    """Information at first; early from 14 days before, again at 3 days; the text states a used-up budget."""
    rows = beats(0, 8 * DAY_S, 600, low=False) + beats(8 * DAY_S, 8 * DAY_S + 600 * (HIGH + 10), 600, low=True)
    found = predictions(battery_set().update(batch(rows)))
    assert [one.level for one in found] == [0, 1, 1, 1]
    left = [(8 * DAY_S + LOW * 600 - one.at_s) / DAY_S for one in found[1:3]]
    assert left == pytest.approx([14, 3], abs=0.3)
    assert "more messages than its type allows" in found[-1].text["en"]
    assert found[-1].dims["left_high"] == 0


def test_a_new_battery_clears_and_a_short_recovery_does_not() -> None:
    """An hour without flag clears; a battery that is low again within a week is the same one."""
    detector = battery_set()
    detector.update(batch(beats(0, 9 * DAY_S, 600, low=False) + beats(9 * DAY_S, 14 * DAY_S, 600, low=True)))
    warm = predictions(detector.update(batch(beats(14 * DAY_S, 14 * DAY_S + 1_800, 600, low=False))))
    assert not warm
    [cleared] = predictions(detector.update(batch(beats(14 * DAY_S + 1_800, 15 * DAY_S, 600, low=False))))
    assert cleared.phase is Phase.CLEAR
    [again] = predictions(detector.update(batch(beats(15 * DAY_S, 15 * DAY_S + 1, 600, low=True))))
    assert again.dims["used"] >= 5 * 144
    [over] = predictions(detector.update(batch(beats(15 * DAY_S + 600, 30 * DAY_S, 600, low=False))))
    assert over.phase is Phase.CLEAR
    [fresh] = predictions(detector.update(batch(beats(30 * DAY_S, 30 * DAY_S + 1, 600, low=True))))
    assert fresh.dims["used"] == 0


def test_without_a_flag_low_voltages_count_and_one_sag_does_not() -> None:
    """Three readings below the low voltage raise; the dead voltage means any time; 2.8 V is a new battery."""
    detector = battery_set()

    def volts(first_s: float, count: int, volt: float) -> list[Prediction]:
        rows: list[Row] = [(first_s + 600 * number, "battery_voltage", volt) for number in range(count)]
        return predictions(detector.update(batch(rows)))

    assert not volts(0, 9 * 144, 3.0)
    assert not volts(9 * DAY_S, 2, 2.7)
    assert not volts(9 * DAY_S + 1_200, 142, 2.9)
    [raised] = volts(10 * DAY_S, 144, 2.7)
    assert raised.days[0] == pytest.approx(LOW / 144, abs=1.5)
    [dying] = volts(11 * DAY_S, 5, 2.53)
    assert (dying.dims["left_low"], dying.level) == (0, 1)
    assert "any time" in dying.text["en"]
    assert [one.phase for one in volts(12 * DAY_S, 10, 3.0)] == [Phase.CLEAR]


def test_percentage_rule_yields_to_superseding_metrics() -> None:
    """The rule on percent scores devices without flag and voltage, and clears once they report one."""
    detector = battery_set()
    found = detector.update(batch([(float(s), "battery", 4.0) for s in range(0, 3_000, 600)]))
    assert list(found.rule) == ["battery"]
    both = [(3_000.0 + s, metric, value) for s in range(0, 7_200, 600)
            for metric, value in (("battery_low", 0.0), ("battery", 4.0))]  # fmt: skip
    cleared = detector.update(batch(both))
    assert [(rule, Phase(phase)) for rule, phase in zip(cleared.rule, cleared.phase, strict=True)] == [
        ("battery", Phase.CHANGE),
        ("battery", Phase.CLEAR),
    ][-len(cleared) :]
    assert cleared.evidence[-1]["value"] is None
    assert not len(battery_set().update(batch([(row[0], row[1], row[2]) for row in both])))


def test_readings_without_a_live_message_use_no_battery() -> None:
    """Historical values, last wills and gaps are no messages."""
    detector = battery_set()
    detector.update(batch(beats(0, 10 * DAY_S, 600, low=False) + beats(10 * DAY_S, 10 * DAY_S + 1, 600, low=True)))
    old = [(10 * DAY_S + 5.0 * number, "temperature", 20.0) for number in range(1, 1_000)]
    detector.update(batch(old, quality=Quality.HISTORICAL))
    made = [(10 * DAY_S + 6.0 * number, metric, 1.0) for number in range(1, 900) for metric in ("online", "data_gap")]
    detector.update(batch(made))
    [cleared] = predictions(detector.update(batch(beats(11 * DAY_S, 12 * DAY_S, 600, low=False))))
    assert cleared.dims["used"] <= 10


def test_days_without_messages_count_for_the_earliest_end_only() -> None:
    """Five days without the service: the battery may have sent, which the latest end does not assume."""
    detector = battery_set()
    [first] = predictions(
        detector.update(batch(beats(0, 9 * DAY_S, 600, low=False) + beats(9 * DAY_S, 10 * DAY_S, 600, low=True)))
    )
    [after, *_] = predictions(detector.update(batch(beats(15 * DAY_S, 16 * DAY_S, 600, low=True))))
    assert after.dims["left_low"] == pytest.approx(LOW - 144 - 5 * 144, abs=150)
    assert after.dims["left_high"] == pytest.approx(HIGH - 144, abs=150)
    assert after.days[0] + 6 == pytest.approx(first.days[0], abs=1.5)


if __name__ == "__main__":
    SEEDS = range(1, 1 + int(sys.argv[1]))
    for beat_s in (600.0, 3600.0):
        held = [earliest <= end <= latest for earliest, end, latest in (forecast(seed, beat_s) for seed in SEEDS)]
        sys.stdout.write(f"heartbeat {beat_s:.0f} s: the end lay in {sum(held)} of {len(held)} intervals\n")
