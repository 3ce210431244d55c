"""Inherited grades of sensors: measure before place, place before zone."""

from __future__ import annotations

from typing import Any

from alerts import Actor, Grade
from alerts.register.inheritance import Inheritance

WRITER = Actor("writer", frozenset(("officer",)), frozenset(("school-1",)))
READER = Actor("reader", frozenset(("officer",)), frozenset(("school-1",)))


def put(world: Any, point: str, severity: int, **content: Any) -> None:
    """Write and approve a risk point of the dormitory."""
    assessment = {"method": "ls", "likelihood": 4, "severity": severity}
    table = {"name": {"zh": point, "en": point}, "zone": "dorm", "inherent": assessment, "existing": assessment}
    made = world.dispatch.register.put(WRITER, "school-1", point, table | content, version=None)
    world.dispatch.register.approve(READER, "school-1", {point: made.version})


def test_a_sensor_inherits_the_grade_of_its_risk_point(world: Any) -> None:
    """Nothing without an approved point; then the zone, the place, and the measure that names the sensor."""

    def inherited(place: str = "d-101", zone: str = "dorm") -> tuple[str, Grade] | None:
        found = Inheritance(world.engine, {"school-1"}).of("school-1", "smoke-101", place, zone)
        return None if found is None else (found.point, found.grade)

    assert inherited() is None
    put(world, "whole-zone", 2)
    assert inherited() == ("whole-zone", Grade.BLUE)
    put(world, "graver", 4)
    assert inherited() == ("graver", Grade.ORANGE)
    put(world, "room", 3, place="d-101")
    assert inherited() == ("room", Grade.YELLOW)
    assert inherited(place="d-102") == ("graver", Grade.ORANGE)
    assert inherited(place="", zone="") is None
    put(world, "measured", 5, measures=[{"id": "m1", "text": {"zh": "烟感"}, "sensor": "smoke-101"}])
    assert inherited() == ("measured", Grade.RED)
    world.dispatch.register.remove(WRITER, "school-1", "measured", version=2)
    assert inherited() == ("room", Grade.YELLOW)
    assert Inheritance(world.engine, set()).of("school-1", "smoke-101", "d-101", "dorm") is None
