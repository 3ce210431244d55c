"""Response schemas of the entries of a major danger: five-fulfil, double report, supervision order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from alerts import Ticket
from alerts.tickets.guards import AUDIENCES, FIVE
from alerts.tickets.supervising import order_state

from .fields import Body, Time, Username, moment


class Item(Body):
    """One entry of five-fulfil or of the double report."""

    name: Annotated[str, Field(examples=["funds"])]
    text: Annotated[str, Field(examples=["3,000 yuan"])]
    by: Username
    at: Time | None


class OrderEntry(Body):
    """One entry of a supervision order. due_at: the deadline it sets; asked_by: account that asked for an extension."""

    kind: Literal["opened", "answered", "returned", "extended", "lifted"]
    by: Username
    at: Time | None
    text: Annotated[str, Field(examples=["replace the panel within 15 days"])]
    due_at: Time | None
    asked_by: Annotated[str, Field(description="empty for other entries", examples=["officer"])]


class Order(Body):
    """Supervision order on a danger (挂牌督办), the oldest entry first. Its deadline is that of the ticket."""

    state: Literal["open", "answered", "lifted"]
    entries: list[OrderEntry]


def order_body(ticket: Ticket) -> Order | None:
    """Return the supervision order of a ticket, None without one."""
    state = order_state(ticket)
    if state is None:
        return None
    entries = [
        {"kind": one["kind"], "by": one["by"], "at": moment(int(one["at"])), "text": one["text"]}
        | {"due_at": moment(one.get("due")), "asked_by": one.get("asked_by", "")}
        for one in ticket.supervision.get("entries", ())
    ]
    return Order.model_validate({"state": state, "entries": entries})


def item_bodies(entries: Mapping[str, Mapping[str, Any]], text: str) -> list[Item]:
    """Return entries in the order of their writing. text: key of the statement."""
    return [
        Item(name=name, text=str(entry[text]), by=str(entry["by"]), at=moment(int(entry["at"])))
        for name, entry in entries.items()
    ]


def missing_items(ticket: Ticket) -> list[str]:
    """Return the missing items of a major danger, [] for another one."""
    if not ticket.major:
        return []
    return [
        *(one for one in FIVE if one not in ticket.fulfilment),
        *(one for one in AUDIENCES if one not in ticket.reported),
    ]
