"""Response schemas of display accounts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from alerts.people.displays import Display as Account

from .fields import Body, List, SiteId, Time, Username, moment


class Display(Body):
    """One display account without its code."""

    id: Annotated[str, Field(examples=["5f0c2d1e"])]
    site: SiteId
    name: Annotated[str, Field(description="where it hangs", examples=["guard room"])]
    created_at: Time | None
    created_by: Username


class DisplayList(List[Display]):
    """One page of display accounts."""


class NewDisplay(Display):
    """A new display account with its code, which is shown once."""

    code: Annotated[str, Field(description="opened as `/#/display/<code>`", examples=["display.kQ2v0mS4n7p1yXb8"])]


def display_body(display: Account) -> Display:
    """Return a display account without its code."""
    return Display(
        id=display.id,
        site=display.site,
        name=display.name,
        created_at=moment(display.created_ns),
        created_by=display.created_by,
    )
