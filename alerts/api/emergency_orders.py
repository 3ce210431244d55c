"""Routes of emergency orders: evacuation, lockdown and all-clear."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query
from pydantic import BaseModel, Field

from alerts import Actor, EmergencyOrder
from alerts.database import keyset
from alerts.people.access import allowed

from .dependencies import ActorIn, DependenciesIn, PageIn, SiteQuery, listed
from .problem import problems
from .schemas.emergency_orders import EmergencyOrderBody, EmergencyOrderList, OrderAction, order_body

router = APIRouter(tags=["emergency orders"])


class OrderToGive(BaseModel, extra="forbid"):
    """An order to give."""

    site: Annotated[str, Field(max_length=64, examples=["school-1"])]
    zone: Annotated[str, Field(max_length=64, description="empty for the whole site", examples=["dorm-3"])] = ""
    action: OrderAction
    drill: Annotated[bool, Field(description="a drill is marked on every channel", examples=[False])]
    sound: Annotated[bool, Field(description="whether a drill sounds sirens", examples=[False])] = False
    note: Annotated[str, Field(max_length=500, examples=["assemble on the sports field"])] = ""


@router.get("/emergency-orders")
def emergency_orders(
    service: DependenciesIn,
    actor: ActorIn,
    page: PageIn,
    site: SiteQuery = None,
    active: Annotated[bool | None, Query(description="only orders in force, or only ended ones")] = None,
) -> EmergencyOrderList:
    """List the emergency orders of the caller's sites, the newest first."""
    rows = service.dispatch.emergency_orders.list(actor, site=site, active=active)
    found = keyset.part("orders", rows, page, key=lambda order: (-order.ordered_ns, order.id), types=(int, str))
    shown, following = listed(found, page, lambda order: keyset.encode("orders", (-order.ordered_ns, order.id)))
    return EmergencyOrderList(items=[_body(order, actor) for order in shown], next=following)


@router.post("/emergency-orders", status_code=201)
def give(service: DependenciesIn, actor: ActorIn, given: Annotated[OrderToGive, Body()]) -> EmergencyOrderBody:
    """Give an evacuation or lockdown order, in force at once.

    Sirens, public address, people and all contacts of the site's roster receive it. The same order again is sent again,
    and withdraws a proposed all-clear.
    """
    return _body(service.dispatch.emergency_orders.give(actor, **given.model_dump()), actor)


@router.post("/emergency-orders/{order_id}/actions/{action}", responses=problems(404, 409))
def act(
    service: DependenciesIn, actor: ActorIn, order_id: str, action: Literal["clear", "keep", "receive"]
) -> EmergencyOrderBody:
    """Propose or confirm the all-clear, withdraw its proposal, or confirm the receipt as a called person.

    The all-clear of a real order takes two persons; that of a drill takes one.
    """
    orders = service.dispatch.emergency_orders
    change = {"clear": orders.clear, "keep": orders.keep, "receive": service.dispatch.acknowledgements.receive}[action]
    return _body(change(order_id, actor), actor)


def _body(order: EmergencyOrder, actor: Actor) -> EmergencyOrderBody:
    """Return an order; names of persons only for roles that see rosters."""
    return order_body(order, named=allowed(actor, "see_rosters"))
