"""Routes of sensors: list, latest readings, and their assignment to places."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Body, Path, Query
from pydantic import BaseModel, Field

from alerts import Actor, Finding, NotFound
from alerts.database import keyset
from alerts.database.keyset import Page
from alerts.hazards.findings import SILENT
from alerts.people.access import minimised
from alerts.register.inheritance import Inheritance
from ingest import SERVICE_METRICS, SERVICE_SITE, Catalog, Sensor, Unread

from .dependencies import ActorIn, Dependencies, DependenciesIn, PageIn, SiteQuery, listed
from .problem import problems
from .schemas import sensors as schemas
from .schemas.evidence import battery_body
from .schemas.fields import both, moment

router = APIRouter(tags=["sensors"])
REPORTING = frozenset(("ok", "asleep", "hazard", "drill"))
"""States of a sensor that fulfils its period."""
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
    view, catalog = SensorView(service, None if site is None else [site]), service.telemetry.catalog
    wanted = Wanted(view, (q or "").lower(), assigned, ignored)
    seen = catalog.sites() if site is None else [site]
    seen = sorted(one for one in seen if one != SERVICE_SITE and actor.sees(one))
    found, total = _page(catalog, seen, wanted, page)
    shown, following = listed(found, page, lambda sensor: keyset.encode("sensors", (sensor.site, sensor.id)))
    items = view.bodies(shown)
    if minimised(actor):  # the values of gates and cameras are events of single persons
        items = [one.model_copy(update={"metrics": []}) for one in items]
    return schemas.SensorList(items=items, next=following, total=total)


@router.get("/sensors/{site}/{sensor:path}", responses=problems(404))
def sensor(service: DependenciesIn, actor: ActorIn, site: str, sensor: SensorPath) -> schemas.Sensor:
    """Return one sensor."""
    return SensorView(service, [site]).body(find(service, actor, site, sensor))


@router.put("/sensors/{site}/{sensor:path}/place", responses=problems(404))
def assign(
    service: DependenciesIn, actor: ActorIn, site: str, sensor: SensorPath, given: Annotated[Assignment, Body()]
) -> schemas.Sensor:
    """Assign a sensor to a place, or remove the assignment."""
    known = find(service, actor, site, sensor)
    service.dispatch.bindings.assign(site, {sensor: given.place}, actor)
    return SensorView(service, [site]).body(known)


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
    bound = bool(SensorView(service, [site]).place(known))
    service.dispatch.bindings.ignore(site, sensor, actor, bound=bound, reason=given.reason.strip())
    return SensorView(service, [site]).body(known)


def find(service: Dependencies, actor: Actor, site: str, sensor_id: str) -> Sensor:
    """Return a sensor. Raises NotFound, also for a site out of scope."""
    known = service.telemetry.catalog.find(site, sensor_id) if actor.sees(site) else None
    if known is None or known.site == SERVICE_SITE:
        raise NotFound("sensor", f"{site}/{sensor_id}")
    return known


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters of the list of sensors. text: in lower case, part of the id or of the place; None, "": any."""

    view: SensorView
    text: str = ""
    assigned: bool | None = None
    ignored: bool | None = None

    @property
    def every(self) -> bool:
        """Whether the filters leave no sensor out."""
        return not self.text and self.assigned is None and self.ignored is None

    def of(self, sensors: Sequence[Sensor]) -> list[Sensor]:
        """Return the sensors that pass the filters; each filter reads those that passed the one before."""
        found, text, place = [*sensors], self.text, self.view.place
        if text:
            found = [one for one in found if text in f"{one.id} {place(one)}".lower()]
        if self.assigned is not None:
            found = [one for one in found if bool(place(one)) == self.assigned and (self.assigned or not one.removed)]
        if self.ignored is not None:
            found = [one for one in found if bool(self.view.ignored(one)) == self.ignored]
        return found


def _page(catalog: Catalog, sites: Sequence[str], wanted: Wanted, page: Page) -> tuple[list[Sensor], int]:
    """Return the page, and the number of all matches. sites: sorted; without a filter, most sites are only counted."""
    types = (str, str)
    behind = keyset.decode("sensors", page.cursor, types) if page.cursor else ("", "")
    found, total = list[Sensor](), 0
    for site in sites:
        if wanted.every and (site < behind[0] or len(found) >= page.limit):
            total += catalog.size_of(site)
            continue
        rows = wanted.of(catalog.of_site(site))
        total += len(rows)
        if site >= behind[0] and len(found) < page.limit:
            found += sorted((one for one in rows if (one.site, one.id) > behind), key=lambda one: one.id)
    return found[: page.limit], total


class SensorView:
    """Assignments, and for each site its active findings and batteries, read once for each response."""

    def __init__(self, service: Dependencies, sites: Collection[str] | None) -> None:
        """sites: those of the response, None for any."""
        self._service, queries = service, service.dispatch.queries
        self._assigned, self._ignored = queries.assigned(sites), queries.ignored(sites)
        self._active: dict[tuple[str, str], tuple[str, bool]] = {}
        self._batteries: dict[tuple[str, str], Finding] = {}
        self._read: set[str] = set()

    def place(self, sensor: Sensor) -> str:
        """Return the place of a sensor, assigned or of the registry."""
        return self._assigned.get((sensor.site, sensor.id)) or sensor.place

    def ignored(self, sensor: Sensor) -> str:
        """Return the reason to ignore a sensor, "" without one."""
        return self._ignored.get((sensor.site, sensor.id), "")

    def bodies(self, sensors: Sequence[Sensor]) -> list[schemas.Sensor]:
        """Return several sensors."""
        unread = self._service.telemetry.unread([sensor.code for sensor in sensors])
        sites = {sensor.site for sensor in sensors}
        self._read_states(sites)
        inherited = Inheritance(self._service.dispatch.engine, sites)
        return [self._body(sensor, unread.get(sensor.code), inherited) for sensor in sensors]

    def body(self, sensor: Sensor) -> schemas.Sensor:
        """Return one sensor."""
        [body] = self.bodies([sensor])
        return body

    def _body(self, sensor: Sensor, unread: Unread | None, inherited: Inheritance) -> schemas.Sensor:
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
            risk_point=schemas.risk_point_body(
                inherited.of(sensor.site, sensor.id, place, known.zone if known else "")
            ),
            profile=sensor.profile,
            xy=registry.xy_of(sensor) or (known.xy if known else None),
            floor=registry.floor_of(sensor, place),
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
            state=self.state(sensor, received=bool(live)),
        )

    def newest_ns(self, sensor: Sensor) -> int:
        """Return the time of the newest reading, 0 without one; a retained state is none."""
        rows = self._service.telemetry.latest(sensor.code)
        return max((row.time_ns for row in rows if QUALITIES[row.quality] != RETAINED), default=0)

    def state(self, sensor: Sensor, *, received: bool) -> schemas.SensorState:
        """Return the state of a sensor by its active finding, its gateway and its readings."""
        self._read_states({sensor.site})
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

    def _read_states(self, sites: set[str]) -> None:
        """Read active findings and batteries of the sites that were not read before."""
        if further := sites - self._read:
            queries = self._service.dispatch.queries
            self._active |= queries.active_sensors(further)
            self._batteries |= queries.battery_ends(further)
            self._read |= further

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
