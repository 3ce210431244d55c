"""Route of the service's condition: own faults that last, and alarms sent in degraded mode."""

from __future__ import annotations

from fastapi import APIRouter

from alerts import format_time

from .dependencies import ActorIn, DependenciesIn
from .schemas.service import Condition, alarm_body, fault_body

router = APIRouter(tags=["condition"])


@router.get("/condition")
def condition(service: DependenciesIn, actor: ActorIn) -> Condition:
    """Return own faults, and alarms that the database does not hold yet.

    Everybody sees the faults. The alarms are cut to the caller's sites.
    """
    now = service.telemetry.condition()
    alarms = [alarm_body(notice) for notice in now.unstored if actor.sees(notice.site)]
    return Condition(
        live=not any(fault.blinds for fault in now.faults),
        transport=service.transport,
        now=format_time(service.clock()),
        faults=[fault_body(fault) for fault in now.faults],
        alarms=alarms,
    )
