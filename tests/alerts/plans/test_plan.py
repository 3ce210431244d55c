"""Plan as a value: JSON round trip, all errors at once, effect on the registry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import Invalid, Place, Site, Zone, read_registry
from alerts.plans.plan import Floor, Plan, Position, adopt, check, decode, encode, kept, of_registry

METRES = st.floats(-1e4, 1e4)
POINTS = st.tuples(METRES, METRES)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
CAMPUS = {
    "site": [{"id": "a", "name_zh": "甲校", "district": "yuelu"}, {"id": "b"}],
    "zone": [
        {"site": "a", "id": "dorm", "officer": "li", "polygon": [[0, 0], [9, 0], [9, 9]]},
        {"site": "b", "id": "x"},
    ],
    "place": [{"site": "a", "zone": "dorm", "id": "d-1", "floor": 2, "stair": "east", "xy": [1, 2]}],
    "risk_point": [{"site": "a", "zone": "dorm", "id": "fire", "place": "d-1"}],
    "sensor": [{"site": "a", "id": "s-1", "kind": "smoke", "place": "d-1", "xy": [3, 4]}],
}


@given(
    st.builds(
        Plan,
        st.builds(Site, NAMES, NAMES, NAMES),
        st.lists(st.builds(Floor, st.integers(-9, 99), NAMES), max_size=3).map(tuple),
        st.lists(st.builds(Zone, NAMES, NAMES, polygon=st.lists(POINTS, max_size=4).map(tuple)), max_size=3).map(tuple),
        st.lists(st.builds(Place, NAMES, NAMES, NAMES, xy=POINTS), max_size=3).map(tuple),
        st.lists(st.builds(Position, NAMES, POINTS, st.none() | st.integers(-9, 99)), max_size=3).map(tuple),
    )
)
def test_the_json_of_a_plan_gives_the_same_plan(plan: Plan) -> None:
    """Round trip of every field, and one text for one plan."""
    assert decode(encode(plan)) == plan
    assert encode(decode(encode(plan))) == encode(plan)


def test_the_plan_of_a_campus_file_changes_nothing_when_adopted() -> None:
    """The file and the editor describe the same data."""
    registry, untouched = read_registry(CAMPUS), read_registry(CAMPUS)
    adopt(registry, of_registry(registry, "a"))
    assert registry == untouched


def test_a_new_plan_replaces_its_site_alone_and_keeps_hidden_columns() -> None:
    """Officers, stairs and the district stay; the other school is untouched."""
    registry = read_registry(CAMPUS)
    drawn = Plan(
        Site("a", "新名", size_m=(50, 40)),
        (Floor(2),),
        (Zone("a", "dorm", "楼"), Zone("a", "new")),
        (Place("a", "dorm", "d-1", floor=2), Place("a", "new", "n-1")),
        (Position("s-1", (7, 8), 2),),
    )
    made = kept(drawn, of_registry(registry, "a"))
    check(made, registry)
    adopt(registry, made)
    assert (registry.zones["a", "dorm"].officer, registry.places["a", "d-1"].stair) == ("li", "east")
    assert (registry.sites["a"].district, registry.sites["a"].name_zh) == ("yuelu", "新名")
    assert registry.xy_of(registry.sensors[0]) == (7, 8)
    assert registry.floor_of(registry.sensors[0], "") == 2
    assert ("b", "x") in registry.zones


def test_all_errors_of_a_plan_are_reported_together() -> None:
    """One entry for each mistake, with its path."""
    registry = read_registry(CAMPUS)
    wrong = Plan(
        Site("a", size_m=(0, 10)),
        (Floor(1), Floor(1)),
        (Zone("a", "z", polygon=((0, 0), (1, 1)), floor=7),),
        (Place("a", "gone", "p"),),
        (Position("s", (0, 0), 8),),
    )
    with pytest.raises(Invalid) as refused:
        check(wrong, registry)
    assert set(refused.value.fields) == {
        "size_m",
        "floors.1",
        "zones.z.polygon",
        "zones.z.floor",
        "places.p.zone",
        "sensors.s.floor",
        "zones.dorm",
        "places.d-1",
    }
