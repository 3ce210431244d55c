"""Response schemas of emergency orders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from alerts import EmergencyOrder

from .fields import Body, Both, List, SiteId, Time, Username, Version, both, moment

OrderAction = Literal["evacuate", "lockdown"]


class OrderReceipt(Body):
    """A called person; via and at are null until the person has confirmed the receipt."""

    name: Both
    via: Annotated[Literal["link", "key", "console"] | None, Field(examples=["link"])]
    at: Time | None


class EmergencyOrderBody(Body):
    """One evacuation or lockdown."""

    id: Annotated[str, Field(examples=["8d1b7c6a5e4f3d2c1b0a9f8e"])]
    site: SiteId
    zone: Annotated[str, Field(description="zone id, empty for the whole site", examples=["dorm-3"])]
    action: OrderAction
    drill: Annotated[bool, Field(description="whether it is a drill, marked on every channel", examples=[False])]
    sound: Annotated[bool, Field(description="whether sirens sound", examples=[True])]
    note: Annotated[str, Field(examples=["assemble on the sports field"])]
    active: Annotated[bool, Field(description="false after the all-clear", examples=[True])]
    ordered_by: Username
    ordered_at: Time | None
    clear_proposed_by: Annotated[
        str | None,
        Field(description="account that proposed the all-clear; another person confirms", examples=["officer"]),
    ]
    ended_by: Annotated[str | None, Field(examples=["operator"])]
    ended_at: Time | None
    called: Annotated[int, Field(ge=0, description="persons whom the order reaches", examples=[7])]
    received: Annotated[int, Field(ge=0, description="persons who have confirmed the receipt", examples=[5])]
    persons: Annotated[
        list[OrderReceipt], Field(description="called persons, the missing ones first; empty for roles without rosters")
    ]
    version: Version


class EmergencyOrderList(List[EmergencyOrderBody]):
    """One page of emergency orders."""


def _receipts(order: EmergencyOrder) -> list[OrderReceipt]:
    missing = [OrderReceipt(name=both(one["name"]), via=None, at=None) for one in order.missing]
    done = [OrderReceipt(name=both(one["name"]), via=one["via"], at=moment(one["at_ns"])) for one in order.acknowledged]
    return [*missing, *done]


def order_body(order: EmergencyOrder, *, named: bool) -> EmergencyOrderBody:
    """Return an order as a response. named: whether the caller may see the persons."""
    return EmergencyOrderBody(
        id=order.id,
        site=order.site,
        zone=order.zone,
        action="evacuate" if order.action == "evacuate" else "lockdown",
        drill=order.drill,
        sound=order.sound,
        note=order.note,
        active=order.state == "active",
        ordered_by=order.ordered_by,
        ordered_at=moment(order.ordered_ns),
        clear_proposed_by=order.clear_by,
        ended_by=order.ended_by,
        ended_at=moment(order.ended_ns),
        called=len(order.called),
        received=len(order.acknowledged),
        persons=_receipts(order) if named else [],
        version=order.version,
    )
