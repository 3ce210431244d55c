"""What the service says of itself: its own faults that last, and the alarms that it sent from memory meanwhile."""

from __future__ import annotations

from fastapi import APIRouter

from alerts import Actor, Notice, ServiceFault, format_time

from .dependencies import ActorIn, DependenciesIn
from .schemas import Json
from .telemetry import Condition

router = APIRouter(tags=["condition"])
SHOWN = ("alarm_id", "site", "zone", "place", "kind", "grade", "opened_at", "text")


@router.get("/condition")
def condition(service: DependenciesIn, actor: ActorIn) -> Json:
    """Own faults (part, cause, since when, words for people) and alarms that no database holds yet."""
    return condition_json(service.telemetry.condition(), actor)


def condition_json(now: Condition, actor: Actor) -> Json:
    """The condition as the asking person may see it."""
    alarms = [notice for notice in now.unstored if actor.sees(notice.site)]
    return {"faults": [fault_json(fault) for fault in now.faults], "alarms": [alarm_json(notice) for notice in alarms]}


def fault_json(fault: ServiceFault) -> Json:
    """One fault."""
    return {
        "part": fault.part,
        "cause": fault.cause.code,
        "grade": fault.grade,
        "since": format_time(fault.since_ns),
        "text": dict(fault.text),
    }


def alarm_json(notice: Notice) -> Json:
    """One alarm that stands in no database yet."""
    told = {name: notice.body.get(name) for name in SHOWN}
    return {"id": notice.id, "type": notice.type, "told_at": format_time(notice.created_ns)} | told
