"""Evidence for a fire: never later than the plain limits, held for aerosols, closed to broken sensors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
import pytest

from detectors import Calendar, DetectionBatch, Phase, Recipe, build, load_recipe
from detectors.recipes.kinds import Rise, Rule, Threshold
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, from_columns

START_NS = 1_790_000_000_000_000_000
QUIET_S, STEP_S = 1_200, 10
EVIDENCE = tuple(rule for rule in load_recipe().rules if rule.name == "fire_evidence")
PLAIN: tuple[Rule, ...] = (
    Threshold(
        name="smoke", hazard="fire", metric="smoke_density", limits=(0.05, 0.10, 0.30), levels=(1, 2, 3),
        durations_s=(60, 20, 0), counts=(3, 2, 2), hysteresis=0.02,
    ),
    Rise(
        name="rise", hazard="fire", metric="temperature", limits=(5, 20), levels=(2, 3), durations_s=(3, 3),
        counts=(2, 2),
    ),
)  # fmt: skip
"""Rules before the evidence."""

Course = Callable[[float], dict[str, float]]


def run(rules: Sequence[Rule], course: Course, *, until_s: int = 1_800, profile: str = "") -> DetectionBatch:
    """Return the detections of one head: quiet for 20 min, then `course` (s since its begin -> values)."""
    catalog = Catalog()
    code = catalog.code("s", "head", "smoke")
    if profile:
        sensor = catalog[code]
        catalog.update(type(sensor)(code, sensor.id, "s", "smoke", profile=profile))
    chance = np.random.default_rng(3)
    rows: list[tuple[str, int, float]] = []
    for second in range(-QUIET_S, until_s, STEP_S):
        for metric, value in course(float(second)).items():
            noise = {"smoke_density": 0.001, "co": 0.3, "temperature": 0.05, "humidity": 0.4}[metric]
            rows.append((metric, second, max(0.0, value + noise * float(chance.standard_normal()))))
    found: dict[str, Any] = {
        "sensor": [code] * len(rows),
        "metric": [METRIC_BY_NAME[metric].code for metric, _, _ in rows],
        "time_ns": [START_NS + second * 10**9 for _, second, _ in rows],
        "arrival_ns": [START_NS + second * 10**9 for _, second, _ in rows],
        "value": [value for _, _, value in rows],
        "quality": [0] * len(rows),
    }
    batch = from_columns({name: np.array(found[name], dtype) for name, dtype in COLUMNS})
    return build(Recipe("test", tuple(rules)), catalog, Calendar()).update(batch)


def page_s(found: DetectionBatch) -> float:
    """Return the seconds from the begin to the first detection of level 2 or more; inf for none."""
    raised = (found.level >= 2) & (found.phase != Phase.CLEAR)
    return float((found.decided_ns[raised][0] - START_NS) / 1e9) if raised.any() else float("inf")


def fire(tau_s: float, *, gas: float, warm: float) -> Course:
    """Return a fire whose smoke grows by e within tau_s; gas: ppm per dB/m; warm: K per minute."""

    def course(at_s: float) -> dict[str, float]:
        smoke = min(4.0, 0.002 * float(np.exp(min(at_s, 3_600) / tau_s))) if at_s > 0 else 0.0
        return {
            "smoke_density": 0.006 + smoke,
            "co": 1.2 + gas * smoke,
            "temperature": 21 + warm * min(5.0, max(0.0, at_s / 60)),
        }

    return course


def spray(peak: float, lasts_s: float) -> Course:
    """Return a dense cloud without CO and heat."""
    return lambda at_s: {
        "smoke_density": 0.006 + (peak if 0 <= at_s < lasts_s else 0),
        "co": 1.2,
        "temperature": 21.0,
    }


@cache
def plain_page_s(tau_s: float, gas: float, warm: float) -> float:
    """Return the page of the plain limits."""
    return page_s(run(PLAIN, fire(tau_s, gas=gas, warm=warm)))


@pytest.mark.parametrize("tau_s", [12.0, 20.0, 60.0, 240.0])
@pytest.mark.parametrize("gas", [0.0, 27.0])
@pytest.mark.parametrize("warm", [0.0, 3.0])
def test_no_fire_is_later_than_by_the_plain_limits(tau_s: float, gas: float, warm: float) -> None:
    """A growing fire pages no later than by the limits of each metric alone, with or without CO and heat."""
    assert page_s(run(EVIDENCE, fire(tau_s, gas=gas, warm=warm))) <= plain_page_s(tau_s, gas, warm)


def test_smoke_alone_pages_within_30_s() -> None:
    """A head without CO and temperature pages also for smoke that comes at once."""
    found = run(EVIDENCE, lambda at_s: {"smoke_density": 0.006 if at_s < 0 else 0.16})
    assert page_s(found) <= 30


def test_a_smoulder_pages_ten_minutes_before_the_limit() -> None:
    """CO and thin smoke together page at least ten minutes before 0.15 dB/m."""
    tau_s = 480.0
    limit_s = tau_s * float(np.log(0.15 / 0.002))
    assert page_s(run(EVIDENCE, fire(tau_s, gas=200, warm=0.0), until_s=2_400)) <= limit_s - 600


@pytest.mark.parametrize("peak", [0.13, 0.4, 0.97])
@pytest.mark.parametrize("lasts_s", [10.0, 30.0, 60.0])
def test_a_spray_pages_nobody(peak: float, lasts_s: float) -> None:
    """A cloud of up to a minute is an early finding at most."""
    found = run(EVIDENCE, spray(peak, lasts_s))
    assert found.level.max(initial=0) <= 1


def test_smoke_that_stays_pages_without_co_and_heat() -> None:
    """The hold of a cloud is bounded."""
    assert page_s(run(EVIDENCE, spray(0.4, 1_000.0))) <= 90


def test_steam_pages_nobody() -> None:
    """Smoke with humidity, flat CO and little heat is held."""

    def steam(at_s: float) -> dict[str, float]:
        cloud = 1 - float(np.exp(-at_s / 30)) if 0 < at_s < 400 else 0.0
        return {
            "smoke_density": 0.006 + 0.25 * cloud,
            "co": 1.2,
            "temperature": 21 + cloud,
            "humidity": 50 + 20 * cloud,
        }

    assert page_s(run(EVIDENCE, steam)) == float("inf")


def test_fumes_in_a_kitchen_page_nobody_but_a_fire_does() -> None:
    """Smoke alone never pages in a kitchen; smoke with CO does."""
    assert page_s(run(EVIDENCE, fire(60.0, gas=0.0, warm=0.0), until_s=300, profile="kitchen")) == float("inf")
    assert page_s(run(EVIDENCE, fire(60.0, gas=200.0, warm=0.0), profile="kitchen")) < 300


@pytest.mark.parametrize(("mean", "noise"), [(1_261.0, 20.0), (21.0, 20.0)])
def test_a_broken_thermocouple_is_no_fire(mean: float, noise: float) -> None:
    """Noise of 20 K and an impossible mean raise nothing."""
    chance = np.random.default_rng(5)
    found = run(EVIDENCE, lambda _: {"temperature": mean + noise * float(chance.uniform(-1, 1))})
    assert len(found) == 0


def test_a_detection_states_its_channels_in_both_languages() -> None:
    """Text, sensors, belief, and the change that would have prevented it."""
    found = run(EVIDENCE, fire(240.0, gas=100.0, warm=0.0))
    evidence = found.evidence[int(np.argmax(found.level >= 2))]
    assert "CO" in evidence["text"]["en"]
    assert "一氧化碳" in evidence["text"]["zh"]
    assert evidence["sensors"] == ["head"]
    assert 0 < evidence["belief"] < 1
    assert set(evidence["change"]) == {"zh", "en"}


def test_a_broken_thermocouple_is_no_fire_by_its_value_either() -> None:
    """The static heat limit does not score a sensor that starts, or stays, far above any room."""
    heat = tuple(rule for rule in load_recipe().rules if rule.name == "heat")
    chance = np.random.default_rng(6)
    assert len(run(heat, lambda _: {"temperature": 1_261 + 20 * float(chance.uniform(-1, 1))})) == 0
    assert page_s(run(heat, lambda at_s: {"temperature": 21.0 if at_s < 0 else 80.0})) <= 30


def test_a_spray_in_a_hot_hour_pages_nobody() -> None:
    """A head that reported 3 K less before a pause of a quarter of an hour holds a spray like any other."""

    def course(at_s: float) -> dict[str, float]:
        values = dict(spray(0.6, 40)(at_s))
        values["temperature"] += 3.0 if at_s >= -60 else 0.0
        return {} if -960 < at_s < -60 else values

    assert page_s(run(EVIDENCE, course, until_s=400)) == float("inf")


def test_a_quiet_head_finds_a_small_brisk_rise() -> None:
    """A rise by 5 K/min at a head with little noise, up to 1.45 K, is an early finding and no page."""
    found = run(EVIDENCE, lambda at_s: {"temperature": 21 + min(1.45, max(0.0, at_s / 12))}, until_s=120)
    assert len(found)
    assert 0 < (found.decided_ns[0] - START_NS) / 1e9 <= 40
    assert page_s(found) == float("inf")


def test_a_slow_rise_of_a_room_is_no_finding() -> None:
    """Heating by 0.3 K/min for half an hour is no finding."""
    assert not len(run(EVIDENCE, lambda at_s: {"temperature": 21 + 0.3 * max(0.0, at_s / 60)}))
