"""Recipes that suppress an alarm are refused: each accepted combination of settings still pages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Calendar, Recipe, build, load_recipe
from detectors.recipes.kinds import Threshold
from detectors.recipes.safety import COUNT_MAX, WAIT_S_MAX, completed, safety_faults
from ingest import COLUMNS, KINDS, METRIC_BY_NAME, Catalog, Sensor, from_columns

SHIPPED = load_recipe()
STATES = ("smoke", "heat_alarm", "gas_alarm", "carbon_monoxide_alarm", "panic", "water_level_alarm")
START_NS = 1_790_000_000_000_000_000


def alarmed(recipe: Recipe, metric: str, kind: str, limits: dict[str, tuple[float, ...]]) -> bool:
    """Return whether a device that reports the state for two minutes pages; other metrics report as well."""
    catalog = Catalog([Sensor(-1, "dev", "s", kind, limits=limits)])
    code = catalog.code("s", "dev", kind)
    names = ["battery"] + [metric] * 13
    columns = {
        "sensor": [code] * len(names),
        "metric": [METRIC_BY_NAME[name].code for name in names],
        "time_ns": [START_NS + n * 10_000_000_000 for n in range(len(names))],
        "arrival_ns": [START_NS + n * 10_000_000_000 + 30_000_000_000 for n in range(len(names))],
        "value": [50.0] + [1.0] * 13,
    }
    batch = from_columns({name: np.array(columns.get(name, [0] * len(names)), dtype) for name, dtype in COLUMNS})
    found = build(recipe, catalog, Calendar()).update(batch)
    return any(found.pages(row) for row in range(len(found)))


def test_the_packaged_recipe_suppresses_nothing() -> None:
    """It is its own reference; a recipe without rules for such states gets the packaged ones."""
    assert list(safety_faults(SHIPPED, SHIPPED)) == []
    assert completed(SHIPPED, SHIPPED) is SHIPPED
    assert {rule.name for rule in completed(Recipe("none", ()), SHIPPED).rules} >= set(STATES)


@settings(max_examples=25, deadline=None)
@given(
    name=st.sampled_from(STATES),
    pages=st.sampled_from([(2, 3), (), (0,)]),
    levels=st.sampled_from([(2,), (0,), (3,)]),
    kinds=st.sampled_from([(), ("gate",)]),
    not_profiles=st.sampled_from([(), ("kitchen",), ("",)]),
    unless=st.sampled_from([(), ("battery",)]),
    durations_s=st.sampled_from([(), (30.0,), (WAIT_S_MAX,), (86_400.0,)]),
    counts=st.sampled_from([(), (COUNT_MAX,), (5_000,)]),
    late_s=st.sampled_from([600.0, 60.0, 1e-6]),
    limits=st.sampled_from([(), (1.0,), (2.0,)]),
    kind=st.sampled_from(sorted(KINDS)),
)
def test_each_accepted_combination_pages(
    name: str, kind: str, late_s: float, limits: tuple[float, ...], **changes: tuple[object, ...]
) -> None:
    """Settings that together would suppress the alarm of a device are refused."""
    rules = [replace(rule, **changes) if rule.name == name else rule for rule in SHIPPED.rules]  # type: ignore[arg-type]
    recipe = Recipe("changed", tuple(rules), late_s)
    rule = next(rule for rule in rules if rule.name == name)
    assert isinstance(rule, Threshold)
    own = {rule.metric: limits} if limits else {}
    if not list(safety_faults(recipe, SHIPPED, [Sensor(0, "dev", "s", kind, limits=own)])):
        assert alarmed(recipe, rule.metric, kind, own)


@pytest.mark.parametrize("change", [{"pages": ()}, {"levels": (0,)}, {"unless": ("battery",)}, {"kinds": ("gate",)}])
def test_a_suppressed_smoke_alarm_is_named(change: dict[str, tuple[object, ...]]) -> None:
    """The fault has the metric, the sensors and the allowed rule."""
    rules = tuple(replace(r, **change) if r.name == "smoke" else r for r in SHIPPED.rules)  # type: ignore[arg-type]
    [fault] = safety_faults(Recipe("r", rules), SHIPPED)
    assert "smoke = 1" in fault
    assert "allowed" in fault
