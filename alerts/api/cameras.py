"""Routes of cameras: their list, and one still with a reason."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, Field

from alerts.cameras.cameras import REASON_MAX

from .binary import BINARY, JPEG
from .dependencies import ActorIn, DependenciesIn, SitePath
from .problem import problems
from .schemas.cameras import CameraList, camera_body

router = APIRouter(tags=["cameras"])
CameraPath = Annotated[str, Path(max_length=64, description="camera id")]


class StillToTake(BaseModel, extra="forbid"):
    """A request for a still."""

    reason: Annotated[str, Field(max_length=REASON_MAX, description="for the audit", examples=["is there smoke?"])]
    hazard: Annotated[str, Field(max_length=64, description="hazard that it is about", examples=["5f0c2d1e9a7b"])] = ""


@router.get("/cameras/{site}", responses=problems(404))
def cameras(service: DependenciesIn, actor: ActorIn, site: SitePath) -> CameraList:
    """List the cameras of a site by id."""
    return CameraList(items=[camera_body(one) for one in service.dispatch.cameras.of_site(actor, site)])


@router.post(
    "/cameras/{site}/{camera}/stills",
    response_class=Response,
    responses=problems(404, 409) | {200: {"content": {JPEG: BINARY}}},
)
def still(
    service: DependenciesIn, actor: ActorIn, site: SitePath, camera: CameraPath, given: Annotated[StillToTake, Body()]
) -> Response:
    """Take one still now. The audit keeps caller, camera, reason and result before the picture is shown.

    409: the camera gives no picture; `guard` is a short name, `text` one sentence. 404 for a foreign hazard too.
    """
    if given.hazard:
        service.dispatch.queries.hazard(given.hazard, actor)
    taken = service.dispatch.cameras.still(actor, site, camera, reason=given.reason, hazard=given.hazard)
    return Response(taken, media_type=JPEG, headers={"Cache-Control": "no-store"})
