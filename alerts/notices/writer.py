"""Notices of hazards and tickets, written in the transaction of their cause.

The id of a notice derives from its cause and channel. The id of a page derives from the detection alone
(`paged_cause`): a page sent from memory has the id of the notice that is stored later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from alerts.database import rows
from alerts.database.commits import mark_written
from alerts.database.schema import notices
from alerts.model import Hazard, Notice, Ticket, identity
from alerts.risk.causes import causes
from alerts.risk.registry import Registry
from alerts.timestamps import format_time, local_time

from .channels.contract import Channel, Personal
from .channels.routes import SUPERVISION, wants

PAGED = frozenset(("hazard.opened", "hazard.raised", "hazard.relapsed"))
"""Types of the notices that page people, if the level of the detection pages by its rule."""
CONSOLE = "console"
"""Built-in channel: the console shows the notice, delivered when it is written."""


def paged_cause(kind: str, hazard: Hazard, finding: str) -> str:
    """Return the cause of a page, derived from detections without database counters.

    A hazard opens once. From the begin of an alarm it pages once for each grade and further place. A finding joins
    once, so it causes one relapse.
    """
    if kind == "hazard.opened":
        return identity(kind, hazard.id)
    if kind == "hazard.raised":
        return identity(kind, hazard.id, hazard.since_ns, hazard.paged_grade, len(hazard.places))
    return identity(kind, hazard.id, finding)


class TicketStep(NamedTuple):
    """One step of a ticket. kind: of its journal entry, step: number of that entry; state: name of the state.

    work: place, danger and task as a sentence in both languages, empty for a step without new work.
    """

    kind: str
    ticket: Ticket
    state: Mapping[str, str]
    step: int
    work: Mapping[str, str] = MappingProxyType({})


class Pager(Protocol):
    """Routes pages by rosters: starts their escalations."""

    def page(self, connection: Connection, hazard: Hazard, kind: str, cause: str, body: Mapping[str, Any]) -> set[str]:
        """Start or renew the escalation of a page; return the channels to people that do not page at once."""
        ...

    def ask(self, connection: Connection, hazard: Hazard, body: Mapping[str, Any]) -> None:
        """Request persons on duty to look at an early finding."""
        ...


class NoticeWriter:
    """Writes notices within the caller's transaction, one per channel that accepts the type."""

    def __init__(
        self,
        connection: Connection,
        channels: Sequence[Channel],
        registry: Registry,
        *,
        pager: Pager | None = None,
        from_memory: bool = False,
    ) -> None:
        """pager: routes pages by rosters. from_memory: write only pages, marked as not stored yet."""
        self._connection, self._registry, self._pager = connection, registry, pager
        self._channels = [channel for channel in channels if not isinstance(channel, Personal)]
        self._from_memory = from_memory

    def hazard(
        self,
        kind: str,
        hazard: Hazard,
        ticket: Ticket | None,
        *,
        pages: bool,
        finding: str,
        step: int,
        now_ns: int,
        muted: bool = False,
    ) -> None:
        """Write notices of a hazard: every change to programs, pages to people.

        finding: id of the cause. muted: a silence mutes its page, and the request to look at it.
        """
        body = hazard_body(hazard, ticket, self._registry, pages=pages)
        if self._from_memory:
            body |= {"from_memory": True}
        about = (hazard.site, hazard.id, ticket.id if ticket else "")
        cause = paged_cause(kind, hazard, finding) if pages else identity(hazard.id, about[2], kind, step)
        later: set[str] = set()
        if pages and self._pager is not None:
            later = self._pager.page(self._connection, hazard, kind, cause, body)
        elif self._pager is not None and kind in PAGED and _asks(hazard) and not (self._from_memory or muted):
            self._pager.ask(self._connection, hazard, body)
        self._add([*self._made(kind, body, about, pages=pages, cause=cause, now_ns=now_ns, later=later)])

    def tickets(self, steps: Sequence[TicketStep], *, now_ns: int) -> None:
        """Write notices of steps of tickets to programs, and to the persons with work."""
        found = list[Notice]()
        for kind, ticket, state, step, work in steps:
            about = (ticket.site, ticket.hazard or "", ticket.id)
            cause = identity(ticket.hazard or "", ticket.id, kind, step)
            body = self._ticket_body(ticket, state, work)
            if kind in SUPERVISION:
                body["text"] = _order_text(kind, ticket, self._registry.timezone)
            found += self._made(kind, body, about, pages=False, cause=cause, now_ns=now_ns)
        self._add(found)

    def _ticket_body(self, ticket: Ticket, state: Mapping[str, str], work: Mapping[str, str]) -> dict[str, Any]:
        return {
            "alarm_id": ticket.hazard or ticket.danger,
            "hazard": ticket.hazard,
            "ticket": ticket.number,
            "site": ticket.site,
            "zone": ticket.zone,
            "place": self._registry.place_name(ticket.site, ticket.place),
            "kind": ticket.kind,
            "grade": ticket.grade.colour,
            "state": ticket.state,
            "fixer": ticket.fixer,
            "officer": ticket.acceptor,
            "due_at": format_time(ticket.due_ns),
            "text": _ticket_text(ticket, state, work, self._registry.timezone),
        }

    def _made(
        self,
        kind: str,
        body: Mapping[str, Any],
        about: tuple[str, str, str],
        *,
        pages: bool,
        cause: str,
        now_ns: int,
        later: Collection[str] = (),
    ) -> Iterator[Notice]:
        """Yield a notice for each channel that accepts the type."""
        if self._from_memory and not pages:
            return
        wanted = [one.name for one in self._channels if wants(one, kind, body, pages=pages) and one.name not in later]
        for name in [*wanted, *([CONSOLE] if pages or kind in SUPERVISION else [])]:
            key = f"msg_{identity(cause, name)}"
            notice = Notice.pending(key, channel=name, type=kind, body=body, at_ns=now_ns, about=about)
            yield replace(notice, state="sent", delivered_ns=now_ns) if name == CONSOLE else notice

    def _add(self, found: Sequence[Notice]) -> None:
        if found:
            rows.add_all(self._connection, notices, found)
            mark_written(self._connection)


def _asks(hazard: Hazard) -> bool:
    """Return whether a finding without a page is the early sign of a danger to life."""
    early = hazard.active and not hazard.late and not hazard.drill and not hazard.acknowledged_by
    return early and causes()[hazard.kind].life_safety


def hazard_body(hazard: Hazard, ticket: Ticket | None, registry: Registry, *, pages: bool) -> dict[str, Any]:
    """Return the payload of a hazard's notice."""
    return {
        "alarm_id": hazard.id,
        "site": hazard.site,
        "zone": hazard.zone,
        "place": registry.place_name(hazard.site, hazard.place),
        "places": [registry.place_name(hazard.site, place) for place in hazard.places],
        "kind": hazard.kind,
        "grade": hazard.grade.colour,
        "page": pages,
        "active": hazard.active,
        "late": hazard.late,
        "drill": hazard.drill,
        "opened_at": format_time(hazard.opened_ns),
        "text": dict(hazard.text),
        "ticket": ticket.number if ticket else None,
    }


def _ticket_text(ticket: Ticket, state: Mapping[str, str], work: Mapping[str, str], zone: ZoneInfo) -> dict[str, str]:
    """Return work, state and due time of a ticket as a sentence in both languages. zone: of the school."""
    due = local_time(ticket.due_ns, zone)
    late = {"zh": "，已逾期", "en": ", overdue"} if ticket.overdue else {"zh": "", "en": ""}
    more = {"zh": f"。{work['zh']}", "en": f". {work['en']}"} if work else {"zh": "", "en": ""}
    return {
        "zh": f"工单{ticket.number}：{state['zh']}，期限{due}{late['zh']}{more['zh']}",
        "en": f"ticket {ticket.number}: {state['en']}, due {due}{late['en']}{more['en']}",
    }


def _order_text(kind: str, ticket: Ticket, zone: ZoneInfo) -> dict[str, str]:
    """Return a step of a supervision order as a sentence in both languages."""
    due, stated = local_time(ticket.due_ns, zone), str(ticket.supervision["entries"][-1]["text"])
    zh, en = _ORDER_STEPS[kind]
    return {
        "zh": f"工单{ticket.number}：{zh}，期限{due}：{stated}",
        "en": f"ticket {ticket.number}: {en}, due {due}: {stated}",
    }


_ORDER_STEPS: Mapping[str, tuple[str, str]] = {
    "ticket.supervise": ("挂牌督办", "supervision order"),
    "ticket.answer": ("学校已答复督办", "the school answers the order"),
    "ticket.return_answer": ("督办答复被退回", "the answer to the order is returned"),
    "ticket.lift": ("解除挂牌督办", "the order is lifted"),
}
