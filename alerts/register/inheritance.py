"""Risk points of sensors: a sensor inherits the grade of its measure, place or zone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, select

from alerts.database.schema import risk_points
from alerts.risk.grading import Grade


@dataclass(frozen=True, slots=True)
class InheritedGrade:
    """Risk point from which a sensor has its grade. name: in both languages; grade: the live one."""

    point: str
    name: Mapping[str, str]
    grade: Grade


@dataclass(frozen=True, slots=True)
class _Point:
    found: InheritedGrade
    zone: str
    place: str
    sensors: frozenset[str]


class Inheritance:
    """Approved risk points of some sites, read once for each response."""

    def __init__(self, engine: Engine, sites: Collection[str]) -> None:
        own, self._points = risk_points.c, dict[str, list[_Point]]()
        query = select(own.site, own.id, own.live, own.approved).where(own.site.in_(sites), own.live.is_not(None))
        if not sites:
            return
        with engine.execution_options(writes=False).connect() as connection:
            for row in connection.execute(query.order_by(own.live, own.number, own.id)):
                content = row.approved
                sensors = frozenset(one.get("sensor", "") for one in content.get("measures", ())) - {""}
                found = InheritedGrade(row.id, content["name"], Grade(row.live))
                point = _Point(found, content["zone"], content.get("place", ""), sensors)
                self._points.setdefault(row.site, []).append(point)

    def of(self, site: str, sensor: str, place: str, zone: str) -> InheritedGrade | None:
        """Return the gravest point whose measure names the sensor; else of its place; else of its zone; else None."""
        points = self._points.get(site, [])
        return (
            _first(one for one in points if sensor in one.sensors)
            or _first(one for one in points if place and one.place == place)
            or _first(one for one in points if zone and one.zone == zone and not one.place)
        )


def _first(points: Iterable[_Point]) -> InheritedGrade | None:
    """Return the first point; they are in order of their grade, the gravest first."""
    return next((one.found for one in points), None)
