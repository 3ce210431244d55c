"""Routes of inspections from risk, last inspection and cycles of the measures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from alerts.register.checks import MeasureStatus
from alerts.register.records import Entry
from alerts.risk.content import Content, Measure, Text
from alerts.risk.registry import Place, Zone

from .kinds import InspectionKind, danger_kind, durations

GENERAL = Text("现场状况正常", "The place is in order")
"""Check item of a risk point without measures."""
OVERDUE, DUE, NOT_INSPECTED, WHOLE, ROUND = "overdue", "due", "not_inspected", "whole", "round"
"""Reasons of a stop."""


@dataclass(frozen=True, slots=True)
class Item:
    """One check item of a measure. id: measure and number; measure: "" for none; sensor: proves it; kind: of danger."""

    id: str
    measure: str
    text: Mapping[str, str]
    sensor: str = ""
    kind: str = "other"


@dataclass(frozen=True, slots=True)
class Stop:
    """One stop. point: risk point, "" in a guard round; place: "" where its zone has none; reason: see `OVERDUE`."""

    id: str
    point: str
    zone: str
    place: str
    floor: int
    name: Mapping[str, str]
    grade: str | None
    reason: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Grounds:
    """State of a site that a route reads. last_ns: point -> its last inspection; statuses: point -> its measures."""

    zones: Sequence[Zone]
    places: Sequence[Place]
    last_ns: Mapping[str, int]
    statuses: Mapping[str, Sequence[MeasureStatus]]
    now_ns: int


@dataclass(frozen=True, slots=True)
class Route:
    """Stops in their order. left_off: points beyond the limit of stops."""

    stops: tuple[Stop, ...]
    left_off: int


def risk_route(kind: InspectionKind, entries: Iterable[Entry], grounds: Grounds, zones: Sequence[str] = ()) -> Route:
    """Return the route of an inspection: points without an inspection first, then those with a check due.

    Within both groups the order is that of a walk: zone, floor, position. zones: only these, none for all.
    """
    order = {zone.id: number for number, zone in enumerate(grounds.zones)}
    ranked = []
    for entry in entries:
        content, reason = entry.approved, ""
        if content is None or (zones and entry.zone not in zones):
            continue
        if not kind.accidents or kind.accidents & set(content.all_accidents):
            reason = _reason(kind, entry, grounds)
        if reason:
            place = _place(content, grounds.places)
            first = 0 if reason == NOT_INSPECTED else 1
            xy = (place.floor, *place.xy) if place else (0, 0.0, 0.0)
            ranked.append(((first, order.get(entry.zone, len(order)), *xy, entry.number), entry, content, reason))
    ranked.sort(key=lambda one: one[0])
    shown = ranked[: durations().stops_max]
    stops = [
        _stop(f"s{number}", entry, content, reason, grounds)
        for number, (_, entry, content, reason) in enumerate(shown, 1)
    ]
    return Route(tuple(stops), len(ranked) - len(shown))


def guard_route(kind: InspectionKind, grounds: Grounds, places: Sequence[str] = ()) -> Route:
    """Return the route of a guard round: these places, or the first place of each floor of the key zones."""
    zones = {zone.id: number for number, zone in enumerate(grounds.zones) if places or zone.key in kind.zone_keys}
    near = [one for one in grounds.places if (one.id in places if places else one.zone in zones)]
    near.sort(key=lambda one: (zones.get(one.zone, len(zones)), one.floor, *one.xy, one.id))
    if not places:
        seen: dict[tuple[str, int], Place] = {}
        for one in near:
            seen.setdefault((one.zone, one.floor), one)
        near = [*seen.values()]
    shown = near[: durations().stops_max]
    stops = [
        Stop(f"s{number}", "", one.zone, one.id, one.floor, _names(one), None, ROUND, ())
        for number, one in enumerate(shown, 1)
    ]
    return Route(tuple(stops), len(near) - len(shown))


def duration_s(items: int, stops: int) -> int:
    """Return the planned duration of a walk with this number of items to check by hand."""
    limits = durations()
    return stops * limits.stop_s + items * limits.item_s


def stored(stops: Iterable[Stop]) -> list[dict[str, Any]]:
    """Return stops as JSON values."""
    found: list[dict[str, Any]] = msgspec.to_builtins(list(stops))
    return found


def read_stops(stored_stops: Any) -> tuple[Stop, ...]:
    """Return the stops of JSON values that `stored` made."""
    return msgspec.convert(stored_stops, tuple[Stop, ...])


def _reason(kind: InspectionKind, entry: Entry, grounds: Grounds) -> str:
    """Return the reason for which the route has a point, "" if it is not due."""
    last_ns, grade = grounds.last_ns.get(entry.id, 0), entry.live or entry.existing
    if grade in kind.grades and last_ns <= grounds.now_ns - kind.not_inspected_ns and kind.not_inspected_ns:
        return NOT_INSPECTED
    if kind.whole:
        return WHOLE if grade in kind.grades else ""
    states = [one for one in grounds.statuses.get(entry.id, ()) if not one.measure.sensor]
    if any(one.state in {OVERDUE, "failed"} for one in states):
        return OVERDUE
    until_ns = grounds.now_ns + kind.window_ns
    return DUE if any(one.next_ns is not None and one.next_ns <= until_ns for one in states) else ""


def _place(content: Content, places: Sequence[Place]) -> Place | None:
    """Return the place of a risk point, the first one of its zone if it names none."""
    near = [one for one in places if (one.id == content.place if content.place else one.zone == content.zone)]
    return min(near, key=lambda one: (one.floor, one.id), default=None)


def _stop(number: str, entry: Entry, content: Content, reason: str, grounds: Grounds) -> Stop:
    place, grade = _place(content, grounds.places), entry.live or entry.existing
    items = tuple(item for measure in content.measures for item in _items(measure, content.hazard))
    return Stop(
        number,
        entry.id,
        entry.zone,
        place.id if place else "",
        place.floor if place else 0,
        content.name.both(),
        grade.colour if grade else None,
        reason,
        items or (Item("point.0", "", GENERAL.both(), kind=danger_kind(content.hazard, "")),),
    )


def _items(measure: Measure, hazard: str) -> Iterable[Item]:
    kind = danger_kind(hazard, measure.kind)
    for number, text in enumerate(measure.items or (measure.text,)):
        yield Item(f"{measure.id}.{number}", measure.id, text.both(), measure.sensor, kind)


def _names(place: Place) -> dict[str, str]:
    return {"zh": place.name_zh or place.id, "en": place.name_en or place.id}
