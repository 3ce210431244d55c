"""Seeded schools: one campus or a district of them, and their registry file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from simulators.campus.calendar import Calendar
from simulators.campus.fleet import Device, Fleet
from simulators.campus.layout import SIZE_M, ZONES, Spot, Zone, spots
from simulators.errors import ScenarioInvalid

PERIODS_S: Mapping[str, float] = {
    "smoke": 10.0, "room": 300.0, "turnstile": 60.0, "door": 300.0, "pond": 60.0, "rain": 60.0,
    "pipe": 15.0, "leak": 600.0, "camera": 60.0, "panel": 300.0, "socket": 60.0,
}  # fmt: skip
"""Seconds between the messages of each model."""

RAIL_M = 1.7
POND_LIMITS_M = (1.2, 1.5, RAIL_M)
"""Early, alarm, severe; the last is the foot of the rail."""

LANDMARKS = (
    "smoke-dorm1-203",
    "gate-east-door",
    "cam-gate-east",
    "water-pond-1",
    "rain-pond",
    "cam-pond-1",
    "smoke-kitchen-1",
    "smoke-lab-1",
    "gate-lab-1",
)
"""Devices kept first in a school with fewer sensors than the layout, so every scenario has its devices."""

ZONE_KEYS = {zone.id: zone.key for zone in ZONES}

SITES_MAX, SENSORS_MAX = 10_000, 5_000

RISKS = (
    ("risk-dorm1-fire", "dorm-1", "", "宿舍火灾", "Fire in a dormitory", "fire", 2, 5),
    ("risk-dorm2-fire", "dorm-2", "", "宿舍火灾", "Fire in a dormitory", "fire", 2, 5),
    ("risk-kitchen-fire", "canteen", "kitchen", "后厨火灾", "Kitchen fire", "fire", 3, 4),
    ("risk-lab-fire", "laboratory", "", "实验室火灾", "Laboratory fire", "fire", 2, 4),
    ("risk-store", "laboratory", "lab-2", "危化品失管", "Chemicals out of control", "intrusion", 2, 5),
    ("risk-pond-drowning", "pond", "", "溺水", "Drowning", "person_at_water", 2, 5),
    ("risk-pond-flood", "pond", "", "池水漫溢", "Pond overflows", "flood", 2, 3),
    ("risk-gate-intrusion", "gate-south", "gate-south", "外来人员闯入", "Intrusion at the gate", "intrusion", 2, 4),
    ("risk-east-gate", "gate-east", "gate-east", "东门失管", "East gate out of control", "gate_forced", 2, 4),
    ("risk-stairs", "teaching-1", "t1-stair1", "楼梯踩踏", "Crush on the stairs", "crowd", 2, 5),
    ("risk-power", "power-room", "switchgear", "电气火灾", "Electrical fire", "fire", 2, 4),
    ("risk-pump", "pump-room", "pumps", "泵房淹水", "Pump room floods", "leak", 2, 3),
)
"""(id, zone, place, zh, en, hazard, likelihood, severity), LS method."""


@dataclass(frozen=True, slots=True)
class School:
    """One site and its names."""

    id: str
    name_zh: str
    name_en: str


@dataclass(frozen=True, slots=True)
class Campus:
    """Schools of a simulation with one layout, their calendar and seed.

    drawn: the devices of one school, their `site` empty.
    """

    schools: tuple[School, ...]
    zones: tuple[Zone, ...]
    spots: tuple[Spot, ...]
    drawn: tuple[Device, ...]
    calendar: Calendar
    seed: int

    def fleet(self) -> Fleet:
        """Return all devices of all schools."""
        return Fleet(tuple(school.id for school in self.schools), self.drawn, self.calendar, self.seed)

    @property
    def size(self) -> int:
        """Number of devices in total."""
        return len(self.schools) * len(self.drawn)


def build_campus(
    *, sites: int = 1, sensors: int | None = None, seed: int = 1, calendar: Calendar | None = None
) -> Campus:
    """Return `sites` schools of `sensors` devices each (default: as in the layout). Raises ScenarioInvalid."""
    findings = []
    if not 1 <= sites <= SITES_MAX:
        findings.append(f"sites = {sites}: allowed 1 to {SITES_MAX}")
    if sensors is not None and not 1 <= sensors <= SENSORS_MAX:
        findings.append(f"sensors = {sensors}: allowed 1 to {SENSORS_MAX}")
    if findings:
        raise ScenarioInvalid("campus", findings)
    schools = tuple(_school(number) for number in range(1, sites + 1))
    places, devices = _drawing(sensors)
    return Campus(schools, ZONES, places, devices, calendar or Calendar(), seed)


def campus_toml(campus: Campus) -> str:
    """Return the registry file of these schools: sites, zones, places, risk points, sensors and the calendar."""
    lines: list[str] = ["# Registry of the simulated schools; lengths in metres, origin in the south-west."]
    lines += _table("[calendar]", _calendar_fields(campus.calendar))
    for school in campus.schools:
        lines += _site(school, campus)
        first = {_gateway(device): device for device in reversed(campus.drawn)}
        for name, device in first.items():
            about = {"site": school.id, "id": name, "kind": "device", "place": device.place}
            lines += _table("[[sensor]]", about)
        for device in campus.drawn:
            lines += _table("[[sensor]]", _sensor_fields(school.id, device))
    return "\n".join(lines) + "\n"


def _school(number: int) -> School:
    if number == 1:
        return School("school-1", "青竹实验学校", "Qingzhu Experimental School")
    return School(f"school-{number}", f"青竹第{number}学校", f"Qingzhu School {number}")


def _drawing(sensors: int | None) -> tuple[tuple[Spot, ...], tuple[Device, ...]]:
    """Return places and devices of one school."""
    drawn = tuple(spots())
    devices = tuple(_device(spot, entry) for spot in drawn for entry in spot.devices)
    if sensors is None or sensors == len(devices):
        return drawn, devices
    if sensors < len(devices):
        return drawn, _fewer(devices, sensors)
    extra = tuple(_annex(sensors - len(devices)))
    return drawn + extra, devices + tuple(_device(spot, entry) for spot in extra for entry in spot.devices)


def _device(spot: Spot, entry: tuple[str, str, str, str]) -> Device:
    name, kind, model, profile = entry
    limits = {"level": POND_LIMITS_M} if model == "pond" else {}
    return Device(
        "", name, kind, model, spot.zone, ZONE_KEYS[spot.zone], spot.id, spot.xy, PERIODS_S[model], profile, limits
    )


def _fewer(devices: tuple[Device, ...], wanted: int) -> tuple[Device, ...]:
    """Return the landmarks and an even selection of the rest, in layout order."""
    kept = [name for name in LANDMARKS if any(d.id == name for d in devices)][:wanted]
    rest = [d.id for d in devices if d.id not in kept]
    free = wanted - len(kept)
    kept += [rest[index * len(rest) // free] for index in range(free)] if free else []
    chosen = set(kept)
    return tuple(d for d in devices if d.id in chosen)


def _annex(count: int) -> Iterator[Spot]:
    """Yield further rooms on upper floors of the teaching buildings, one smoke head each."""
    for index in range(count):
        zone, bottom = ("teaching-1", 54) if index % 2 == 0 else ("teaching-2", 82)
        number = 1001 + index
        xy = (114 + (index * 7) % 76, bottom + 2 + (index * 5) % 12)
        short = f"{zone.replace('teaching-', 't')}-{number}"
        head = ((f"smoke-{short}", "smoke", "smoke", ""),)
        yield Spot(zone, short, f"{number}室", f"Room {number}", xy, 4 + index // 40, head)


def _site(school: School, campus: Campus) -> list[str]:
    about = {"id": school.id, "name_zh": school.name_zh, "name_en": school.name_en}
    lines = _table("[[site]]", {**about, "district": "d1", "city": "c1", "size_m": list(SIZE_M)})
    for zone in campus.zones:
        names = {"id": zone.id, "name_zh": zone.name_zh, "name_en": zone.name_en, "key": zone.key}
        people = {"officer": "officer", "fixer": "fixer"}
        lines += _table("[[zone]]", {"site": school.id, **names, "polygon": [list(p) for p in zone.polygon], **people})
    for spot in campus.spots:
        names = {"zone": spot.zone, "id": spot.id, "name_zh": spot.name_zh, "name_en": spot.name_en}
        lines += _table("[[place]]", {"site": school.id, **names, "xy": list(spot.xy), "floor": spot.floor})
    for risk, zone_id, place, zh, en, hazard, likelihood, severity in RISKS:
        where = {"site": school.id, "zone": zone_id, "id": risk, "name_zh": zh, "name_en": en}
        where |= {"place": place} if place else {}
        graded = {"hazard": hazard, "method": "ls", "likelihood": likelihood, "severity": severity}
        lines += _table("[[risk_point]]", {**where, **graded})
    return lines


def _sensor_fields(site: str, device: Device) -> dict[str, object]:
    fields: dict[str, object] = {"site": site, "id": device.id, "kind": device.kind, "place": device.place}
    if device.profile:
        fields["profile"] = device.profile
    fields["period_s"] = device.period_s
    fields["gateway"] = _gateway(device)
    if device.limits:
        fields["limits"] = {metric: list(limits) for metric, limits in device.limits.items()}
    return {**fields, "xy": list(device.xy)}


def _gateway(device: Device) -> str:
    """Return the gateway of a device: one for each kind of zone, at the place of its first device."""
    return f"gateway-{device.zone_key}"


def _calendar_fields(calendar: Calendar) -> dict[str, object]:
    hours = {"timezone": calendar.timezone, "open": calendar.open, "close": calendar.close}
    weekend = {"weekend_open": calendar.weekend_open, "weekend_close": calendar.weekend_close}
    dates = {"terms": [list(t) for t in calendar.terms], "holidays": list(calendar.holidays)}
    return {**hours, **weekend, **dates, "workdays": list(calendar.workdays)}


def _table(head: str, fields: Mapping[str, object]) -> list[str]:
    return ["", head, *(f"{key} = {_value(value)}" for key, value in fields.items())]


def _value(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def place_periods(campus: Campus, periods_s: Mapping[str, float]) -> Campus:
    """Return the schools with other message periods, by model."""
    drawn = tuple(replace(device, period_s=periods_s.get(device.model, device.period_s)) for device in campus.drawn)
    return replace(campus, drawn=drawn)
