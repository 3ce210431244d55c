"""Response schemas of posts, gaps and handovers of persons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from alerts.posts.posts import Moved as Found
from alerts.posts.responsibility import Gap, GapKind, Post
from alerts.rosters.model import Roster

from .fields import Body, Both, Count, List, SiteId, both


class Holder(Body):
    """A person of a post. account: user name, null without one."""

    person: Annotated[str, Field(description="id in the roster", examples=["li"])]
    name: Both
    account: Annotated[str | None, Field(examples=["li.na"])]


class PostBody(Body):
    """A post with its holders and duties."""

    id: Annotated[str, Field(examples=["dorm-duty"])]
    name: Both
    listed: Annotated[bool, Field(description="the roster has it", examples=[True])]
    persons: list[Holder]
    deputies: list[Holder]
    points: Annotated[list[str], Field(description="risk points, as responsible or deputy post", examples=[["r1"]])]
    measures: Annotated[list[str], Field(description="risk point and control measure", examples=[["r1/m1"]])]
    courses: Annotated[list[str], Field(description="lessons and drills that it needs", examples=[["fire-101"]])]


class GapBody(Body):
    """A duty without a named person or deputy."""

    kind: GapKind
    subject: Annotated[
        str, Field(description="post, risk point, measure, person, ticket or zone", examples=["dorm-duty"])
    ]
    text: Both


class PostList(Body):
    """The responsibility list of a school."""

    site: SiteId
    posts: list[PostBody]
    gaps: list[GapBody]


class TrainingCounts(Body):
    """Training that posts demand of persons, by state."""

    valid: Count
    due: Count
    missing: Count
    lapsed: Count


class PostCounts(Body):
    """Numbers of one school, without names."""

    site: SiteId
    posts: Count
    gaps: Count
    training: TrainingCounts


class PostCountList(List[PostCounts]):
    """One page of schools with their numbers."""


class Moved(Body):
    """Tickets and posts that a handover moved at one school."""

    site: SiteId
    tickets: Annotated[list[str], Field(description="numbers", examples=[["school-1-2026-000001"]])]
    posts: Annotated[list[str], Field(examples=[["dorm-duty"]])]
    points: Count
    measures: Count
    zones: Annotated[list[str], Field(description="whose people the campus file still names", examples=[["dorm-3"]])]


class MovedList(Body):
    """Tickets and posts that a handover moved, by school."""

    items: list[Moved]


def post_list(site: str, posts: list[Post], gaps: list[Gap], roster: Roster | None) -> PostList:
    """Return the responsibility list of a school."""
    shown = [GapBody(kind=one.kind, subject=one.subject, text=both(one.text)) for one in gaps]
    return PostList(site=site, posts=[_post(one, roster) for one in posts], gaps=shown)


def moved_list(found: list[Found]) -> MovedList:
    """Return the tickets and posts that a handover moved."""
    return MovedList(
        items=[
            Moved(
                site=one.site,
                tickets=[*one.tickets],
                posts=[*one.posts],
                points=one.points,
                measures=one.measures,
                zones=[*one.zones],
            )
            for one in found
        ]
    )


def counts_body(site: str, posts: tuple[int, int], training: Mapping[str, int]) -> PostCounts:
    """Return the numbers of a school."""
    states = {state: training.get(state, 0) for state in ("valid", "due", "missing", "lapsed")}
    return PostCounts(site=site, posts=posts[0], gaps=posts[1], training=TrainingCounts(**states))


def holder_body(person: str, roster: Roster | None) -> Holder:
    """Return a person of the roster, or the id of one that it no longer has."""
    known = roster.persons.get(person) if roster else None
    name = known.name if known else {"zh": person, "en": person}
    return Holder(person=person, name=both(name), account=(known.account or None) if known else None)


def _post(post: Post, roster: Roster | None) -> PostBody:
    return PostBody(
        id=post.id,
        name=both(post.name),
        listed=post.listed,
        persons=[holder_body(one, roster) for one in post.persons],
        deputies=[holder_body(one, roster) for one in post.deputies],
        points=[*post.points],
        measures=[*post.measures],
        courses=[*post.courses],
    )
