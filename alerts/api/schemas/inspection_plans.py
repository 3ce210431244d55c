"""Response schemas of inspection kinds, due inspections, plans and NFC tags."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts.inspections.kinds import InspectionKind
from alerts.inspections.plans import Plan

from .fields import Body, Both, SiteId, Time, Version, both

KindId = Annotated[str, Field(description="kind of the inspection", examples=["weekly"])]


class InspectionKindBody(Body):
    """A kind of inspection. round: its stops are places, which a check-in proves."""

    kind: KindId
    name: Both
    cycle_days: Annotated[int, Field(ge=0, description="0: on occasion", examples=[7])]
    window_h: Annotated[float, Field(examples=[72])]
    post: Annotated[str, Field(examples=["safety-officer"])]
    round: bool
    per_day: Annotated[int, Field(ge=0, description="rounds a day at least", examples=[0])]
    begins: Annotated[list[str], Field(description="usual local times", examples=[["06:30"]])]


class InspectionKindList(Body):
    """All kinds of inspections."""

    items: list[InspectionKindBody]


class DueKind(Body):
    """A kind of inspection that is due. last: end of the last one, null for never."""

    kind: KindId
    name: Both
    last: Time | None


class DueKinds(Body):
    """Kinds of inspections that are due at a site."""

    items: list[DueKind]


class PlanBody(Body):
    """A plan of inspections. enough: it has as many rounds a day as its kind asks for."""

    site: SiteId
    id: Annotated[str, Field(examples=["gate-round"])]
    kind: KindId
    name: Both
    post: Annotated[str, Field(examples=["guard"])]
    zones: Annotated[list[str], Field(examples=[["dorm-3"]])]
    places: Annotated[list[str], Field(examples=[["d-101"]])]
    begins: Annotated[list[str], Field(examples=[["06:30", "22:00"]])]
    days: Annotated[list[str], Field(examples=[["all"]])]
    window_min: Annotated[int, Field(ge=1, examples=[60])]
    active: bool
    enough: bool
    version: Version


class PlanList(Body):
    """Plans of a site by id."""

    items: list[PlanBody]


class PlaceTag(Body):
    """An NFC tag and its place."""

    tag: Annotated[str, Field(examples=["04a2246b"])]
    place: Annotated[str, Field(examples=["d-101"])]


class PlaceTags(Body):
    """NFC tags of a site."""

    items: list[PlaceTag]


def kind_body(kind: InspectionKind) -> InspectionKindBody:
    """Return a kind of inspection."""
    return InspectionKindBody(
        kind=kind.name,
        name=both(kind.text),
        cycle_days=kind.cycle_days,
        window_h=kind.window_ns / 3.6e12,
        post=kind.post,
        round=kind.round,
        per_day=kind.per_day,
        begins=list(kind.begins),
    )


def plan_body(plan: Plan) -> PlanBody:
    """Return a plan."""
    same = ("site", "id", "kind", "post", "zones", "places", "begins", "days", "window_min", "active", "enough")
    fields = {name: getattr(plan, name) for name in (*same, "version")}
    return PlanBody.model_validate(fields | {"name": both(plan.name)})
