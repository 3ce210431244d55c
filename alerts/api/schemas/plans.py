"""Schemas of plans: floors with pictures, zone outlines, places and positions of sensors."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

import alerts
from alerts.plans import plan as plans
from alerts.plans.pictures import Picture

from .fields import Body, Both, Count, PlaceId, Point, SensorId, SiteId, Version, ZoneId, names

_Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f/]+$", examples=["dorm-3"])]
_Text = Annotated[str, Field(max_length=120, examples=["3号宿舍楼"])]
_Number = Annotated[int, Field(ge=-10, le=200, examples=[1])]
_Metre = Annotated[float, Field(ge=-100_000, le=100_000, allow_inf_nan=False, examples=[12.5])]
_Xy = tuple[_Metre, _Metre]
_Digest = Annotated[str, Field(pattern="^([0-9a-f]{64})?$", examples=["ab" * 32])]


class Named(BaseModel, extra="forbid"):
    """Name in both languages; either may be empty."""

    zh: _Text = ""
    en: _Text = ""


class FloorToWrite(BaseModel, extra="forbid"):
    """One floor. picture: digest of an uploaded picture, empty for none."""

    floor: _Number
    name: Named = Named()
    picture: _Digest = ""


class ZoneToWrite(BaseModel, extra="forbid"):
    """One zone. floor: null for a zone of several floors."""

    id: _Id
    name: Named = Named()
    key: Annotated[str, Field(max_length=64, examples=["dormitory"])] = ""
    polygon: Annotated[list[_Xy], Field(max_length=plans.CORNERS_MAX)] = []
    floor: _Number | None = None


class PlaceToWrite(BaseModel, extra="forbid"):
    """One room or spot."""

    id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$", examples=["dorm-3-412"])]
    zone: _Id
    name: Named = Named()
    floor: _Number = 1
    xy: _Xy = (0.0, 0.0)


class PositionToWrite(BaseModel, extra="forbid"):
    """Position of a sensor. floor: null for the floor of its place."""

    id: Annotated[str, Field(min_length=1, max_length=256, examples=["smoke-412"])]
    xy: _Xy
    floor: _Number | None = None


class PlanToWrite(BaseModel, extra="forbid"):
    """The whole plan of a site."""

    name: Named
    size_m: _Xy
    floors: Annotated[list[FloorToWrite], Field(max_length=plans.FLOORS_MAX)]
    zones: Annotated[list[ZoneToWrite], Field(max_length=plans.ZONES_MAX)]
    places: Annotated[list[PlaceToWrite], Field(max_length=plans.PLACES_MAX)]
    sensors: Annotated[list[PositionToWrite], Field(max_length=plans.SENSORS_MAX)]

    def plan(self, site: str) -> plans.Plan:
        """Return the plan that the body describes."""
        return plans.Plan(
            alerts.Site(site, self.name.zh, self.name.en, size_m=self.size_m),
            tuple(plans.Floor(one.floor, one.name.zh, one.name.en, one.picture) for one in self.floors),
            tuple(
                alerts.Zone(site, one.id, one.name.zh, one.name.en, one.key, tuple(one.polygon), floor=one.floor)
                for one in self.zones
            ),
            tuple(
                alerts.Place(site, one.zone, one.id, one.name.zh, one.name.en, one.xy, one.floor) for one in self.places
            ),
            tuple(plans.Position(one.id, one.xy, one.floor) for one in self.sensors),
        )


class PlanPicture(Body):
    """A stored picture. It covers the whole plan."""

    digest: Annotated[str, Field(description="SHA-256, name of the picture in a plan", examples=["ab" * 32])]
    width: Count
    height: Count


class PlanFloor(Body):
    """One floor."""

    floor: Annotated[int, Field(examples=[1])]
    name: Both
    picture: Annotated[str, Field(description="digest of its picture, empty for none", examples=["ab" * 32])]


class PlanZone(Body):
    """One zone with its outline in metres."""

    id: ZoneId
    name: Both
    key: Annotated[str, Field(description="key zone of GB/T 29315-2022", examples=["dormitory"])]
    polygon: list[Point]
    floor: Annotated[int | None, Field(description="null for a zone of several floors", examples=[1])]


class PlanPlace(Body):
    """One room or spot."""

    id: PlaceId
    zone: ZoneId
    name: Both
    floor: Annotated[int, Field(examples=[4])]
    xy: Point


class PlanPosition(Body):
    """Position of a sensor in metres."""

    id: SensorId
    xy: Point
    floor: Annotated[int | None, Field(description="null for the floor of its place", examples=[4])]


class Plan(Body):
    """The plan of a site. version 0: the campus file is its only source."""

    site: SiteId
    version: Version
    name: Both
    size_m: Annotated[Point, Field(description="width and height in metres")]
    floors: list[PlanFloor]
    zones: list[PlanZone]
    places: list[PlanPlace]
    sensors: list[PlanPosition]


def plan_body(plan: plans.Plan, version: int) -> Plan:
    """Return a plan as a response."""
    site = plan.site
    return Plan(
        site=site.id,
        version=version,
        name=names(site),
        size_m=site.size_m,
        floors=[PlanFloor(floor=one.floor, name=_plain(one), picture=one.picture) for one in plan.floors],
        zones=[
            PlanZone(id=one.id, name=names(one), key=one.key, polygon=list(one.polygon), floor=one.floor)
            for one in plan.zones
        ],
        places=[
            PlanPlace(id=one.id, zone=one.zone, name=names(one), floor=one.floor, xy=one.xy) for one in plan.places
        ],
        sensors=[PlanPosition(id=one.id, xy=one.xy, floor=one.floor) for one in plan.sensors],
    )


def picture_body(picture: Picture) -> PlanPicture:
    """Return a picture without its bytes."""
    return PlanPicture(digest=picture.digest, width=picture.width, height=picture.height)


def _plain(floor: plans.Floor) -> Both:
    return Both(zh=floor.name_zh, en=floor.name_en)
