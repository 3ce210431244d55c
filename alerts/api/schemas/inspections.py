"""Response schemas of inspections: kinds, route, sheet, outcomes, plans, NFC tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from alerts.inspections.route import Route, Stop, duration_s
from alerts.inspections.sheet import NOT_OK, OPEN, PROVED, Inspection, StopState, Stored
from alerts.inspections.validation import Outcome
from alerts.risk.registry import Registry

from .fields import Body, Both, Colour, Count, List, SiteId, Time, Username, Version, ZoneId, both, moment, names
from .inspection_plans import KindId

State = Literal["planned", "running", "done", "missed"]
Result = Literal["open", "ok", "not_ok", "not_applicable", "proved"]
InspectionId = Annotated[str, Field(description="id of the inspection", examples=["weekly-2026-49"])]
StopId = Annotated[str, Field(description="stop of the route", examples=["s1"])]


class ItemProof(Body):
    """A reading that proves a check item."""

    sensor: Annotated[str, Field(examples=["smoke-412"])]
    metric: Annotated[str, Field(examples=["smoke_density"])]
    value: Annotated[float, Field(examples=[0.01])]
    unit: Annotated[str, Field(examples=["dB/m"])]
    at: Time | None


class EntryBody(Body):
    """A tick or check-in. at: device time as sent; way: qr, nfc or manual, of a check-in."""

    id: Annotated[str, Field(examples=["6f1c9d4e-1"])]
    result: Annotated[str, Field(examples=["not_ok"])]
    note: Annotated[str, Field(examples=["seal broken"])]
    way: Annotated[str, Field(examples=["qr"])]
    at: Annotated[str, Field(examples=["2026-11-30T10:02:11.120+08:00"])]
    received_at: Time | None
    in_window: bool
    by: Username
    danger: Annotated[str, Field(description="hidden danger, empty for none", examples=[""])]
    ticket: Annotated[str, Field(description="its ticket, empty for none", examples=[""])]


class SheetItem(Body):
    """A check item. proof: of a sensor, also beside a tick that overrules it; kind: usual kind of danger."""

    item: Annotated[str, Field(examples=["m1.0"])]
    measure: Annotated[str, Field(examples=["m1"])]
    text: Both
    kind: Annotated[str, Field(examples=["fire_equipment"])]
    state: Result
    proof: ItemProof | None
    entry: EntryBody | None


class SheetStop(Body):
    """A stop of the route. point: risk point, empty in a guard round; reason: why the route has it."""

    stop: StopId
    point: Annotated[str, Field(examples=["dorm-3-fire"])]
    place: Annotated[str, Field(description="empty: the zone has no place", examples=["d-101"])]
    place_name: Both | None
    zone: ZoneId
    zone_name: Both
    floor: int
    name: Both
    grade: Colour | None
    reason: Literal["overdue", "due", "not_inspected", "whole", "round"]
    done: bool
    check_in: EntryBody | None
    items: list[SheetItem]


class RouteFigures(Body):
    """Figures of a route. walk: items left to check by hand; left_off: points beyond the limit of stops."""

    stops: Count
    stops_done: Count
    items: Count
    proved: Count
    walk: Count
    not_ok: Count
    minutes: Count
    left_off: Count


class RoutePreview(Body):
    """Route that an inspection would have now."""

    kind: KindId
    figures: RouteFigures
    stops: list[SheetStop]


class InspectionBody(Body):
    """One inspection. persons: on duty at its post now."""

    site: SiteId
    id: InspectionId
    kind: KindId
    name: Both
    plan: Annotated[str, Field(description="empty: made by a person", examples=["gate-round"])]
    post: Annotated[str, Field(examples=["safety-officer"])]
    post_name: Both
    persons: Annotated[list[str], Field(examples=[["王芳"]])]
    state: State
    begin: Time
    end: Time
    created_by: Username
    started_by: Username | None
    started_at: Time | None
    ended_by: Username | None
    ended_at: Time | None
    figures: RouteFigures
    version: Version


class InspectionList(List[InspectionBody]):
    """One page of inspections, the newest window first."""


class InspectionSheet(InspectionBody):
    """An inspection with its stops and items."""

    stops: list[SheetStop]


class OutcomeBody(Body):
    """Result of one entry. repeated: it was stored before; refused: see the text."""

    id: Annotated[str, Field(examples=["6f1c9d4e-1"])]
    outcome: Literal["stored", "repeated", "refused"]
    text: Both | None
    in_window: bool
    danger: Annotated[str, Field(examples=[""])]
    ticket: Annotated[str, Field(examples=[""])]


class Outcomes(Body):
    """Results of entries in their order."""

    outcomes: list[OutcomeBody]
    inspection: InspectionSheet


def outcome_body(outcome: Outcome) -> OutcomeBody:
    """Return the result of an entry."""
    entry = outcome.entry
    return OutcomeBody.model_validate(
        {
            "id": outcome.id,
            "outcome": outcome.outcome,
            "text": outcome.text,
            "in_window": entry.in_window if entry else False,
            "danger": entry.danger if entry else "",
            "ticket": entry.ticket if entry else "",
        }
    )


def preview_body(kind: str, route: Route, states: list[StopState], registry: Registry, site: str) -> RoutePreview:
    """Return a route before its inspection."""
    stops = [_stop(one, registry, site) for one in states]
    return RoutePreview(kind=kind, figures=figures(states, route.left_off), stops=stops)


def fields_of(one: Inspection, states: list[StopState], post: tuple[Mapping[str, str], list[str]]) -> dict[str, Any]:
    """Return the fields that lists and sheets share. post: its name and persons."""
    same = ("site", "id", "kind", "plan", "post", "state", "created_by", "started_by", "ended_by", "version")
    return {name: getattr(one, name) for name in same} | {
        "name": both(one.name),
        "post_name": both(post[0]),
        "persons": post[1],
        "begin": moment(one.begin_ns),
        "end": moment(one.end_ns),
        "started_at": moment(one.started_ns),
        "ended_at": moment(one.ended_ns),
        "figures": figures(states, one.left_off),
    }


def stops_of(states: list[StopState], registry: Registry, site: str) -> list[SheetStop]:
    """Return the stops of a sheet."""
    return [_stop(one, registry, site) for one in states]


def figures(states: list[StopState], left_off: int) -> RouteFigures:
    """Return the figures of a route; a stop whose items are all proved needs no walk."""
    items = [item for one in states for item in one.items]
    walked = [one for one in states if not one.items or any(item.state != PROVED for item in one.items)]
    by_hand = sum(item.state != PROVED for item in items)
    return RouteFigures(
        stops=len(states),
        stops_done=sum(one.done for one in states),
        items=len(items),
        proved=sum(item.state == PROVED for item in items),
        walk=sum(item.state == OPEN for item in items),
        not_ok=sum(item.state == NOT_OK for item in items),
        minutes=-(-duration_s(by_hand, len(walked)) // 60),
        left_off=left_off,
    )


def _stop(one: StopState, registry: Registry, site: str) -> SheetStop:
    stop: Stop = one.stop
    zone = registry.zones.get((site, stop.zone))
    return SheetStop.model_validate(
        {
            "stop": stop.id,
            "point": stop.point,
            "place": stop.place,
            "place_name": both(registry.place_name(site, stop.place)) if stop.place else None,
            "zone": stop.zone,
            "zone_name": names(zone) if zone else both({"zh": stop.zone, "en": stop.zone}),
            "floor": stop.floor,
            "name": both(stop.name),
            "grade": stop.grade,
            "reason": stop.reason,
            "done": one.done,
            "check_in": _entry(one.check_in),
            "items": [
                {
                    "item": item.item.id,
                    "measure": item.item.measure,
                    "text": both(item.item.text),
                    "kind": item.item.kind,
                    "state": item.state,
                    "proof": _proof(item.proof),
                    "entry": _entry(item.entry),
                }
                for item in one.items
            ],
        }
    )


def _proof(proof: Mapping[str, Any] | None) -> ItemProof | None:
    if proof is None:
        return None
    same = {name: proof[name] for name in ("sensor", "metric", "value", "unit")}
    return ItemProof(**same, at=moment(proof["at_ns"]))


def _entry(entry: Stored | None) -> EntryBody | None:
    if entry is None:
        return None
    same = ("id", "result", "note", "way", "at", "in_window", "by", "danger", "ticket")
    return EntryBody(**{name: getattr(entry, name) for name in same}, received_at=moment(entry.received_ns))
