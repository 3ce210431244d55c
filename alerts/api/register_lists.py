"""Routes that fill the risk register by a template or a list, and export it as a list."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel, Field

from alerts.register.templates import template, templates

from .dependencies import ActorIn, DependenciesIn, SitePath
from .documents import file_response
from .list_files import FILE, MEDIA, decoded
from .problem import problems
from .schemas.fields import both
from .schemas.register import Template, TemplateList, Written

router = APIRouter(tags=["register"])


class Applying(BaseModel, extra="forbid"):
    """Template to apply. An existing risk point of the same id stays as it is."""

    template: Annotated[str, Field(max_length=64, examples=["primary"])]


class Importing(BaseModel, extra="forbid"):
    """List to import. content: the file in base64; check: report errors and numbers without an import."""

    format: Literal["xlsx", "csv"]
    content: Annotated[str, Field(min_length=1, examples=["aWQsem9uZQo="])]
    check: bool = False


@router.get("/register-templates")
def register_templates() -> TemplateList:
    """List the templates of the risk register."""
    found = [
        Template(
            template=one.name, version=one.version, name=both(one.title), zones=len(one.zones), points=len(one.points)
        )
        for one in templates().values()
    ]
    return TemplateList(items=found)


@router.post("/register/{site}/template", responses=problems(404))
def apply(service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[Applying, Body()]) -> Written:
    """Add the zones and risk points of a template as drafts; the school reviews and approves them."""
    register = service.dispatch.register
    register.zones(actor, site)  # a foreign site is not found
    chosen = template(given.template)
    present = {entry.id for entry in register.entries(actor, site)}
    points = {name: content for name, content in chosen.points.items() if name not in present}
    new, changed = register.write(
        actor, site, chosen.zones_of(site), points, origin=f"template {chosen.name} {chosen.version}"
    )
    return Written(new=new, changed=changed, points=len(chosen.points))


@router.post("/register/{site}/list", responses=problems(404))
def import_list(
    service: DependenciesIn, actor: ActorIn, site: SitePath, given: Annotated[Importing, Body()]
) -> Written:
    """Import risk points of a list as edits, all or none; the response names row and column of every error."""
    register = service.dispatch.register
    from alerts.register.list_reader import read_list  # noqa: PLC0415 - a start without an import loads no openpyxl

    known = {zone.id for zone in register.zones(actor, site)}
    zones, points = read_list(decoded(given.content), form=given.format, zones=known)
    if given.check:
        return Written(new=0, changed=0, points=len(points))
    new, changed = register.write(actor, site, zones, points, origin=f"list {given.format}")
    return Written(new=new, changed=changed, points=len(points))


@router.get("/register/{site}/list", responses=problems(404) | FILE, response_class=Response)
def export_list(
    service: DependenciesIn,
    actor: ActorIn,
    site: SitePath,
    form: Annotated[Literal["xlsx", "csv"], Query(alias="format")] = "xlsx",
    language: Annotated[Literal["zh", "en"], Query(alias="lang", description="of the headings")] = "zh",
) -> Response:
    """Return the risk points of a school as a list that can be imported again."""
    from alerts.register.lists import write_list  # noqa: PLC0415 - a start without an export loads no openpyxl

    register = service.dispatch.register
    zones = register.zones(actor, site)
    content = write_list(register.entries(actor, site), zones, form=form, language=language)
    service.dispatch.note(
        "register.exported", actor.username, site=site, subject=f"register.{site}", facts={"format": form}
    )
    return file_response(content, f"risk-points-{site}", form, MEDIA[form])
