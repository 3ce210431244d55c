"""Risk points of sensors: a sensor inherits the grade of its measure, place or zone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, select

from alerts.database.json_part import JsonPart, json_text
from alerts.database.schema import risk_points
from alerts.risk.grading import Grade


@dataclass(frozen=True, slots=True)
class InheritedGrade:
    """Risk point from which a sensor has its grade. name: in both languages; grade: the live one."""

    point: str
    name: Mapping[str, str]
    grade: Grade


@dataclass(frozen=True, slots=True)
class _Measure:
    sensor: str = ""


@dataclass(frozen=True, slots=True)
class _Content:
    """The fields of a risk point's content from which a sensor inherits."""

    name: Mapping[str, str]
    zone: str
    place: str = ""
    measures: tuple[_Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class _Point:
    id: str
    live: int
    content: _Content


_CONTENT = JsonPart(_Content)


class Inheritance:
    """Approved risk points of some sites, read once for each response."""

    def __init__(self, engine: Engine, sites: Collection[str]) -> None:
        own, self._points = risk_points.c, dict[str, list[_Point]]()
        columns = (own.site, own.id, own.live, json_text(own.approved))
        query = select(*columns).where(own.site.in_(sites), own.live.is_not(None))
        if not sites:
            return
        with engine.execution_options(writes=False).connect() as connection:
            found = connection.execute(query.order_by(own.live, own.number, own.id)).all()
        for site, point, live, content in found:
            self._points.setdefault(site, []).append(_Point(point, live, _CONTENT.decode(content)))

    def of(self, site: str, sensor: str, place: str, zone: str) -> InheritedGrade | None:
        """Return the gravest point whose measure names the sensor; else of its place; else of its zone; else None."""
        points = self._points.get(site, [])
        return (
            _first(one for one in points if any(measure.sensor == sensor for measure in one.content.measures))
            or _first(one for one in points if place and one.content.place == place)
            or _first(one for one in points if zone and one.content.zone == zone and not one.content.place)
        )


def _first(points: Iterable[_Point]) -> InheritedGrade | None:
    """Return the first point; they are in order of their grade, the gravest first."""
    return next((InheritedGrade(one.id, one.content.name, Grade(one.live)) for one in points), None)
