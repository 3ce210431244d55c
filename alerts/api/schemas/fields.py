"""Field types and base models that several response schemas share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # pydantic requires it before Python 3.12

from alerts import Grade, format_time

Item = TypeVar("Item")
Colour = Literal["red", "orange", "yellow", "blue"]
"""Grade as a colour of the four-colour risk map: 重大, 较大, 一般, 低."""
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-09-21T14:13:20.000+00:00"])]
"""RFC 3339 with offset."""
SiteId = Annotated[str, Field(description="site id", examples=["school-1"])]
ZoneId = Annotated[str, Field(description="zone id", examples=["dorm-3"])]
PlaceId = Annotated[str, Field(description="place id", examples=["dorm-3-412"])]
SensorId = Annotated[str, Field(description="sensor id, unique in its site", examples=["smoke-412"])]
MetricName = Annotated[str, Field(description="metric name", examples=["smoke_density"])]
Username = Annotated[str, Field(examples=["officer"])]
Unit = Annotated[str, Field(description="unit of the metric", examples=["dB/m"])]
Count = Annotated[int, Field(ge=0, examples=[3])]
Level = Annotated[int, Field(description="severity: 0 information, 1 early, 2 alarm, 3 severe", examples=[2])]
GradeNumber = Annotated[int, Field(description="grade as a number: 1 red to 4 blue", ge=1, le=4, examples=[2])]
HazardKind = Annotated[str, Field(description="hazard kind", examples=["fire"])]
HazardId = Annotated[str, Field(examples=["5f0c2d1e9a7b4c3d8e6f1a2b"])]
DangerId = Annotated[str, Field(description="hidden danger", examples=["0c9d8e7f6a5b4c3d2e1f0a9b"])]
TicketId = Annotated[str, Field(examples=["8d1b7c6a5e4f3d2c1b0a9f8e"])]
TicketNumber = Annotated[str, Field(description="number for people", examples=["school-1-2026-0001"])]
TicketState = Annotated[str, Field(description="state of the closed loop, see /api/v1/loop", examples=["assigned"])]
Version = Annotated[int, Field(description="grows with each change", ge=0, examples=[4])]
Point = tuple[float, float]
"""x and y in metres on the plan of the site."""


class Body(BaseModel):
    """Base of all response models. Frozen."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, protected_namespaces=())


class Both(TypedDict):
    """A text in both languages of the service."""

    zh: Annotated[str, Field(description="Chinese", examples=["3号宿舍412室"])]
    en: Annotated[str, Field(description="English", examples=["Dormitory 3, room 412"])]


class List(Body, Generic[Item]):
    """One page of a list. next: cursor of the next page, null on the last page."""

    items: list[Item]
    next: Annotated[str | None, Field(description="`cursor` of the next page", examples=["WyJoYXphcmRzIiwwXQ"])]


def both(text: Mapping[str, str]) -> Both:
    """Return a text in both languages, empty in a missing one."""
    return {"zh": text.get("zh", ""), "en": text.get("en", "")}


def names(row: Any) -> Both:
    """Return both names of a registry entry; its id replaces a missing name."""
    return Both(zh=row.name_zh or row.id, en=row.name_en or row.id)


def moment(time_ns: int | None) -> str | None:
    """Return a time as RFC 3339, None for no time (None or 0)."""
    return format_time(time_ns) if time_ns else None


def number(value: object) -> float | None:
    """Return a number of free-form evidence, None for anything else."""
    return float(value) if isinstance(value, (int, float)) else None


def colour(grade: Grade) -> Colour:
    """Return a grade as a colour."""
    return _COLOURS[grade]


def worst(grades: list[int]) -> Colour | None:
    """Return the colour of the gravest grade, None without grades."""
    return _COLOURS[Grade(min(grades))] if grades else None


_COLOURS: dict[Grade, Colour] = {
    Grade.RED: "red",
    Grade.ORANGE: "orange",
    Grade.YELLOW: "yellow",
    Grade.BLUE: "blue",
}
