"""Withdrawal of acknowledged pages and of ended orders; "taken by" messages behind sent pages."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from sqlalchemy import Connection, select, update

from alerts.database import rows
from alerts.database.commits import mark_written
from alerts.database.schema import emergency_orders, notices
from alerts.model import Notice, identity

from .channels.routes import ORDERS
from .writer import CONSOLE, PAGED

WITHDRAWN = "withdrawn"
TAKEN = "hazard.taken"
ENDS = ("hazard.cleared", "ticket.mark_false")
"""Types of the notices that end a hazard."""
ALL_CLEAR = "all_clear"
"""Action of a notice that ends an order."""


def withdrawn(connection: Connection, notice_id: str) -> bool:
    """Return whether the notice was withdrawn."""
    return connection.scalar(select(notices.c.state).where(notices.c.id == notice_id)) == WITHDRAWN


def withdraw(
    connection: Connection, hazard: str, *, programs: Collection[str], only: Callable[[Notice], bool]
) -> list[Notice]:
    """Withdraw the waiting pages of a hazard to people; return all its pages that may have reached a receiver.

    programs: channels that keep their notices. only: whether a notice is concerned.
    """
    pages = select(notices).where(notices.c.hazard == hazard, notices.c.type.in_(PAGED))
    found = connection.execute(pages.where(notices.c.channel.not_in((*programs, CONSOLE)))).all()
    concerned = [notice for notice in (rows.record(Notice, row) for row in found) if only(notice)]
    waiting = [notice.id for notice in concerned if notice.state == "pending"]
    pending = (notices.c.id.in_(waiting)) & (notices.c.state == "pending")
    connection.execute(update(notices).where(pending).values(state=WITHDRAWN))
    return [notice for notice in concerned if notice.state == "sent" or _handed_over(notice)]


def withdraw_orders(connection: Connection, site: str, only: Callable[[Notice], bool]) -> None:
    """Withdraw the waiting notices about orders of a site. only: whether a notice is concerned."""
    waiting = select(notices).where(notices.c.state == "pending", notices.c.site == site)
    found = connection.execute(waiting.where(notices.c.type.like(f"{ORDERS}%"))).all()
    concerned = [row.id for row in found if only(rows.record(Notice, row))]
    pending = notices.c.id.in_(concerned) & (notices.c.state == "pending")
    connection.execute(update(notices).where(pending).values(state=WITHDRAWN))


def begins_ended_order(connection: Connection, notice: Notice) -> bool:
    """Return whether the notice begins an order that has ended since."""
    if not notice.type.startswith(ORDERS) or notice.body.get("action") == ALL_CLEAR:
        return False
    state = select(emergency_orders.c.state).where(emergency_orders.c.id == notice.body.get("order"))
    return connection.scalar(state) == "ended"


def begins_ended_hazard(connection: Connection, notice: Notice) -> bool:
    """Return whether a delayed notice would begin a hazard again whose end this channel has got since."""
    if notice.type in ENDS or not notice.hazard or not _handed_over(notice):
        return False
    same = (notices.c.hazard == notice.hazard) & (notices.c.channel == notice.channel)
    newer = notices.c.type.in_(ENDS) & (notices.c.created_ns > notice.created_ns) & (notices.c.state != "failed")
    return connection.execute(select(notices.c.id).where(same, newer).limit(1)).first() is not None


def announce(
    connection: Connection, handed: Iterable[Notice], *, by: str, name: Mapping[str, str], now_ns: int
) -> None:
    """Write a "taken by" notice after each page to a person, except calls; by: person who took the alarm."""
    receivers = {}
    for notice in handed:
        to = notice.body.get("to")
        if to and to["medium"] != "voice" and list(to["persons"]) != [by]:
            receivers[notice.channel, to["address"]] = notice
    for notice in receivers.values():
        key = f"msg_{identity('taken', notice.id, now_ns)}"
        words = {
            "zh": f"已由{name['zh']}接手，您无需处理",
            "en": f"taken by {name['en']}; no action is needed from you",
        }
        body = {key: notice.body[key] for key in notice.body if key != "reply"} | {"text": words, "page": False}
        about = (notice.site, notice.hazard, notice.ticket)
        taken = Notice.pending(key, channel=notice.channel, type=TAKEN, body=body, at_ns=now_ns, about=about)
        rows.add(connection, notices, taken)
    mark_written(connection)


def _handed_over(notice: Notice) -> bool:
    """Return whether an attempt has begun: a lease moves the time of the next one."""
    return notice.attempts > 0 or notice.next_ns > notice.created_ns
