"""Routes of drills: start, end, list, score sheet, plans."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path
from pydantic import BaseModel, Field

from alerts import Invalid

from .dependencies import ActorIn, Dependencies, DependenciesIn, SitePath, moment_of
from .problem import problems
from .schemas.drills import (
    Drill,
    DrillList,
    DrillPlan,
    DrillPlanList,
    DrillSheet,
    SilentDrillList,
    drill_body,
    drill_list,
    plan_body,
    sheet_body,
    silent_list,
)

router = APIRouter(tags=["drills"])
DrillPath = Annotated[str, Path(max_length=64, description="drill id")]


PlanPath = Annotated[str, Path(max_length=64, description="id of a planned drill")]


class DrillScene(BaseModel, extra="forbid"):
    """The scene of a drill."""

    zone: Annotated[str, Field(max_length=64, examples=["dorm-3"])]
    kind: Annotated[str, Field(max_length=64, description="supposed danger to life", examples=["fire"])]
    place: Annotated[str, Field(max_length=64, description="empty for the first of the zone", examples=["d-101"])] = ""
    silent: Annotated[bool, Field(description="nobody is paged; the course is computed from the records")] = False


class DrillToStart(DrillScene):
    """A drill to start."""

    as_of: Annotated[
        str | None, Field(max_length=40, description="time of a silent drill; last night at 02:00 if missing")
    ] = None


class DrillToPlan(DrillScene):
    """A drill to plan."""

    at: Annotated[str, Field(max_length=40, description="time of its start", examples=["2026-12-01T15:30:00+08:00"])]


@router.get("/silent-drills")
def silent_drills(service: DependenciesIn, actor: ActorIn) -> SilentDrillList:
    """List the silent drills that run at the caller's sites; the wall shows them as drills."""
    return silent_list([*service.dispatch.drills.shown(actor)])


@router.get("/drills/{site}", responses=problems(404))
def drills(service: DependenciesIn, actor: ActorIn, site: SitePath) -> DrillList:
    """List the drills of a site, the newest first."""
    return drill_list([*service.dispatch.drills.of_site(actor, site)])


@router.post("/drills/{site}", status_code=201, responses=problems(404, 409))
def start(service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[DrillToStart, Body()]) -> Drill:
    """Start a drill: an alarm marked as a drill pages the persons on duty by the chain of its kind.

    409 while a drill of the site runs. A real alarm during a drill has its own hazard, pages and ticket. A silent drill
    pages nobody and opens no alarm: its sheet is computed from the roster and the records of past nights.
    """
    fields = given.model_dump()
    as_of = fields.pop("as_of")
    if as_of is not None and not given.silent:
        raise Invalid({"as_of": "only of a silent drill"}, zh={"as_of": "仅静默演练可填"})
    as_of_ns = None if as_of is None else moment_of(as_of, "as_of")
    return drill_body(service.dispatch.drills.start(actor, site=site, as_of_ns=as_of_ns, **fields))


@router.get("/drills/{site}/plans", responses=problems(404))
def plans(service: DependenciesIn, actor: ActorIn, site: SitePath) -> DrillPlanList:
    """List the planned drills of a site by their time, then those that have started, were cancelled or skipped."""
    return DrillPlanList(items=[plan_body(one) for one in service.dispatch.drill_plans.of_site(actor, site)])


@router.post("/drills/{site}/plans", status_code=201, responses=problems(404, 409))
def plan(service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[DrillToPlan, Body()]) -> DrillPlan:
    """Plan a drill that starts at its time. Its owner receives a notice 15 min before.

    It does not start while a real alarm of danger to life or a real order is open, while another drill runs, or later
    than 10 min after its time; then its owner receives the reason.
    """
    fields = given.model_dump()
    at_ns = moment_of(fields.pop("at"), "at")
    return plan_body(service.dispatch.drill_plans.plan(actor, site=site, at_ns=at_ns, **fields))


@router.post("/drills/{site}/plans/{plan_id}/actions/cancel", responses=problems(404, 409))
def cancel(service: DependenciesIn, actor: ActorIn, site: SitePath, plan_id: PlanPath) -> DrillPlan:
    """Cancel a planned drill."""
    return plan_body(service.dispatch.drill_plans.cancel(actor, site, plan_id))


@router.get("/drills/{site}/{drill_id}", responses=problems(404))
def sheet(service: DependenciesIn, actor: ActorIn, site: SitePath, drill_id: DrillPath) -> DrillSheet:
    """Return the score sheet: each step against its target, and each person's answers."""
    drill, score = service.dispatch.drills.sheet(actor, site, drill_id)
    return sheet_body(drill, score, _names(service, site))


@router.post("/drills/{site}/{drill_id}/actions/end", responses=problems(404, 409))
def end(service: DependenciesIn, actor: ActorIn, site: SitePath, drill_id: DrillPath) -> Drill:
    """End a drill with its alarm and its drill orders."""
    return drill_body(service.dispatch.drills.end(actor, site, drill_id))


def _names(service: Dependencies, site: str) -> dict[str, dict[str, str]]:
    duty = service.dispatch.escalating.rosters.present(site)
    return {} if duty is None else {name: dict(person.name) for name, person in duty.roster.persons.items()}
