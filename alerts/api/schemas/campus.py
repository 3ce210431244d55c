"""Response schemas of sites, zones, risk points and the four-colour map."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alerts.risk.live_rules import RuleName

from .fields import Body, Both, Colour, HazardId, HazardKind, List, PlaceId, Point, SiteId, Time, Username, ZoneId

_OpenGrade = Annotated[Colour | None, Field(description="gravest grade of the open hazards, null without any")]


class Site(Body):
    """One site (school)."""

    id: SiteId
    name: Both
    district: Annotated[str, Field(examples=["yuelu"])]
    city: Annotated[str, Field(examples=["changsha"])]
    size_m: Annotated[Point | None, Field(description="width and height of the plan in metres")]
    timezone: Annotated[str, Field(description="time zone of its calendar", examples=["Asia/Shanghai"])]
    grade: _OpenGrade


class SiteList(List[Site]):
    """One page of sites."""


class Place(Body):
    """One place of a zone. xy: metres on the plan."""

    id: PlaceId
    name: Both
    xy: Point | None
    floor: Annotated[int | None, Field(examples=[4])]


class Zone(Body):
    """One zone with its outline in metres, its responsible people and its places."""

    id: ZoneId
    site: SiteId
    name: Both
    key: Annotated[str, Field(description="key zone of GB/T 29315-2022", examples=["dormitory"])]
    polygon: list[Point]
    floor: Annotated[int | None, Field(description="null for a zone of several floors", examples=[1])]
    officer: Annotated[str, Field(examples=["officer"])]
    fixer: Annotated[str, Field(examples=["fixer"])]
    grade: _OpenGrade
    places: list[Place]


class ZoneList(List[Zone]):
    """One page of zones."""


class Precursor(Body):
    """One reason of a provisional grade."""

    rule: Annotated[RuleName, Field(description="written rule")]
    text: Both
    hazards: list[HazardId]
    others: Annotated[list[str], Field(description="ids of measures or tickets", examples=[["m1"]])]
    until: Annotated[Time | None, Field(description="time at which the reason expires, if it does")]


class GradeDecision(Body):
    """Decision of a person on a provisional grade."""

    decision: Literal["confirm", "reject"]
    grade: Colour
    by: Username
    at: Time | None
    reason: Annotated[str, Field(examples=["stove checked, cause known"])]


class ProvisionalGrade(Body):
    """Grade raised by precursors before any alarm. It counts once a person has confirmed it."""

    grade: Colour
    likelihood: Annotated[float, Field(description="raised likelihood of the method", examples=[3])]
    reasons: list[Precursor]
    decision: GradeDecision | None


class RiskPoint(Body):
    """One risk point with its approved grade and its live grade."""

    risk_point: Annotated[str, Field(description="same as `id`", examples=["dorm-3-fire"])]
    id: Annotated[str, Field(examples=["dorm-3-fire"])]
    site: SiteId
    zone: ZoneId
    place: PlaceId
    name: Both
    hazard: HazardKind
    method: Annotated[str, Field(description="grading method", examples=["ls"])]
    likelihood: Annotated[float, Field(examples=[2])]
    severity: Annotated[float, Field(examples=[4])]
    measures: Annotated[list[str], Field(description="control measures (管控措施)", examples=[["networked detectors"]])]
    approved_grade: Annotated[Colour, Field(description="grade approved by people")]
    inherent_grade: Annotated[Colour | None, Field(description="grade without measures; null if not assessed")]
    grade: Annotated[Colour | None, Field(description="approved grade, raised by open hazards and a confirmed one")]
    provisional: Annotated[ProvisionalGrade | None, Field(description="raised by precursors; null without one")]
    reasons: Annotated[list[HazardId], Field(description="hazards that raise the grade")]


class RiskPointList(List[RiskPoint]):
    """One page of risk points."""


class ZoneGrade(Body):
    """The grade of one zone."""

    site: SiteId
    id: ZoneId
    grade: Colour | None


class MapPoint(Body):
    """One risk point of the map. approved_grade and grade: at the time of the map."""

    site: SiteId
    id: Annotated[str, Field(examples=["dorm-3-fire"])]
    zone: ZoneId
    place: PlaceId
    name: Both
    approved_grade: Colour
    grade: Annotated[Colour | None, Field(description="approved grade, raised by open hazards and a confirmed one")]
    provisional: Annotated[ProvisionalGrade | None, Field(description="of the present map alone")]
    reasons: Annotated[list[HazardId], Field(description="hazards that raise the grade")]


class RiskMap(Body):
    """The four-colour risk map (风险四色图) at one time."""

    at: Time | None
    points: list[MapPoint]
    zones: list[ZoneGrade]
