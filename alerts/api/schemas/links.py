"""Response schemas of one-time links."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts.escalations.acknowledgements import OpenLink

from .fields import Body, Both, both
from .rosters import DutyPerson


class LinkedAlarm(Body):
    """The alarm of a link."""

    grade: Annotated[str, Field(description="grade of the alarm", examples=["red"])]
    drill: Annotated[bool, Field(examples=[False])]
    place: Both
    text: Both
    persons: Annotated[list[DutyPerson], Field(description="persons to whom the message was sent")]
    taken_by: Annotated[Both | None, Field(description="name of the holder, null for nobody")]
    done: Annotated[int, Field(ge=0, description="persons who have acknowledged", examples=[5])]
    needed: Annotated[int, Field(ge=0, description="persons who must acknowledge", examples=[7])]


class PressResult(Body):
    """Result of a press. reason: taken, renewed, partly, passed_on, seen, or the cause of a refusal."""

    accepted: Annotated[bool, Field(examples=[True])]
    reason: Annotated[str, Field(examples=["taken"])]
    text: Annotated[
        dict[str, str], Field(examples=[{"zh": "您已接手：101室", "en": "you have taken the alarm: Room 101"}])
    ]


def linked_alarm(found: OpenLink) -> LinkedAlarm:
    """Return the alarm of an open link."""
    body = found.notice.body
    return LinkedAlarm(
        grade=str(body.get("grade", "")),
        drill=bool(body.get("drill")),
        place=both(body.get("place", {})),
        text=both(body.get("text", {})),
        persons=[DutyPerson(id=one.id, name=both(one.name)) for one in found.persons],
        taken_by=both(found.taken_by) if found.taken_by else None,
        done=found.done,
        needed=found.needed,
    )
