"""The shipped recipe covers the vocabulary: each alarm and each hazardous quantity has a rule."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from detectors import Calendar, build, load_recipe
from ingest import COLUMNS, KINDS, METRIC_BY_NAME, METRICS, Catalog, from_columns
from ingest.vocabulary import SERVICE_METRICS
from tests.detectors.histories import SECOND_NS, START_NS

NO_RULE: Mapping[str, str] = {
    "test": "a mark of other readings",
    "access_denied": "a refused card is everyday life at a gate",
    "occupancy": "presence of people is no hazard",
    "motion": "presence of people is no hazard",
    "recognised": "an identity is no hazard",
    "rule_active": "its meaning is the site's own analytics rule; a site's recipe may name it",
    "lock_open": "`open` is the state of the gate; a lock opens at each pass",
    "open_count": "counts of openings feed statistics",
    "active_count": "counts of objects feed statistics",
    "vibration": "traffic and doors shake a sensor every day",
    "fill": "a tank has no limit without its use; a site's recipe may name it",
    "rain": "rain is a cause; depth, level and distance measure its effect",
    "power": "a power has no limit without the circuit; a site's recipe may name it",
    "luma": "`blind` is the result of the picture's measures",
    "rssi": "radio quality ends in a silent sensor, which has a rule",
    "linkquality": "radio quality ends in a silent sensor, which has a rule",
    "link_margin": "radio quality ends in a silent sensor, which has a rule",
    "data_gap": "lost messages end in a silent sensor, which has a rule",
    "chip_temperature": "a chip is warmer than its room: no rule of fire may read it",
    "illuminance": "comfort",
    "pm25": "comfort: a room to air, no danger to life",
    "noise": "comfort",
    "sound_level": "comfort",
}
"""Metric without a rule -> the reason."""

LIFE_SAFETY = ("smoke", "carbon_monoxide", "heat", "gas", "level_high", "panic", "forced")
"""Alarm flags whose rule pages."""


def read_by_rules() -> set[str]:
    """Return the metrics that rules of the shipped recipe read."""
    silent = {"online"}  # by the silence rule, without a table
    return {name for rule in load_recipe().rules for name in rule.reads} | silent


@pytest.mark.parametrize("name", sorted(METRIC_BY_NAME))
def test_metric_has_a_rule_or_a_reason(name: str) -> None:
    """Both would be a contradiction, neither an alarm that nobody receives."""
    assert (name in read_by_rules()) != (name in NO_RULE or name in SERVICE_METRICS)


def test_reasons_belong_to_metrics() -> None:
    """No reason of a removed metric stays."""
    assert set(NO_RULE) <= set(METRIC_BY_NAME)


@pytest.mark.parametrize("metric", sorted(LIFE_SAFETY))
def test_alarm_of_life_safety_is_an_alarm(metric: str) -> None:
    """Some rule for ordinary sensors reaches level 2 on the flag."""
    rules = [rule for rule in load_recipe().rules if metric in rule.reads and not rule.profiles]
    assert max(max(rule.levels) for rule in rules) >= 2


def test_shipped_rules_read_described_metrics() -> None:
    """Limits of the shipped recipe are physical: an undescribed metric has no unit and must not meet them.

    Names of a camera's event are no measurements: rules compare their labels.
    """
    assert read_by_rules() - {"activity", "event"} <= {metric.name for metric in METRICS}


@pytest.mark.parametrize("metric", sorted(set(LIFE_SAFETY) - {"forced"}))
@pytest.mark.parametrize("kind", KINDS)
def test_one_alarm_of_life_safety_pages_from_any_kind_of_sensor(metric: str, kind: str) -> None:
    """A format may call the sensor of a flag smoke, env, water or device; one message is enough."""
    catalog = Catalog()
    columns = {
        "sensor": [catalog.code("s", "x", kind)] * 2,
        "metric": [METRIC_BY_NAME[metric].code] * 2,
        "time_ns": [START_NS, START_NS + 60 * SECOND_NS],
        "arrival_ns": [START_NS, START_NS + 60 * SECOND_NS],
        "value": [0.0, 1.0],
    }
    rows = from_columns({name: np.array(columns.get(name, [0, 0]), dtype) for name, dtype in COLUMNS})
    found = build(load_recipe(), catalog, Calendar()).update(rows)
    assert [int(level) for level in found.level] == [2]
    assert found.pages(0)
