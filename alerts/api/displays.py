"""Routes of display accounts."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from alerts import Forbidden, Invalid
from alerts.people.displays import DISPLAY_ORDER

from .dependencies import ActorIn, DependenciesIn, PageIn, listed
from .problem import problems
from .schemas.displays import DisplayList, NewDisplay, display_body

router = APIRouter(tags=["displays"])


class DisplayToMake(BaseModel, extra="forbid"):
    """A display account to create."""

    site: Annotated[str, Field(max_length=64, examples=["school-1"])]
    name: Annotated[str, Field(min_length=1, max_length=64, description="where it hangs", examples=["guard room"])]


@router.get("/displays")
def displays(service: DependenciesIn, actor: ActorIn, page: PageIn) -> DisplayList:
    """List the display accounts of the caller's sites by id."""
    shown, following = listed(service.people.displays.page(actor, page), page, DISPLAY_ORDER.cursor)
    return DisplayList(items=[display_body(one) for one in shown], next=following)


@router.post("/displays", status_code=201)
def create(service: DependenciesIn, actor: ActorIn, given: Annotated[DisplayToMake, Body()]) -> NewDisplay:
    """Create a read-only account for a wall display of one site.

    It has no expiry. The response contains its code, which is shown once; the service keeps the hash.
    """
    if not actor.sees(given.site):
        raise Forbidden("manage_displays", ("the display would reach beyond your own sites", "显示屏超出您的学校范围"))
    sites = sorted(site for site in service.dispatch.registry.sites if actor.sees(site))
    if given.site not in sites:
        raise Invalid.in_both({"site": (f"one of {', '.join(sites)}", f"须为：{'、'.join(sites)}")})
    made, code = service.people.displays.create(actor, site=given.site, name=given.name)
    return NewDisplay(**display_body(made).model_dump(), code=code)


@router.delete("/displays/{display_id}", status_code=204, responses=problems(404))
def revoke(service: DependenciesIn, actor: ActorIn, display_id: str) -> None:
    """Revoke a display account immediately."""
    service.people.displays.revoke(actor, display_id)
