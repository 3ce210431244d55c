"""Routes of sensors: list, latest readings, and their assignment to places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, Field

from alerts import Actor, NotFound
from alerts.database import keyset
from alerts.hazards.findings import SILENT
from ingest import SERVICE_METRICS, SERVICE_SITE, Sensor, Unread

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed
from .problem import problems
from .schemas import sensors as schemas
from .schemas.fields import both, moment
from .schemas.hazards import battery_body

router = APIRouter(tags=["sensors"])
RETAINED = "retained"
"""Quality of a retained state. It shows a value and proves no new message."""
QUALITIES: dict[int, schemas.Quality] = {0: "good", 1: "fault", 2: "test", 3: "historical", 4: "retained"}
"""`Quality` by number, as a literal of the schema; a test compares both."""
SensorPath = Annotated[str, Path(max_length=256, description="sensor id; it may contain slashes")]


class Assignment(BaseModel, extra="forbid"):
    """A place of the registry; empty to remove the assignment."""

    place: Annotated[str, Field(max_length=128, examples=["dorm-3-412"])]


class AssignmentList(BaseModel, extra="forbid"):
    """CSV with one line for each sensor: sensor id, place id."""

    site: Annotated[str, Field(max_length=64, examples=["school-1"])]
    csv: Annotated[str, Field(max_length=1_000_000, examples=["sensor,place\nsmoke-412,dorm-3-412"])]


class Ignoring(BaseModel, extra="forbid"):
    """Reason to ignore the sensor; empty to observe it again."""

    reason: Annotated[str, Field(max_length=200, examples=["shop next door"])]


@router.get("/sensors")
def sensors(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    q: Annotated[str | None, Query(max_length=200, description="part of the id or of the place")] = None,
    assigned: Annotated[bool | None, Query(description="assigned to a place, or not")] = None,
    ignored: Annotated[bool | None, Query(description="ignored, or not")] = None,
) -> schemas.SensorList:
    """List sensors of the registry and of the catalogue, by site and id; removed ones leave the unassigned."""
    view = _View(service)
    rows = [
        sensor
        for sensor in service.telemetry.catalog
        if _visible(sensor, actor, site)
        and assigned in {None, bool(view.place(sensor))}
        and not (sensor.removed and assigned is False)
        and ignored in {None, bool(view.ignored(sensor))}
    ]
    if q:
        rows = [sensor for sensor in rows if q.lower() in f"{sensor.id} {view.place(sensor)}".lower()]
    found = keyset.part("sensors", rows, page, key=lambda sensor: (sensor.site, sensor.id), types=(str, str))
    shown, following = listed(found, page, lambda sensor: keyset.encode("sensors", (sensor.site, sensor.id)))
    return schemas.SensorList(items=view.bodies(shown), next=following, total=len(rows))


@router.get("/sensors/{site}/{sensor:path}", responses=problems(404))
def sensor(service: DependenciesIn, actor: ActorIn, site: str, sensor: SensorPath) -> schemas.Sensor:
    """Return one sensor."""
    return _View(service).body(find(service, actor, site, sensor))


@router.put("/sensors/{site}/{sensor:path}/place", responses=problems(404))
def assign(
    service: DependenciesIn, actor: ActorIn, site: str, sensor: SensorPath, given: Annotated[Assignment, Body()]
) -> schemas.Sensor:
    """Assign a sensor to a place, or remove the assignment."""
    known = find(service, actor, site, sensor)
    service.dispatch.bindings.assign(site, {sensor: given.place}, actor)
    return _View(service).body(known)


@router.post("/sensors/places", responses=problems(404))
def assign_many(service: DependenciesIn, actor: ActorIn, given: Annotated[AssignmentList, Body()]) -> schemas.Assigned:
    """Assign sensors to places by a list, all or none.

    An invalid list is rejected with one error for each invalid line.
    """
    catalog, bindings = service.telemetry.catalog, service.dispatch.bindings
    if not actor.sees(given.site):
        raise NotFound("site", given.site)
    places = bindings.read_list(given.site, given.csv, lambda sensor: catalog.find(given.site, sensor) is not None)
    bindings.assign(given.site, places, actor)
    return schemas.Assigned(assigned=len(places))


@router.put("/sensors/{site}/{sensor:path}/ignored", responses=problems(404, 409))
def ignore(
    service: DependenciesIn, actor: ActorIn, site: str, sensor: SensorPath, given: Annotated[Ignoring, Body()]
) -> schemas.Sensor:
    """Ignore a foreign sensor, or observe it again.

    Life-safety alarms of an ignored sensor are still raised.
    """
    known = find(service, actor, site, sensor)
    bound = bool(_View(service).place(known))
    service.dispatch.bindings.ignore(site, sensor, actor, bound=bound, reason=given.reason.strip())
    return _View(service).body(known)


def find(service: Dependencies, actor: Actor, site: str, sensor_id: str) -> Sensor:
    """Return a sensor. Raises NotFound, also for a site out of scope."""
    known = service.telemetry.catalog.find(site, sensor_id) if actor.sees(site) else None
    if known is None or known.site == SERVICE_SITE:
        raise NotFound("sensor", f"{site}/{sensor_id}")
    return known


def _visible(sensor: Sensor, actor: Actor, site: str | None) -> bool:
    return sensor.site != SERVICE_SITE and actor.sees(sensor.site) and site in {None, sensor.site}


class _View:
    """Assignments, active findings and batteries, read once for each response."""

    def __init__(self, service: Dependencies) -> None:
        self._service = service
        queries = service.dispatch.queries
        self._assigned, self._ignored = queries.assigned(), queries.ignored()
        self._active, self._batteries = queries.active_sensors(), queries.battery_ends()

    def place(self, sensor: Sensor) -> str:
        return self._assigned.get((sensor.site, sensor.id)) or sensor.place

    def ignored(self, sensor: Sensor) -> str:
        return self._ignored.get((sensor.site, sensor.id), "")

    def bodies(self, sensors: Sequence[Sensor]) -> list[schemas.Sensor]:
        unread = self._service.telemetry.unread([sensor.code for sensor in sensors])
        return [self._body(sensor, unread.get(sensor.code)) for sensor in sensors]

    def body(self, sensor: Sensor) -> schemas.Sensor:
        [body] = self.bodies([sensor])
        return body

    def _body(self, sensor: Sensor, unread: Unread | None) -> schemas.Sensor:
        registry, place = self._service.dispatch.registry, self.place(sensor)
        known = registry.places.get((sensor.site, place))
        metrics = self._metrics(sensor)
        live = [metric.last_time for metric in metrics if metric.quality != RETAINED]
        return schemas.Sensor(
            code=sensor.code,
            id=sensor.id,
            former=[name for name, _ in sensor.former],
            site=sensor.site,
            kind=sensor.kind,
            place=place,
            place_name=both(registry.place_name(sensor.site, place)) if place else None,
            zone=known.zone if known else None,
            profile=sensor.profile,
            xy=registry.xy_of(sensor) or (known.xy if known else None),
            period_s=sensor.period_s or None,
            gateway=sensor.gateway or None,
            removed=sensor.removed,
            limits={metric: list(limits) for metric, limits in sensor.limits.items()},
            assigned=bool(place),
            ignored=self.ignored(sensor) or None,
            format=sensor.format or None,
            first_heard=moment(sensor.first_ns),
            last_heard=max((time for time in live if time is not None), default=None),
            metrics=metrics,
            unread=schemas.UnreadKeys(count=unread.count, keys=list(unread.keys)) if unread else None,
            battery=battery_body(self._batteries.get((sensor.site, sensor.id))),
            state=self._state(sensor, received=bool(live)),
        )

    def _state(self, sensor: Sensor, *, received: bool) -> schemas.SensorState:
        kind, drill = self._active.get((sensor.site, sensor.id), ("", False))
        if kind:
            alarm: schemas.SensorState = "drill" if drill else "hazard"
            if kind not in SILENT:
                return alarm
            return "removed" if sensor.removed else "silent"
        if sensor.removed:
            return "removed"
        if sensor.gateway and self._active.get((sensor.site, sensor.gateway), ("", False))[0] in SILENT:
            return "silent"
        if sensor.asleep:
            return "asleep"
        return "ok" if received else "unknown"

    def _metrics(self, sensor: Sensor) -> list[schemas.LatestReading]:
        rows = []
        for last in self._service.telemetry.latest(sensor.code):
            metric = self._service.telemetry.catalog.metric_of(last.metric)
            if metric.name in SERVICE_METRICS:
                continue
            rows.append(
                schemas.LatestReading(
                    name=metric.name,
                    unit=metric.unit,
                    last_value=last.value,
                    last_time=moment(last.time_ns),
                    quality=QUALITIES[last.quality],
                )
            )
        return rows
