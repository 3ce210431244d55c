"""Response schemas of rosters and escalations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

import alerts
from alerts.escalations import model
from alerts.rosters.duty import Duty
from alerts.rosters.lint import Gap as Found
from alerts.rosters.model import Post
from alerts.rosters.store import StoredRoster

from .fields import Body, Both, Colour, Count, HazardId, List, SiteId, Time, Username, Version, both, colour, moment

PersonId = Annotated[str, Field(description="id in the roster", examples=["wang.fang"])]
ChainId = Annotated[str, Field(description="id of the chain", examples=["fire"])]
PERSON = {"id": "wang.fang", "name_zh": "王芳", "contacts": {"sms": "+8613800000000"}}


class Roster(Body):
    """The roster of a site. `tables` is free-form: the tables as a roster file has them."""

    site: SiteId
    version: Version
    tables: Annotated[dict[str, Any], Field(examples=[{"person": [PERSON]}])]


class RosterList(List[Roster]):
    """One page of rosters."""


class Gap(Body):
    """A span in which a step of a chain reaches nobody."""

    chain: ChainId
    step: Annotated[int, Field(ge=1, description="number of the step", examples=[2])]
    grade: Colour
    begins_at: Time | None
    ends_at: Annotated[Time | None, Field(description="at most the end of the checked days")]
    text: Both


class GapList(Body):
    """Gaps of the coming days, by chain and step."""

    gaps: list[Gap]


class DutyPerson(Body):
    """A person of a roster, without contacts."""

    id: PersonId
    name: Both


class PostOnDuty(Body):
    """A post with the persons on duty now and the end of their shift."""

    post: Annotated[str, Field(description="id of the post", examples=["dorm-duty"])]
    name: Both
    persons: list[DutyPerson]
    ends_at: Annotated[Time | None, Field(description="end of the present shift, null outside of a shift")]


class DutyList(Body):
    """All posts of a roster."""

    posts: list[PostOnDuty]


class Receipt(Body):
    """A person who has seen or acknowledged the alarm."""

    user: Username
    name: Both
    via: Literal["console", "link", "sms", "key"]
    at: Time | None


class Escalation(Body):
    """State of an escalation. taken: a person holds the alarm; ended: no step follows."""

    hazard: HazardId
    chain: ChainId
    grade: Colour
    state: Literal["running", "taken", "ended"]
    round: Annotated[int, Field(ge=1, description="number of the round", examples=[1])]
    step: Annotated[int, Field(ge=0, description="steps of this round that have begun", examples=[2])]
    next_s: Annotated[float | None, Field(description="seconds until the next step, or until the hold ends")]
    code: Annotated[str, Field(description="code of an SMS reply", examples=["4711"])]
    done: Annotated[int, Field(ge=0, description="persons who have acknowledged", examples=[5])]
    needed: Annotated[int, Field(ge=0, description="persons who must acknowledge", examples=[7])]
    paged: list[DutyPerson]
    acknowledged: list[Receipt]
    seen: Annotated[list[Receipt], Field(description="persons who have seen the alarm")]
    changes: Count


def roster_body(stored: StoredRoster) -> Roster:
    """Return a stored roster."""
    return Roster(site=stored.site, version=stored.version, tables=dict(stored.table))


def gap_body(gap: Found) -> Gap:
    """Return one gap."""
    return Gap(
        chain=gap.chain,
        step=gap.step,
        grade=colour(alerts.Grade[gap.grade.upper()]),
        begins_at=moment(gap.begin_ns),
        ends_at=moment(gap.end_ns),
        text=both(gap.text),
    )


def duty_body(duty: Duty, post: Post, now_ns: int) -> PostOnDuty:
    """Return a post with the persons on duty at a time."""
    ends = [turn.end_ns for turn in duty.turns(now_ns, now_ns + 1) if turn.post == post.id]
    names = {name: duty.roster.persons[name].name for name in duty.on_duty(post.id, now_ns)}
    return PostOnDuty(
        post=post.id, name=both(post.name), persons=_persons(names, [*names]), ends_at=moment(max(ends, default=None))
    )


def escalation_body(
    one: model.Escalation, hazard: alerts.Hazard, names: Mapping[str, Mapping[str, str]], now_ns: int
) -> Escalation:
    """Return the state of an escalation; now_ns: on its clock."""
    until_ns = {model.RUNNING: one.step_ns, model.TAKEN: one.expires_ns}.get(one.state)
    return Escalation(
        hazard=hazard.id,
        chain=one.chain,
        grade=colour(one.grade),
        state=one.state,
        round=one.round + 1,
        step=one.step,
        next_s=None if until_ns is None else round(max(0, until_ns - now_ns) / model.SECOND_NS, 1),
        code=one.code,
        done=len(one.takers),
        needed=one.needed or len(one.paged),
        paged=_persons(names, one.paged),
        acknowledged=[_receipt(known) for known in one.acknowledged],
        seen=[_receipt(known) for known in one.seen],
        changes=one.version,
    )


def _persons(names: Mapping[str, Mapping[str, str]], wanted: Any) -> list[DutyPerson]:
    return [DutyPerson(id=name, name=both(names.get(name, {"zh": name, "en": name}))) for name in wanted]


def _receipt(known: model.Acknowledgement) -> Receipt:
    return Receipt(user=known.by, name=both(known.name), via=known.via, at=moment(known.at_ns))
