"""Response schemas of training: courses, plan and records."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts.rosters.model import Roster
from alerts.training.records import Course, Kind, Need, Record, State

from .fields import Body, Both, Count, List, SiteId, Time, Username, Version, both, moment
from .posts import Holder, holder_body

Day = Annotated[str, Field(description="local day", examples=["2026-11-30"])]


class CourseBody(Body):
    """A lesson or drill that posts need."""

    id: Annotated[str, Field(examples=["fire-101"])]
    kind: Kind
    name: Both
    posts: Annotated[list[str], Field(examples=[["dorm-duty"]])]
    valid_days: Annotated[int, Field(description="validity of a record (d)", examples=[365])]
    version: Version


class NeedBody(Body):
    """Training that a post demands of a person."""

    course: Annotated[str, Field(examples=["fire-101"])]
    post: Annotated[str, Field(examples=["dorm-duty"])]
    person: Holder
    state: Annotated[State, Field(description="lapsed raises the likelihood of the risk points of the post")]
    until: Annotated[Day, Field(description="end of the validity, or latest day of the first record")]
    held_on: Annotated[Day | None, Field(description="day of the newest record")]
    days_left: Annotated[int, Field(description="days until `until` in the zone of the school; negative once lapsed")]


class TrainingPlan(Body):
    """Courses of a school and the needs of its persons, lapsed first."""

    site: SiteId
    courses: list[CourseBody]
    plan: list[NeedBody]


class RecordBody(Body):
    """One person's lesson or drill."""

    course: Annotated[str, Field(examples=["fire-101"])]
    post: Annotated[str, Field(examples=["dorm-duty"])]
    person: Holder
    held_on: Day
    valid_until: Day
    evidence: Annotated[str, Field(description="file, list or number that proves it", examples=["sign-in sheet 12"])]
    recorded_by: Username
    recorded_at: Time | None


class RecordList(List[RecordBody]):
    """One page of records."""


class Recorded(Body):
    """Numbers of written records. records: of the request; equal ones count as neither new nor changed."""

    new: Count
    changed: Count
    records: Count


def course_body(course: Course) -> CourseBody:
    """Return a course."""
    return CourseBody(
        id=course.id,
        kind=course.kind,
        name=both(course.name),
        posts=[*course.posts],
        valid_days=course.valid_days,
        version=course.version,
    )


def plan_body(site: str, courses: list[Course], plan: list[Need], roster: Roster | None) -> TrainingPlan:
    """Return the courses and the plan of a school."""
    needs = [
        NeedBody(
            course=one.course.id,
            post=one.post,
            person=holder_body(one.person, roster),
            state=one.state,
            until=one.until.isoformat(),
            held_on=one.record.held_on if one.record else None,
            days_left=one.days_left,
        )
        for one in plan
    ]
    return TrainingPlan(site=site, courses=[course_body(one) for one in courses], plan=needs)


def record_body(record: Record, roster: Roster | None) -> RecordBody:
    """Return a record with the name of its person."""
    return RecordBody(
        course=record.course,
        post=record.post,
        person=holder_body(record.person, roster),
        held_on=record.held_on,
        valid_until=record.valid_until,
        evidence=record.evidence,
        recorded_by=record.recorded_by,
        recorded_at=moment(record.recorded_ns),
    )
