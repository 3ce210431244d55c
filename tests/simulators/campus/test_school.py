"""The seeded school and its registry file."""

from __future__ import annotations

import tomllib

import pytest

from simulators import ScenarioInvalid, build_campus, campus_toml


def test_registry_is_whole_and_consistent() -> None:
    """Every sensor is at a declared place, every place in a declared zone, and ids are unique in a site."""
    registry = tomllib.loads(campus_toml(build_campus()))
    zones = {zone["id"] for zone in registry["zone"]}
    places = {place["id"]: place for place in registry["place"]}
    ids = [sensor["id"] for sensor in registry["sensor"]]
    assert 60 <= len(ids) <= 120
    assert len(set(ids)) == len(ids)
    assert len(places) == len(registry["place"])
    assert {place["zone"] for place in places.values()} <= zones
    assert {sensor["place"] for sensor in registry["sensor"]} <= set(places)
    assert {risk["zone"] for risk in registry["risk_point"]} <= zones
    assert {sensor["kind"] for sensor in registry["sensor"]} == {"smoke", "gate", "water", "camera", "env", "device"}
    assert {"kitchen", "waterside"} <= {sensor.get("profile") for sensor in registry["sensor"]}


def test_places_lie_inside_their_zone() -> None:
    """Every place is inside the outline of its zone by the even-odd rule."""
    registry = tomllib.loads(campus_toml(build_campus()))
    outlines = {zone["id"]: zone["polygon"] for zone in registry["zone"]}
    outside = [p["id"] for p in registry["place"] if not inside(p["xy"], outlines[p["zone"]])]
    assert outside == []


def inside(point: list[float], polygon: list[list[float]]) -> bool:
    """Return whether a point is inside a polygon."""
    x, y = point
    crossings = 0
    for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            crossings += 1
    return crossings % 2 == 1


@pytest.mark.parametrize(("sites", "sensors"), [(1, 7), (3, 50), (2, 300)])
def test_scaled_schools_have_the_wanted_size(sites: int, sensors: int) -> None:
    """Each of `sites` schools has `sensors` devices, none twice."""
    fleet = build_campus(sites=sites, sensors=sensors).fleet()
    assert len(fleet.devices) == sites * sensors
    assert len({(d.site, d.id) for d in fleet.devices}) == sites * sensors


def test_impossible_sizes_are_reported_together() -> None:
    """The error names both numbers with the allowed values."""
    with pytest.raises(ScenarioInvalid) as caught:
        build_campus(sites=0, sensors=-1)
    assert len(caught.value.findings) == 2
    assert "allowed 1 to" in str(caught.value)
