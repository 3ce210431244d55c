"""Sensors: what is known of each, its newest values, and where people say it hangs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, Field

from alerts import Actor, NotFound, require
from ingest import SERVICE_SITE, Quality, Sensor

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, listed
from .schemas import Json, battery_json, moment

router = APIRouter(tags=["sensors"])
KEPT = Quality.RETAINED.name.lower()
"""Quality of a state that the broker kept: shown, but nothing was heard."""


class Binding(BaseModel, extra="forbid"):
    """The place of the registry where the sensor hangs; empty to take the binding back."""

    place: Annotated[str, Field(max_length=128, examples=["dorm-3-412"])]


class List(BaseModel, extra="forbid"):
    """A line for each sensor: its id, the place where it hangs."""

    site: Annotated[str, Field(max_length=64, examples=["school-1"])]
    csv: Annotated[str, Field(max_length=1_000_000, examples=["sensor,place\nsmoke-412,dorm-3-412"])]


class Ignoring(BaseModel, extra="forbid"):
    """Why the sensor is left alone; empty to look at it again."""

    reason: Annotated[str, Field(max_length=200, examples=["the shop next door"])]


@router.get("/sensors")
def sensors(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: Annotated[str | None, Query(max_length=64)] = None,
    q: Annotated[str | None, Query(max_length=200, description="part of the id or of the place")] = None,
    assigned: Annotated[bool | None, Query(description="bound to a place, or not yet")] = None,
    ignored: Annotated[bool | None, Query(description="left alone as a neighbour's, or not")] = None,
) -> Json:
    """Every sensor that was ever heard and those of the registry, by site and id; total: of all pages."""
    view = _View(service)
    rows = [
        sensor
        for sensor in service.telemetry.catalog
        if _visible(sensor, actor, site)
        and assigned in {None, bool(view.place(sensor))}
        and ignored in {None, bool(view.ignored(sensor))}
    ]
    if q:
        rows = [sensor for sensor in rows if q.lower() in f"{sensor.id} {view.place(sensor)}".lower()]
    rows.sort(key=lambda sensor: (sensor.site, sensor.id))
    shown, following = listed(rows[page.offset : page.offset + page.limit], page)
    return {"items": [view.json(sensor) for sensor in shown], "next": following, "total": len(rows)}


@router.get("/sensors/{site}/{sensor:path}")
def sensor(service: DependenciesIn, actor: ActorIn, site: str, sensor: Annotated[str, Path(max_length=256)]) -> Json:
    """One sensor; its id may hold slashes."""
    return _View(service).json(find(service, actor, site, sensor))


@router.put("/sensors/{site}/{sensor:path}/place")
def assign(
    service: DependenciesIn,
    actor: ActorIn,
    site: str,
    sensor: Annotated[str, Path(max_length=256)],
    given: Annotated[Binding, Body()],
) -> Json:
    """Bind a sensor to a place."""
    known = find(service, actor, site, sensor)
    service.desk.bindings.assign(site, {sensor: given.place}, actor)
    return _View(service).json(known)


@router.post("/sensors/places")
def assign_many(service: DependenciesIn, actor: ActorIn, given: Annotated[List, Body()]) -> Json:
    """Bind sensors to places by a list, all or none; a wrong list is answered with every wrong line."""
    require(actor, "assign_sensor")
    catalog, bindings = service.telemetry.catalog, service.desk.bindings
    if not actor.sees(given.site):
        raise NotFound("site", given.site)
    places = bindings.read_list(given.site, given.csv, lambda sensor: catalog.find(given.site, sensor) is not None)
    bindings.assign(given.site, places, actor)
    return {"assigned": len(places)}


@router.put("/sensors/{site}/{sensor:path}/ignored")
def ignore(
    service: DependenciesIn,
    actor: ActorIn,
    site: str,
    sensor: Annotated[str, Path(max_length=256)],
    given: Annotated[Ignoring, Body()],
) -> Json:
    """Leave a sensor alone as a neighbour's, or look at it again; danger to life is told all the same."""
    known = find(service, actor, site, sensor)
    bound = bool(_View(service).place(known))
    service.desk.bindings.ignore(site, sensor, actor, bound=bound, reason=given.reason.strip())
    return _View(service).json(known)


def find(service: Dependencies, actor: Actor, site: str, sensor_id: str) -> Sensor:
    """The sensor of that identity. Raises NotFound, also for a site that the person does not see."""
    known = service.telemetry.catalog.find(site, sensor_id) if actor.sees(site) else None
    if known is None or known.site == SERVICE_SITE:
        raise NotFound("sensor", f"{site}/{sensor_id}")
    return known


def _visible(sensor: Sensor, actor: Actor, site: str | None) -> bool:
    return sensor.site != SERVICE_SITE and actor.sees(sensor.site) and site in {None, sensor.site}


class _View:
    """What one answer needs, read once: bindings, open findings and ends of batteries."""

    def __init__(self, service: Dependencies) -> None:
        self._service = service
        self._assigned = service.desk.queries.assigned()
        self._ignored = service.desk.queries.ignored()
        self._found = service.desk.queries.active_sensors()
        self._batteries = service.desk.queries.battery_ends()

    def place(self, sensor: Sensor) -> str:
        return self._assigned.get((sensor.site, sensor.id)) or sensor.place

    def ignored(self, sensor: Sensor) -> str:
        return self._ignored.get((sensor.site, sensor.id), "")

    def json(self, sensor: Sensor) -> Json:
        registry, place = self._service.desk.registry, self.place(sensor)
        known = registry.places.get((sensor.site, place))
        metrics = self._metrics(sensor)
        return {
            "code": sensor.code,
            "id": sensor.id,
            "site": sensor.site,
            "kind": sensor.kind,
            "place": place,
            "place_name": registry.place_name(sensor.site, place) if place else None,
            "zone": known.zone if known else None,
            "profile": sensor.profile,
            "xy": registry.sensor_xy.get((sensor.site, sensor.id)) or (known.xy if known else None),
            "period_s": sensor.period_s or None,
            "gateway": sensor.gateway or None,
            "limits": {metric: list(limits) for metric, limits in sensor.limits.items()},
            "assigned": bool(place),
            "ignored": self.ignored(sensor) or None,
            "format": sensor.format or None,
            "first_heard": moment(sensor.first_ns),
            "last_heard": max((metric["last_time"] for metric in metrics if metric["quality"] != KEPT), default=None),
            "metrics": metrics,
            "battery": battery_json(self._batteries.get((sensor.site, sensor.id))),
            "state": self._state(sensor, heard=any(metric["quality"] != KEPT for metric in metrics)),
        }

    def _state(self, sensor: Sensor, *, heard: bool) -> str:
        kind = self._found.get((sensor.site, sensor.id))
        if kind is not None:
            return "silent" if kind in {"sensor_silent", "gateway_silent"} else "hazard"
        if sensor.gateway and self._found.get((sensor.site, sensor.gateway)) == "gateway_silent":
            return "silent"
        return "ok" if heard else "unknown"

    def _metrics(self, sensor: Sensor) -> list[Json]:
        rows = []
        for last in self._service.telemetry.latest(sensor.code):
            metric = self._service.telemetry.catalog.metric_of(last.metric)
            rows.append(
                {
                    "name": metric.name,
                    "unit": metric.unit,
                    "last_value": last.value,
                    "last_time": moment(last.time_ns),
                    "quality": Quality(last.quality).name.lower(),
                }
            )
        return rows
