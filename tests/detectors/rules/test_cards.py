"""Cards at two gates: too early for a walk, and everything that a walk explains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Calendar, DetectionBatch, Phase, Recipe, build
from detectors.plan import Plan, Spot
from detectors.recipes.traffic import CardUse
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, from_columns

RULE = CardUse(name="c", hazard="card_anomaly", levels=(1,), pages=(), speed_m_s=2.5)
START_NS = 1_790_000_000_000_000_000
GATES = {"north": (0.0, 0.0), "lobby": (10.0, 0.0), "south": (300.0, 0.0)}
PLAN = Plan({("s", gate): Spot("z", 1, "", xy) for gate, xy in GATES.items()})
Grant = tuple[float, str, str]  # second, gate, card ("" for none)


def update(grants: list[Grant], plan: Plan = PLAN) -> DetectionBatch:
    """Return the detections of grants in order of arrival; each gate has a place of its name."""
    catalog = Catalog()
    for gate in GATES:
        catalog.update(replace(catalog[catalog.code("s", gate, "gate")], place=gate))
    times = [START_NS + round(second * 1e9) for second, _, _ in grants]
    columns = {
        "sensor": [catalog.code("s", gate, "gate") for _, gate, _ in grants],
        "metric": [METRIC_BY_NAME["access_granted"].code] * len(grants),
        "time_ns": times,
        "arrival_ns": np.maximum.accumulate(times),
        "value": [1.0] * len(grants),
        "quality": [0] * len(grants),
    }
    attributes = {row: {"card": card} for row, (_, _, card) in enumerate(grants) if card}
    batch = from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS}, attributes)
    return build(Recipe("r", (RULE,)), catalog, Calendar(), plan=plan).update(batch)


@settings(deadline=None)  # the first call loads kernels
@given(apart_s=st.floats(0, 117), behind=st.booleans())
def test_a_card_faster_than_any_holder_is_found(apart_s: float, behind: bool) -> None:  # noqa: FBT001 - drawn
    """Two gates 300 m apart; the grants may arrive in the wrong order."""
    grants: list[Grant] = [(0, "north", "a"), (apart_s, "south", "a")]
    found = update(grants[::-1] if behind else grants)
    assert found.phase.tolist() == [Phase.RAISE]
    assert found.last_ns[0] - found.first_ns[0] == pytest.approx(apart_s * 1e9, abs=2)


@settings(deadline=None)
@given(apart_s=st.floats(120, 2_000))
def test_a_walk_raises_nothing(apart_s: float) -> None:
    """The holder has enough time."""
    assert len(update([(0, "north", "a"), (apart_s, "south", "a")])) == 0


@pytest.mark.parametrize(
    "grants",
    [
        [(0, "north", "a"), (5, "south", "b")],  # two cards
        [(0, "north", ""), (5, "south", "")],  # readers without card numbers
        [(0, "north", "a"), (5, "north", "a")],  # one gate twice
        [(0, "north", "a"), (1, "lobby", "a")],  # doors of one lobby
    ],
)
def test_ordinary_grants_raise_nothing(grants: list[Grant]) -> None:
    """Grants that people give every day."""
    assert len(update(grants)) == 0


def test_gates_without_a_place_on_the_plan_are_not_scored() -> None:
    """Without a distance there is no walking time."""
    assert len(update([(0, "north", "a"), (5, "south", "a")], Plan())) == 0


def test_a_finding_ends_after_the_last_one_and_names_both_gates() -> None:
    """One finding for a card that swaps gates; the clock ends it."""
    found = update([(0, "north", "a"), (5, "south", "a"), (9, "south", "a"), (1_000, "lobby", "z")])
    assert found.phase.tolist() == [Phase.RAISE, Phase.CLEAR]
    assert found.evidence[0]["sensors"] == ["north"]
    assert "300 m" in found.evidence[0]["text"]["en"]
    assert "300" in found.evidence[0]["text"]["zh"]
