"""Response schemas of drills: list and score sheet."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alerts.drills.drill import Drill as Found
from alerts.drills.drill import kinds
from alerts.drills.planned import DrillPlan as Planned
from alerts.drills.score import Called, Score, Timed

from .fields import Body, Both, SiteId, Time, Username, both, moment


class Drill(Body):
    """One drill on the roster of a site."""

    id: Annotated[str, Field(examples=["5f0c2d1e9a7b4c3d8e6f1a2b"])]
    site: SiteId
    zone: Annotated[str, Field(examples=["dorm-3"])]
    place: Annotated[str, Field(examples=["d-101"])]
    kind: Annotated[str, Field(description="supposed danger", examples=["fire"])]
    hazard: Annotated[str, Field(description="its alarm, empty of a silent drill", examples=["5f0c2d1e9a7b"])]
    silent: Annotated[bool, Field(description="nobody is paged", examples=[False])]
    as_of: Annotated[Time | None, Field(description="supposed time of a silent drill")]
    started_by: Username
    started_at: Time | None
    ended_at: Annotated[Time | None, Field(description="null while it runs")]


class DrillList(Body):
    """The drills of a site, the newest first. kinds: dangers that a drill may suppose."""

    items: list[Drill]
    kinds: Annotated[list[str], Field(examples=[["fire"]])]


class DrillStep(Body):
    """One step against its target."""

    step: Literal["paged", "acknowledged", "confirmed", "ordered", "received"]
    target_s: Annotated[float, Field(description="target after the start", examples=[60])]
    at: Annotated[Time | None, Field(description="null: it did not happen")]
    after_s: Annotated[float | None, Field(description="time after the start", examples=[41.5])]
    met: Annotated[bool | None, Field(description="null while it may still be in time", examples=[True])]


class DrillPerson(Body):
    """One person whom the drill reached, with the time of each answer."""

    person: Annotated[str, Field(description="id in the roster", examples=["li"])]
    name: Both
    sent_at: Annotated[Time | None, Field(description="first message delivered")]
    acknowledged_at: Time | None
    ordered_at: Annotated[Time | None, Field(description="order given to the person")]
    received_at: Annotated[Time | None, Field(description="order confirmed by the person")]
    answered: Annotated[bool, Field(examples=[True])]


class DrillContact(Body):
    """One message that a silent drill supposes. Times in s after the start."""

    persons: Annotated[list[str], Field(description="ids in the roster", examples=[["li"]])]
    round: Annotated[int, Field(examples=[1])]
    step: Annotated[int, Field(examples=[1])]
    medium: Annotated[str, Field(examples=["sms"])]
    after_s: Annotated[float, Field(description="time of the message", examples=[60])]
    delivered_s: Annotated[float | None, Field(description="null: the channel failed that night", examples=[61.5])]
    recorded: Annotated[int, Field(description="recorded deliveries of the channel; 0: supposed at once", examples=[3])]


class DrillSheet(Body):
    """The score sheet of a drill.

    contacts, empty_steps (steps of the chain that reach nobody): of a silent drill, empty otherwise.
    """

    drill: Drill
    steps: list[DrillStep]
    persons: list[DrillPerson]
    contacts: list[DrillContact]
    empty_steps: Annotated[list[int], Field(examples=[[2]])]


class SilentDrill(Body):
    """One silent drill that runs, for the wall."""

    id: Annotated[str, Field(examples=["5f0c2d1e9a7b4c3d8e6f1a2b"])]
    site: SiteId
    zone: Annotated[str, Field(examples=["dorm-3"])]
    kind: Annotated[str, Field(examples=["fire"])]
    started_at: Time | None


class SilentDrillList(Body):
    """The silent drills that run."""

    items: list[SilentDrill]


class DrillPlan(Body):
    """A drill that starts at its time."""

    id: Annotated[str, Field(examples=["5f0c2d1e9a7b4c3d8e6f1a2b"])]
    site: SiteId
    zone: Annotated[str, Field(examples=["dorm-3"])]
    place: Annotated[str, Field(examples=["d-101"])]
    kind: Annotated[str, Field(examples=["fire"])]
    silent: Annotated[bool, Field(examples=[False])]
    at: Time | None
    owner: Username
    state: Literal["planned", "started", "cancelled", "skipped"]
    reason: Annotated[
        Literal["", "late", "real_alarm", "drill_runs", "account", "scene"],
        Field(description="why it was skipped", examples=["real_alarm"]),
    ]
    drill: Annotated[str, Field(description="id of the started drill, else empty", examples=[""])]


class DrillPlanList(Body):
    """The planned drills of a site."""

    items: list[DrillPlan]


def drill_body(drill: Found) -> Drill:
    """Return a drill."""
    same = ("id", "site", "zone", "place", "kind", "hazard", "started_by", "silent")
    times = {"started_at": moment(drill.started_ns), "ended_at": moment(drill.ended_ns)}
    times["as_of"] = moment(drill.as_of_ns)
    return Drill.model_validate({name: getattr(drill, name) for name in same} | times)


def drill_list(found: list[Found]) -> DrillList:
    """Return the drills of a site."""
    return DrillList(items=[drill_body(one) for one in found], kinds=kinds())


def sheet_body(drill: Found, score: Score, names: dict[str, dict[str, str]]) -> DrillSheet:
    """Return a score sheet. names: person -> name in both languages."""
    steps = [_step(one, drill.started_ns) for one in score.steps]
    contacts = [DrillContact.model_validate(one) for one in drill.run.get("contacts", ())]
    return DrillSheet(
        drill=drill_body(drill),
        steps=steps,
        persons=[_person(one, names) for one in score.persons],
        contacts=contacts,
        empty_steps=[*drill.run.get("empty_steps", ())],
    )


def silent_list(found: list[Found]) -> SilentDrillList:
    """Return the silent drills that run."""
    same = ("id", "site", "zone", "kind")
    bodies = ({name: getattr(one, name) for name in same} | {"started_at": moment(one.started_ns)} for one in found)
    return SilentDrillList(items=[SilentDrill.model_validate(one) for one in bodies])


def plan_body(plan: Planned) -> DrillPlan:
    """Return a planned drill."""
    same = ("id", "site", "zone", "place", "kind", "silent", "owner", "state", "reason", "drill")
    return DrillPlan.model_validate({name: getattr(plan, name) for name in same} | {"at": moment(plan.at_ns)})


def _step(one: Timed, started_ns: int) -> DrillStep:
    after_s = None if one.at_ns is None else round((one.at_ns - started_ns) / 1e9, 3)
    fields = {"step": one.step, "target_s": one.target_s, "at": moment(one.at_ns), "after_s": after_s, "met": one.met}
    return DrillStep.model_validate(fields)


def _person(one: Called, names: dict[str, dict[str, str]]) -> DrillPerson:
    return DrillPerson(
        person=one.person,
        name=both(names.get(one.person, {"zh": one.person, "en": one.person})),
        sent_at=moment(one.sent_ns),
        acknowledged_at=moment(one.acknowledged_ns),
        ordered_at=moment(one.ordered_ns),
        received_at=moment(one.received_ns),
        answered=not one.silent,
    )
