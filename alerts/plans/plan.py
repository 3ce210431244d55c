"""Plan of one site as a value: its checks, its JSON text, and its effect on the registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import msgspec

from alerts.errors import Invalid
from alerts.risk.registry import Place, Registry, Site, Zone

SIZE_M_MAX = 20_000.0
FLOORS_MAX, ZONES_MAX, PLACES_MAX, SENSORS_MAX, CORNERS_MAX = 100, 500, 5_000, 20_000, 200
CORNERS_MIN = 3
Row = TypeVar("Row", Zone, Place)


@dataclass(frozen=True, slots=True)
class Floor:
    """One floor. picture: SHA-256 of its picture, "" without one; the picture covers `size_m` of the site."""

    floor: int
    name_zh: str = ""
    name_en: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Position:
    """Position of a sensor in metres. floor: None for the floor of its place."""

    id: str
    xy: tuple[float, float]
    floor: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Plan of one site. calendar: the school's calendar, empty for that of the campus file."""

    site: Site
    floors: tuple[Floor, ...] = ()
    zones: tuple[Zone, ...] = ()
    places: tuple[Place, ...] = ()
    sensors: tuple[Position, ...] = ()
    calendar: Mapping[str, Any] = field(default_factory=dict)


def of_registry(registry: Registry, site_id: str) -> Plan:
    """Return the plan of a site that only the campus file describes."""
    places = tuple(place for place in registry.places.values() if place.site == site_id)
    positions = registry.sensor_xy.items()
    return Plan(
        registry.site(site_id),
        tuple(Floor(number) for number in sorted({place.floor for place in places})),
        tuple(zone for zone in list(registry.zones.values()) if zone.site == site_id),
        places,
        tuple(
            Position(sensor, xy, registry.sensor_floor.get((of, sensor)))
            for (of, sensor), xy in positions
            if of == site_id
        ),
    )


def check(plan: Plan, registry: Registry) -> None:
    """Raise Invalid with all errors of a plan. The zones and places of risk points must stay."""
    wrong = dict(_faults(plan))
    zones, places = {zone.id for zone in plan.zones}, {place.id for place in plan.places}
    for point in registry.risk_points:
        if point.site == plan.site.id and point.zone not in zones:
            wrong[f"zones.{point.zone}"] = (
                f"the zone of risk point {point.id!r} must stay",
                f"风险点“{point.id}”的区域须保留",
            )
        if point.site == plan.site.id and point.place and point.place not in places:
            wrong[f"places.{point.place}"] = (
                f"the place of risk point {point.id!r} must stay",
                f"风险点“{point.id}”的位置须保留",
            )
    if wrong:
        raise Invalid({at: en for at, (en, _) in wrong.items()}, zh={at: zh for at, (_, zh) in wrong.items()})


def _faults(plan: Plan) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the field of each error with its text in English and Chinese."""
    width, height = plan.site.size_m
    if not (0 < width <= SIZE_M_MAX and 0 < height <= SIZE_M_MAX):
        yield (
            "size_m",
            (f"width and height above 0 and up to {SIZE_M_MAX:g} m", f"宽和高须大于 0，最多 {SIZE_M_MAX:g} 米"),
        )
    for name, most in (("floors", FLOORS_MAX), ("zones", ZONES_MAX), ("places", PLACES_MAX), ("sensors", SENSORS_MAX)):
        rows: Sequence[Any] = getattr(plan, name)
        times = Counter(row.floor if name == "floors" else row.id for row in rows)
        if len(rows) > most:
            yield name, (f"{most} at most, given {len(rows)}", f"最多 {most} 个，实际 {len(rows)} 个")
        yield from ((f"{name}.{one}", ("once in a plan", "平面图中重复")) for one, count in times.items() if count > 1)
    yield from _dangling(plan)


def _dangling(plan: Plan) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield errors of outlines, and of rows that name a floor or zone without a row of its own."""
    floors, zones = {None, *(floor.floor for floor in plan.floors)}, {zone.id for zone in plan.zones}
    for zone in plan.zones:
        if zone.polygon and not CORNERS_MIN <= len(zone.polygon) <= CORNERS_MAX:
            yield (
                f"zones.{zone.id}.polygon",
                (
                    f"{CORNERS_MIN} to {CORNERS_MAX} corners, or none",
                    f"须有 {CORNERS_MIN} 至 {CORNERS_MAX} 个顶点，或不画轮廓",
                ),
            )
        if zone.floor not in floors:
            yield (
                f"zones.{zone.id}.floor",
                ("a floor of this plan, or null for every floor", "须为本图的楼层，留空为全部楼层"),
            )
    for place in plan.places:
        if place.zone not in zones:
            yield (
                f"places.{place.id}.zone",
                (f"a zone of this plan, given {place.zone!r}", f"本图没有区域“{place.zone}”"),
            )
    for sensor in plan.sensors:
        if sensor.floor not in floors:
            yield (
                f"sensors.{sensor.id}.floor",
                ("a floor of this plan, or null for the floor of its place", "须为本图的楼层，留空为其位置的楼层"),
            )


def adopt(registry: Registry, plan: Plan) -> None:
    """Replace everything that the registry holds about the site of a plan."""
    site = plan.site.id
    places = {key: one for key, one in registry.places.items() if key[0] != site}
    zones = {key: one for key, one in registry.zones.items() if key[0] != site}
    sensor_xy = {key: xy for key, xy in registry.sensor_xy.items() if key[0] != site}
    sensor_floor = {key: floor for key, floor in registry.sensor_floor.items() if key[0] != site}
    registry.sites = {**registry.sites, site: plan.site}
    registry.zones = zones | {
        (site, one.id): _with_people(one, registry.zones.get((site, one.id))) for one in plan.zones
    }
    registry.places = places | {(site, one.id): one for one in plan.places}
    registry.sensor_xy = sensor_xy | {(site, one.id): one.xy for one in plan.sensors}
    registry.sensor_floor = sensor_floor | {(site, one.id): one.floor for one in plan.sensors if one.floor is not None}
    if plan.calendar and not registry.calendar:
        registry.calendar = plan.calendar


def _with_people(zone: Zone, present: Zone | None) -> Zone:
    """Return the zone with the people of the campus file; a zone outside the file keeps its own."""
    return zone if present is None else replace(zone, officer=present.officer, fixer=present.fixer)


def kept(plan: Plan, before: Plan) -> Plan:
    """Return the plan with the columns that its editor does not show: people of zones, stairs, district, calendar."""
    zones = {zone.id: zone for zone in before.zones}
    places = {place.id: place for place in before.places}
    return replace(
        plan,
        site=replace(before.site, name_zh=plan.site.name_zh, name_en=plan.site.name_en, size_m=plan.site.size_m),
        zones=tuple(
            _over(one, zones.get(one.id), ("name_zh", "name_en", "key", "polygon", "floor")) for one in plan.zones
        ),
        places=tuple(
            _over(one, places.get(one.id), ("zone", "name_zh", "name_en", "floor", "xy")) for one in plan.places
        ),
        calendar=plan.calendar or before.calendar,
    )


def _over(row: Row, before: Row | None, shown: Sequence[str]) -> Row:
    """Return the former row with the columns that the editor shows; the row itself without a former one."""
    return row if before is None else replace(before, **{name: getattr(row, name) for name in shown})


def encode(plan: Plan) -> str:
    """Return the JSON text of a plan for the database."""
    return msgspec.json.encode(asdict(plan), order="deterministic").decode()


def decode(text: str) -> Plan:
    """Return the plan of a JSON text. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=Plan)
