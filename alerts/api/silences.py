"""Routes of silences and maintenance windows, and of their patrols."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Path, Query, Response

from alerts.risk.causes import causes
from alerts.silences.checks import Wanted
from alerts.silences.silence import Silence as Found
from alerts.silences.silences import offered

from .dependencies import ActorIn, Dependencies, DependenciesIn, SitePath, moment_of
from .problem import problems
from .schemas.silences import PatrolToRecord, Silence, SilenceList, SilenceToCreate, silence_body
from .versions import WITH_ETAG, IfMatch, mark, required_version

router = APIRouter(tags=["silences"])
SilencePath = Annotated[str, Path(max_length=64, description="silence id")]


@router.get("/silences/{site}", responses=problems(404))
def silences(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    state: Annotated[Literal["open", "ended"], Query(description="ended: the newest end first")] = "open",
) -> SilenceList:
    """List the silences of a site without an end, the next end first; or the newest ended ones, at most 500."""
    found = service.dispatch.discipline.silences.of_site(actor, site, ended=state == "ended")
    own, any_cause = offered(actor)
    return SilenceList(
        items=[_body(service, one) for one in found],
        causes=own,
        any_cause=any_cause,
        patrolled=sorted({one.name for one in causes().values() if one.life_safety}),
    )


@router.post("/silences/{site}", status_code=201, responses=problems(404))
def create(
    service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[SilenceToCreate, Body()]
) -> Silence:
    """Create a silence: it mutes the page and the sound of matching alarms until its end, and nothing else.

    A matcher that includes life safety needs a compensating patrol. Its first missed entry ends the silence and pages.
    """
    fields = given.model_dump()
    starts_at, ends_at = fields.pop("starts_at"), fields.pop("ends_at")
    starts_ns = service.dispatch.clock() if starts_at is None else moment_of(starts_at, "starts_at")
    wanted = Wanted(site=site, starts_ns=starts_ns, ends_ns=moment_of(ends_at, "ends_at"), **fields)
    return _body(service, service.dispatch.discipline.silences.create(actor, wanted, service.telemetry.catalog))


@router.get("/silences/{site}/{silence_id}", responses=problems(404) | WITH_ETAG)
def silence(
    service: DependenciesIn, actor: ActorIn, response: Response, site: SitePath, silence_id: SilencePath
) -> Silence:
    """Return one silence with its newest patrol entries."""
    found = service.dispatch.discipline.silences.one(actor, site, silence_id)
    mark(response, found.version)
    return _body(service, found)


@router.post("/silences/{site}/{silence_id}/actions/end", responses=problems(404, 409, 412, 428))
def end(
    service: DependenciesIn, actor: ActorIn, site: SitePath, silence_id: SilencePath, if_match: IfMatch = None
) -> Silence:
    """End a silence early. Its muted alarms that nobody has acknowledged page within a second."""
    version = required_version(if_match, "silence")
    return _body(service, service.dispatch.discipline.silences.end(actor, site, silence_id, version=version))


@router.post("/silences/{site}/{silence_id}/patrols", status_code=201, responses=problems(404, 409))
def patrol(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    silence_id: SilencePath,
    given: Annotated[PatrolToRecord, Body()],
) -> Silence:
    """Record a patrol entry, as the named person or an officer. The next one is due after the interval."""
    return _body(service, service.dispatch.discipline.silences.patrolled(actor, site, silence_id, given.note.strip()))


def _body(service: Dependencies, found: Found) -> Silence:
    silences = service.dispatch.discipline.silences
    return silence_body(found, service.dispatch.registry, silences.calendar, service.dispatch.clock())
