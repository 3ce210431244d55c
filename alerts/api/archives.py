"""Routes of yearly archives: list, make one of a past year, open its documents."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Path, Response
from pydantic import BaseModel, Field

from alerts.documents.archives import NOTE_MAX
from alerts.documents.files import MEDIA

from .binary import file_answer
from .campus import require_site
from .dependencies import ActorIn, DependenciesIn, SitePath
from .problem import problems
from .schemas.archives import Archive, ArchiveList, archive_body

router = APIRouter(tags=["documents"])
YearPath = Annotated[int, Path(ge=2000, le=2200)]
FILE = file_answer(MEDIA.values(), "the document as it was frozen")


class Archiving(BaseModel, extra="forbid"):
    """Year to archive. note: reason of a further edition."""

    year: Annotated[int, Field(ge=2000, le=2200, examples=[2025])]
    note: Annotated[str, Field(max_length=NOTE_MAX, examples=["correction of the register"])] = ""


@router.get("/documents/{site}/archives", responses=problems(404))
def archives(service: DependenciesIn, actor: ActorIn, site: SitePath) -> ArchiveList:
    """List the archives of a site, the newest first, and the past years that have none."""
    require_site(service, actor, site)
    kept = service.dispatch.year_archives
    return ArchiveList(
        items=[archive_body(one) for one in kept.of_site(actor, site)], missing=kept.missing(actor, site)
    )


@router.post("/documents/{site}/archives", status_code=201, responses=problems(404, 409))
def archive(service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[Archiving, Body()]) -> Archive:
    """Freeze the documents of a past year with SHA-256 and journal position; this takes some seconds.

    A further edition of a year needs a reason; the earlier ones stay.
    """
    require_site(service, actor, site)
    return archive_body(service.dispatch.year_archives.make(actor, site, given.year, note=given.note))


@router.get(
    "/documents/{site}/archives/{year}/{edition}/{name}",
    responses=problems(404, 409) | FILE,
    response_class=Response,
)
def archived_document(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    year: YearPath,
    edition: Annotated[int, Path(ge=1, le=1_000)],
    name: Annotated[str, Path(max_length=64)],
) -> Response:
    """Return a document as it was frozen; one that differs from its SHA-256 is refused (409)."""
    require_site(service, actor, site)
    content = service.dispatch.year_archives.document(actor, site, year, edition, name)
    media = next(MEDIA[one] for one in MEDIA if name.endswith(f".{one}"))
    headers = {"Content-Disposition": f"attachment; filename={year}-{edition}-{name}"}
    return Response(content, media_type=media, headers=headers)
