"""Routes of plans: floors, pictures, zone outlines, places and positions of sensors."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from alerts.plans.pictures import MEDIA_TYPE

from .binary import BINARY
from .campus import require_site
from .dependencies import ActorIn, DependenciesIn, SitePath
from .problem import problems
from .schemas.plans import Plan, PlanPicture, PlanToWrite, picture_body, plan_body
from .versions import mark, required_version

router = APIRouter(tags=["plans"])
DigestPath = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 of the picture")]
ETAG = {"description": "version of the plan, for If-Match", "schema": {"type": "string"}}
WITH_ETAG: dict[int | str, dict[str, Any]] = {200: {"headers": {"ETag": ETAG}}}
IfMatch = Annotated[str | None, Header(description="ETag of the present plan")]
FILE = {"content": {"application/octet-stream": BINARY}, "required": True}
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": "RIFF"}}}
}


@router.get("/plans/{site}", responses=problems(404) | WITH_ETAG)
def plan(service: DependenciesIn, actor: ActorIn, site: SitePath, response: Response) -> Plan:
    """Return the plan of a site."""
    require_site(service, actor, site)
    found, version = service.dispatch.plans.get(actor, site)
    mark(response, version)
    return plan_body(found, version)


@router.put("/plans/{site}", responses=problems(404, 412, 428) | WITH_ETAG)
def put(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    response: Response,
    given: Annotated[PlanToWrite, Body()],
    if_match: IfMatch = None,
) -> Plan:
    """Replace the plan of a site. It is in effect at once; detection across rooms uses it from the next start on.

    Responsible people of zones, stairs and the calendar stay. Zones and places of risk points must stay.
    """
    require_site(service, actor, site)
    wanted = required_version(if_match, "plan")
    version = service.dispatch.plans.put(actor, given.plan(site), version=wanted)
    mark(response, version)
    return plan_body(service.dispatch.plans.get(actor, site)[0], version)


@router.post(
    "/plans/{site}/pictures", status_code=201, responses=problems(404, 413), openapi_extra={"requestBody": FILE}
)
async def add_picture(service: DependenciesIn, actor: ActorIn, site: SitePath, request: Request) -> PlanPicture:
    """Upload a picture (PNG, JPEG or WebP) for a floor. It is drawn anew as WebP; the plan then names its digest.

    A picture that no floor names goes with a write of the plan a day after its upload.
    """
    require_site(service, actor, site)
    content = await request.body()
    return picture_body(await run_in_threadpool(service.dispatch.plans.add_picture, actor, site, content))


@router.get("/plans/{site}/pictures/{digest}", response_class=Response, responses=problems(404) | PICTURE)
def picture(service: DependenciesIn, actor: ActorIn, site: SitePath, digest: DigestPath) -> Response:
    """Return the picture of a floor."""
    found = service.dispatch.plans.picture(actor, site, digest)
    return Response(found.content, media_type=MEDIA_TYPE)
