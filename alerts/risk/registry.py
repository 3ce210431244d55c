"""The campus as its people describe it: sites, zones, places, risk points and sensors, from one TOML file."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from alerts.errors import Invalid, RegistryError
from ingest import KINDS, Sensor

from .grading import methods

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Site:
    """A school. size_m: width and height of its plan in metres."""

    id: str
    name_zh: str = ""
    name_en: str = ""
    district: str = ""
    city: str = ""
    size_m: tuple[float, float] = (200.0, 100.0)


@dataclass(frozen=True, slots=True)
class Zone:
    """Part of a site; key: which key zone of a school it is; polygon: corners in metres; officer, fixer: its people."""

    site: str
    id: str
    name_zh: str = ""
    name_en: str = ""
    key: str = ""
    polygon: tuple[tuple[float, float], ...] = ()
    officer: str = ""
    fixer: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A room or spot where sensors hang; xy in metres on the site's plan."""

    site: str
    zone: str
    id: str
    name_zh: str = ""
    name_en: str = ""
    xy: tuple[float, float] = (0.0, 0.0)
    floor: int = 1


@dataclass(frozen=True, slots=True)
class RiskPoint:
    """What carries risk, with the assessment that people approved (factors of the method) and its control measures."""

    site: str
    zone: str
    id: str
    name_zh: str = ""
    name_en: str = ""
    place: str = ""
    hazard: str = ""
    method: str = "ls"
    likelihood: float = 1.0
    severity: float = 1.0
    exposure: float = 1.0
    measures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """The whole campus file. sensors have code 0 until they are heard; calendar is the table as it stands."""

    sites: Mapping[str, Site] = field(default_factory=dict)
    zones: Mapping[tuple[str, str], Zone] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    risk_points: tuple[RiskPoint, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    sensor_xy: Mapping[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    calendar: Mapping[str, Any] = field(default_factory=dict)

    def site(self, site_id: str) -> Site:
        """The site, or a bare one of that id when nobody described it."""
        return self.sites.get(site_id) or Site(site_id, site_id, site_id)

    def zone_of(self, site: str, place: str) -> Zone:
        """The zone of a place; a bare one for a place nobody described."""
        known = self.places.get((site, place))
        zone = self.zones.get((site, known.zone)) if known else None
        return zone or Zone(site, "", "未分配", "unassigned")

    def place_name(self, site: str, place: str) -> dict[str, str]:
        """Name of a place in both languages; an unassigned sensor's own id stands for its place."""
        known = self.places.get((site, place))
        if known is None:
            sensor = place.removeprefix("unassigned:")
            return {"zh": f"未分配传感器 {sensor}", "en": f"unassigned sensor {sensor}"}
        return {"zh": known.name_zh or known.id, "en": known.name_en or known.id}


_TABLES = {"site", "zone", "place", "risk_point", "sensor", "calendar"}
_SENSOR_KEYS = {"site", "id", "kind", "place", "profile", "period_s", "limits", "xy", "gateway"}


def load_registry(path: Path | None) -> Registry:
    """The registry of a campus file; an empty one without a file. Raises RegistryError with every error at once."""
    if path is None:
        return Registry()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RegistryError([f"{path}: {error.strerror}"]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RegistryError([f"{path}: {error}"]) from error
    return read_registry(table)


def read_registry(table: Mapping[str, Any]) -> Registry:
    """The registry of a parsed campus file. Raises RegistryError with every error at once."""
    errors = [f"{name}: unknown table; known: {', '.join(sorted(_TABLES))}" for name in table if name not in _TABLES]
    sites = _rows(table, "site", Site, errors)
    zones = _rows(table, "zone", Zone, errors)
    places = _rows(table, "place", Place, errors)
    points = _rows(table, "risk_point", RiskPoint, errors)
    raw = _list(table, "sensor", errors)
    registry = Registry(
        {site.id: site for site in sites},
        {(zone.site, zone.id): zone for zone in zones},
        {(place.site, place.id): place for place in places},
        tuple(points),
        tuple(_sensor(row, number, errors) for number, row in enumerate(raw, 1)),
        {(str(row.get("site")), str(row.get("id"))): _pair(row["xy"]) for row in raw if _is_pair(row.get("xy"))},
        table.get("calendar", {}),
    )
    errors += [*_dangling(registry), *_twice(registry), *_graded(registry)]
    errors += [
        f"{name}: two entries share an id"
        for name, rows, kept in (("site", sites, registry.sites), ("zone", zones, registry.zones))
        if len(rows) != len(kept)
    ]
    if errors:
        raise RegistryError(errors)
    return registry


def _list(table: Mapping[str, Any], name: str, errors: list[str]) -> list[dict[str, Any]]:
    rows = table.get(name, [])
    if isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        return rows
    errors.append(f"{name}: must be written as [[{name}]]")
    return []


def _rows(table: Mapping[str, Any], name: str, cls: Callable[..., T], errors: list[str]) -> list[T]:
    rows = []
    known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]  # always one of the dataclasses above
    for number, row in enumerate(_list(table, name, errors), 1):
        where = f"{name} {number} ({row.get('id', 'no id')})"
        bad = [f"{where}: {key} is unknown; known: {', '.join(known)}" for key in row if key not in known]
        bad += [
            f"{where}: {key} is missing" for key, item in known.items() if item.default is MISSING and key not in row
        ]
        bad += [f"{where}: {key} must be {wanted}" for key, wanted in _mistyped(row, known)]
        errors += bad
        if not bad:
            rows.append(cls(**{key: _frozen(value) for key, value in row.items()}))
    return rows


def _mistyped(row: Mapping[str, Any], known: Mapping[str, Any]) -> list[tuple[str, str]]:
    wrong = []
    for key, value in row.items():
        hint = str(known[key].type) if key in known else "Any"
        if hint == "str" and not isinstance(value, str):
            wrong.append((key, "a text"))
        elif hint in {"float", "int"} and (isinstance(value, bool) or not isinstance(value, (int, float))):
            wrong.append((key, "a number"))
        elif hint == "tuple[float, float]" and not _is_pair(value):
            wrong.append((key, "two numbers"))
    return wrong


def _sensor(row: Mapping[str, Any], number: int, errors: list[str]) -> Sensor:
    where = f"sensor {number} ({row.get('id', 'no id')})"
    known = ", ".join(sorted(_SENSOR_KEYS))
    errors += [f"{where}: {key} is unknown; known: {known}" for key in row if key not in _SENSOR_KEYS]
    errors += [f"{where}: {key} is missing" for key in ("site", "id", "kind") if not isinstance(row.get(key), str)]
    if row.get("kind") not in KINDS:
        errors.append(f"{where}: kind {row.get('kind')!r} is not allowed; one of {', '.join(KINDS)}")
    limits = row.get("limits", {})
    if not isinstance(limits, dict) or not all(_rising(value) for value in limits.values()):
        errors.append(f"{where}: limits must be lists of one to three rising numbers")
        limits = {}
    return Sensor(
        0,
        str(row.get("id")),
        str(row.get("site")),
        row["kind"] if row.get("kind") in KINDS else "env",
        place=str(row.get("place", "")),
        profile=str(row.get("profile", "")),
        period_s=_number(row, "period_s", where, errors),
        gateway=str(row.get("gateway", "")),
        limits={metric: tuple(map(float, value)) for metric, value in limits.items()},
    )


def _number(row: Mapping[str, Any], key: str, where: str, errors: list[str]) -> float:
    value = row.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        errors.append(f"{where}: {key} must be a number, 0 or more")
        return 0.0
    return float(value)


def _twice(registry: Registry) -> list[str]:
    """Sensors that are described more than once."""
    counted = Counter((sensor.site, sensor.id) for sensor in registry.sensors)
    return [
        f"sensor {name} of site {site} is described {count} times"
        for (site, name), count in counted.items()
        if count > 1
    ]


def _graded(registry: Registry) -> list[str]:
    """Risk points whose method or factors no method file knows."""
    errors = []
    for point in registry.risk_points:
        if point.method not in methods():
            errors.append(f"risk_point {point.id}: method {point.method!r} is not known; one of {', '.join(methods())}")
            continue
        try:
            methods()[point.method].assess(
                likelihood=point.likelihood, severity=point.severity, exposure=point.exposure
            )
        except Invalid as error:
            errors.append(f"risk_point {point.id}: {error}")
    return errors


def _dangling(registry: Registry) -> list[str]:
    return [
        *(
            f"zone {zone.id}: site {zone.site!r} is not described"
            for zone in registry.zones.values()
            if zone.site not in registry.sites
        ),
        *(
            f"place {place.id}: zone {place.zone!r} is not described"
            for place in registry.places.values()
            if (place.site, place.zone) not in registry.zones
        ),
        *(
            f"risk_point {point.id}: zone {point.zone!r} is not described"
            for point in registry.risk_points
            if (point.site, point.zone) not in registry.zones
        ),
        *(
            f"sensor {sensor.id}: site {sensor.site!r} is not described"
            for sensor in registry.sensors
            if sensor.site not in registry.sites
        ),
        *(
            f"sensor {sensor.id}: place {sensor.place!r} is not described"
            for sensor in registry.sensors
            if sensor.place and (sensor.site, sensor.place) not in registry.places
        ),
    ]


def _rising(value: object) -> bool:
    if not isinstance(value, list) or not 1 <= len(value) <= 3:  # noqa: PLR2004 - three alarm levels
        return False
    numbers = all(isinstance(limit, (int, float)) for limit in value)
    return numbers and all(low < high for low, high in pairwise(value))


def _is_pair(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, (int, float)) for part in value)  # noqa: PLR2004 - x and y


def _pair(value: list[float]) -> tuple[float, float]:
    return float(value[0]), float(value[1])


def _frozen(value: Any) -> Any:
    return tuple(_frozen(part) for part in value) if isinstance(value, list) else value
