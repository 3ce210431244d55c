"""Response schemas of the timeline of a hazard, and of a grouped acknowledgement."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

import alerts
from alerts.hazards.comments import COMMENTED

from .fields import Body, Both, Colour, Count, Time, Username, both, moment


class TimelineEntry(Body):
    """One journal entry of a hazard. text: reason of the detection, null for an action of a person; note: a comment."""

    seq: Count
    at: Time | None
    actor: Username
    kind: Annotated[str, Field(examples=["hazard.acknowledged"])]
    grade: Colour | None
    text: Both | None
    note: Annotated[str | None, Field(examples=["dust of the works in room 101"])]


class Acknowledged(Body):
    """Number of acknowledged hazards of a group."""

    acknowledged: Count


def timeline_entry(event: alerts.Event) -> TimelineEntry:
    """Return one entry of a timeline."""
    text, grade = event.facts.get("text"), event.facts.get("grade")
    return TimelineEntry(
        seq=event.seq,
        at=moment(event.at_ns),
        actor=event.actor,
        kind=event.kind,
        grade=grade,
        text=both(text) if text else None,
        note=event.facts.get("note") if event.kind == COMMENTED else None,
    )
