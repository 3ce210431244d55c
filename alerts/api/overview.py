"""Route of the present figures of a site, for its wall."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from alerts import format_time

from .campus import require_site
from .dependencies import ActorIn, Dependencies, DependenciesIn
from .problem import problems
from .schemas.fields import Both, both, moment
from .schemas.overview import Overview, SilencesNow
from .sensors import REPORTING, SensorView

router = APIRouter(tags=["campus"])
RATE_NS = 30 * 60 * 1_000_000_000


@router.get("/overview", responses=problems(404))
def overview(
    service: DependenciesIn, actor: ActorIn, site: Annotated[str, Query(max_length=64, description="one site")]
) -> Overview:
    """Return the newest reading of a site, its reporting sensors, and its alarms of the last 30 min."""
    require_site(service, actor, site)
    now_ns, view = service.clock(), SensorView(service, [site])
    known = [one for one in service.telemetry.catalog.of_site(site) if not one.removed]
    newest = [view.newest_ns(one) for one in known]
    return Overview(
        site=site,
        now=format_time(now_ns),
        last_reading=moment(max(newest, default=0)),
        sensors=len(known),
        reporting=sum(view.state(one, received=at > 0) in REPORTING for one, at in zip(known, newest, strict=True)),
        on_duty=_on_duty(service, site, now_ns),
        alarms_30_min=service.dispatch.queries.annunciations_since(actor, site=site, since_ns=now_ns - RATE_NS),
        silences=_silences(service, site),
    )


def _silences(service: Dependencies, site: str) -> SilencesNow:
    silences, now_ns = service.dispatch.discipline.silences, service.dispatch.clock()
    active = silences.active(site)
    due = (one.due_ns(silences.calendar, now_ns) for one, _ in active)
    return SilencesNow(
        count=len(active),
        next_end=moment(active[0][1]) if active else None,
        patrols_due_at=moment(min((at for at in due if at is not None), default=None)),
    )


def _on_duty(service: Dependencies, site: str, now_ns: int) -> list[Both] | None:
    """Return the names of the persons on duty, each once; without their telephone numbers."""
    duty = service.dispatch.escalating.rosters.present(site)
    if duty is None:
        return None
    found = dict.fromkeys(name for post in duty.roster.posts for name in duty.on_duty(post, now_ns))
    return [both(duty.roster.persons[name].name) for name in found]
