"""Fusion rules: conditions, verification and belief across the sensors of a place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import Calendar, Phase, Plan, RecipeError, Spot, build, read_recipe
from detectors.recipes.fusion import BOX_MAX_S, LIFE_SAFETY
from ingest import COLUMNS, METRIC_BY_NAME, Catalog, Sensor, TelemetryBatch, from_columns

START_NS = 1_790_000_000_000_000_000
Event = tuple[str, str, float, float] | tuple[str, str, float, float, str]  # sensor, metric, s, value, label
PLACES = {"smoke-a": "room-a", "cam-a": "room-a", "smoke-b": "room-b", "water-a": "pond-1", "cam-w": "pond-2"}
KINDS = {"smoke": "smoke", "cam": "camera", "water": "water"}
PLAN = Plan(
    {
        ("s", "room-a"): Spot("house", 1, "", (0, 0)),
        ("s", "room-b"): Spot("house", 1, "", (8, 0)),
        ("s", "pond-1"): Spot("pond"),
        ("s", "pond-2"): Spot("pond", xy=(40, 0)),
    }
)
FIRE = {"labels": ["fire"], "for_s": 2}
SMOKE = {"metric": "smoke_density", "above": 0.05}
Found = tuple[float, str, str, int]  # s, sensor, phase, level


def catalog() -> Catalog:
    """Return a camera and a smoke head in one room, a smoke head beside it, and a gauge and a camera at a pond."""
    known = Catalog()
    for name, place in PLACES.items():
        kind = KINDS[name.split("-")[0]]
        known.update(Sensor(known.code("s", name, kind), name, "s", kind, place=place))
    return known


def batch(events: list[Event]) -> TelemetryBatch:
    """Return the events in order of time; they arrive at once."""
    known, ordered = catalog(), sorted(events, key=lambda event: event[2])
    times = [START_NS + round(event[2] * 1e9) for event in ordered]
    columns = {
        "sensor": [known.code("s", event[0], "device") for event in ordered],
        "metric": [METRIC_BY_NAME[event[1]].code for event in ordered],
        "time_ns": times, "arrival_ns": times, "value": [event[3] for event in ordered], "quality": [0] * len(ordered),
    }  # fmt: skip
    labels = {row: {"label": event[4], "phase": "update"} for row, event in enumerate(ordered) if len(event) > 4}  # type: ignore[misc]
    return from_columns({name: np.array(columns[name], dtype) for name, dtype in COLUMNS}, labels)


def found(rule: dict[str, Any], events: list[Event], *, plan: Plan | None = None) -> list[Found]:
    """Return the detections of one rule, in one batch; single rows and a restart give the same."""
    recipe, rows = read_recipe({"rule": [{"name": "fused", "hazard": "fire", **rule}]}), batch(events)
    whole, second = (build(recipe, catalog(), Calendar(), plan=plan) for _ in range(2))
    results = whole.update(rows)
    singly = []
    for number, row in enumerate(rows.rows()):
        if number == len(rows) // 2:
            saved = second.snapshot()
            second = build(recipe, catalog(), Calendar(), plan=plan)
            second.restore(saved)
        part = second.update(row)
        singly += [_row(part, index) for index in range(len(part))]
    assert second.snapshot() == whole.snapshot()
    assert singly == [_row(results, index) for index in range(len(results))]
    return [one[:4] for one in singly]


def _row(part: Any, row: int) -> Any:
    at_s = (int(part.decided_ns[row]) - START_NS) / 1e9
    sensor = catalog()[int(part.sensor[row])].id
    return at_s, sensor, Phase(part.phase[row]).name, int(part.level[row]), str(part.evidence[row])


def smoke(sensor: str, begin: int, end: int, value: float = 0.1) -> list[Event]:
    """Return readings of a smoke head every 10 s: smoke from begin to end, clean air after it."""
    return [(sensor, "smoke_density", t, value if t < end else 0.0) for t in range(begin, end + 400, 10)]


def seen(begin: int, end: int, camera: str = "cam-a", label: str = "fire") -> list[Event]:
    """Return an object in the picture every 2 s, and its end."""
    rows: list[Event] = [(camera, "object_present", t, 1.0, label) for t in range(begin, end, 2)]
    return [*rows, (camera, "object_present", end, 0.0, label)]


def rule(combine: str, **given: Any) -> dict[str, Any]:
    """Return a condition over smoke and the camera."""
    return {"type": "condition", "combine": combine, "within_s": 60, "conditions": [SMOKE, FIRE], **given}


def test_all_needs_every_condition_within_the_span() -> None:
    """Smoke and a flame together raise; a flame two minutes after the smoke does not."""
    together = found(rule("all", levels=[3]), smoke("smoke-a", 0, 60) + seen(80, 90))
    apart = found(rule("all", levels=[3]), smoke("smoke-a", 0, 60) + seen(180, 190))
    assert together[0] == (82.0, "smoke-a", "RAISE", 3)
    assert together[-1][2] == "CLEAR"
    assert apart == []


def test_sensors_of_other_places_do_not_count() -> None:
    """Smoke in the next room and a flame here are no pair, not even in one zone."""
    events = smoke("smoke-b", 0, 60) + seen(20, 40)
    assert found(rule("all"), events) == []
    assert found(rule("all", near="zone"), events, plan=PLAN)[0][2] == "RAISE"


def test_any_sequence_and_count() -> None:
    """One condition is enough; a sequence has an order; a count counts begins within the span."""
    flame_first = seen(0, 10) + smoke("smoke-a", 30, 60)
    assert found(rule("any"), flame_first)[0][0] == 2.0
    assert found(rule("sequence"), flame_first) == []
    assert found(rule("sequence"), smoke("smoke-a", 0, 30) + seen(30, 40))[0][:3] == (32.0, "smoke-a", "RAISE")
    three = [event for begin in (0, 40, 80) for event in seen(begin, begin + 6)]
    once = rule("count", conditions=[FIRE], count=3, within_s=100)
    assert [one[2] for one in found(once, [*three, ("cam-a", "blind", 900, 0.0)])] == ["RAISE", "CLEAR"]
    assert found(once, three[:8]) == []


def verify(**given: Any) -> dict[str, Any]:
    """Return a verification of a flame by smoke."""
    return {"type": "verify", "levels": [1, 2], "finding": FIRE, "seconds": [SMOKE], "wait_s": 30, **given}


def test_verification_is_early_at_once_and_an_alarm_after_the_time_box() -> None:
    """A flame is a level-1 finding at once, and an alarm after 30 s without a second source."""
    assert found(verify(), seen(0, 60) + smoke("smoke-a", 0, 0)) == [
        (2.0, "cam-a", "RAISE", 1), (32.0, "cam-a", "CHANGE", 2), (70.0, "cam-a", "CLEAR", 2),
    ]  # fmt: skip


def test_a_second_source_confirms_at_once_and_a_short_finding_never_pages() -> None:
    """Smoke 10 s after the flame confirms it; a reflection of 20 s stays at level 1."""
    assert found(verify(), seen(0, 60) + smoke("smoke-a", 10, 60))[1] == (10.0, "cam-a", "CHANGE", 2)
    assert [one[3] for one in found(verify(), seen(0, 20) + smoke("smoke-a", 0, 0))] == [1, 1]


def test_without_a_second_source_nothing_waits() -> None:
    """At the pond no smoke head can confirm: the flame is an alarm at once."""
    assert found(verify(), seen(0, 20, camera="cam-w"))[0] == (2.0, "cam-w", "RAISE", 2)


def belief(**given: Any) -> dict[str, Any]:
    """Return a belief from smoke and a flame."""
    terms = [{**SMOKE, "odds": 4}, {**FIRE, "odds": 4}]
    return {
        "type": "belief",
        "levels": [1, 2],
        "pages": [],
        "limits": [0.4, 0.7],
        "prior": -6,
        "conditions": terms,
        **given,
    }


def test_belief_adds_evidence_of_the_place_and_of_its_neighbours() -> None:
    """One source is little, two are much; smoke in the next room counts by its share."""
    assert found(belief(), smoke("smoke-a", 0, 60), plan=PLAN) == []
    assert found(belief(), smoke("smoke-a", 0, 60) + seen(20, 40), plan=PLAN)[0] == (22.0, "smoke-a", "RAISE", 2)
    beside = smoke("smoke-a", 0, 60) + smoke("smoke-b", 20, 60)
    assert found(belief(next=1.0), beside, plan=PLAN) == []  # the same kind of evidence counts once
    flame_beside = seen(0, 40) + smoke("smoke-b", 20, 60)
    assert found(belief(next=0.5), flame_beside, plan=PLAN)[0][:3] == (20.0, "smoke-b", "RAISE")
    assert found(belief(next=0.0), flame_beside, plan=PLAN) == []


def test_facts_name_the_sensors_and_the_belief() -> None:
    """The evidence has the agreeing sensors and the probability."""
    recipe = read_recipe({"rule": [{"name": "b", "hazard": "fire", **belief()}]})
    part = build(recipe, catalog(), Calendar(), plan=PLAN).update(batch(smoke("smoke-a", 0, 60) + seen(20, 40)))
    assert part.evidence[0]["sensors"] == ["smoke-a", "cam-a"]
    assert part.evidence[0]["belief"] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-3)
    assert "smoke-a" in part.evidence[0]["text"]["zh"]


def test_contradictory_rules_are_refused_with_all_errors() -> None:
    """Each fault has its key; a condition cannot name a rule that is missing or is a fusion rule itself."""
    rules = [
        {"name": "a", "hazard": "fire", **rule("all", conditions=[{**SMOKE, "labels": ["fire"]}])},
        {"name": "b", "hazard": "fire", **rule("all", conditions=[{"rule": "a"}, {"rule": "nobody"}])},
        {"name": "c", "hazard": "fire", **rule("sequence", within_s=0)},
        {"name": "d", "hazard": "fire", **verify(wait_s=600, pages=[])},
        {"name": "e", "hazard": "fire", **belief(limits=[0.9, 0.4])},
        {"name": "f", "type": "threshold", "hazard": "fire", "metric": "co", "limits": [1], "unless": ["smoke"]},
        {"name": "g", "type": "threshold", "hazard": "fire", "metric": "smoke", "limits": [1], "unless": ["co"]},
    ]
    with pytest.raises(RecipeError) as caught:
        read_recipe({"rule": rules})
    faults = "\n".join(caught.value.faults)
    for part in (
        "rule a.condition 1.rule, metric, labels", "rule a.conditions: allowed are two",
        "rule b.condition 1.rule = 'a'", "rule b.condition 2.rule = 'nobody'", "rule c.within_s = 0",
        "rule d.pages = []", "rule d.wait_s = 600", "rule e.limits", "rule f.unless = 'smoke'",
    ):  # fmt: skip
        assert part in faults


@settings(max_examples=60, deadline=None)
@given(
    hazard=st.sampled_from(sorted(LIFE_SAFETY)),
    wait_s=st.floats(1, 3600),
    levels=st.lists(st.integers(0, 3), min_size=1, max_size=3),
    pages=st.lists(st.integers(0, 3), max_size=3, unique=True),
)
def test_no_accepted_verification_suppresses_an_alarm(
    hazard: str, wait_s: float, levels: list[int], pages: list[int]
) -> None:
    """Every combination is refused, or pages within the time box for life safety."""
    given = verify(wait_s=wait_s, levels=levels, pages=pages) | {"name": "v", "hazard": hazard}
    try:
        read_recipe({"rule": [given]})
    except RecipeError:
        return
    events = seen(0, int(wait_s) + 20) + smoke("smoke-a", 0, 0)
    confirmed = [one for one in found({key: given[key] for key in given if key != "name"}, events) if one[3] in pages]
    assert wait_s <= BOX_MAX_S
    assert confirmed[0][0] <= wait_s + 4
