"""Routing of notices to channels by site, grade and duty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from annotated_types import doc

from alerts.model import Notice, Receipt
from ingest.tables import Reads, one_of

from .contract import Channel

GRADES = ("red", "orange", "yellow", "blue")
ORDERS = "order."
"""Prefix of the types of notices about orders: evacuation, lockdown, all-clear."""
RECEIVES = ("pages", "orders", "own_work", "everything")
_OF_FIXER = frozenset((
    "ticket.assign", "ticket.transfer", "ticket.hand_over", "ticket.reject", "ticket.overdue",
    "ticket.relapsed", "ticket.extend",
))  # fmt: skip
"""Ticket steps after which the fixer has work."""
SUPERVISION = frozenset(("ticket.supervise", "ticket.answer", "ticket.return_answer", "ticket.lift"))
"""Ticket steps of a supervision order; the console of school and bureau shows them."""
_OF_OFFICER = frozenset(("ticket.opened", "ticket.submit", "ticket.propose", "ticket.overdue", "ticket.relapsed")) | (
    SUPERVISION - {"ticket.answer"}
)
"""Ticket steps after which the officer has work."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}", re.ASCII)


def _name(text: Any) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError
    return str(text)


FOLDER = Reads(Path, "the path of a folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Notices of one channel of the channel file. Without `sites` and `grades` all of them."""

    name: Annotated[
        str,
        Reads(_name, "1 to 40 of a-z, 0-9, _ and -, first a letter or digit"),
        doc("unique name of the channel, shown with its notices"),
    ]
    sites: Annotated[tuple[str, ...], doc("only notices of these sites, and of the service itself; empty: all")] = ()
    grades: Annotated[tuple[Annotated[str, one_of(GRADES)], ...], doc("only these grades; empty: all")] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalRoute(Route):
    """Notices of a channel to people."""

    receives: Annotated[
        tuple[Annotated[str, one_of(RECEIVES)], ...],
        doc("`pages`, `orders`, `own_work` (tickets of `account`), `everything`"),
    ] = ("pages", "orders")
    account: Annotated[str, doc("account whose tickets are its own work, as fixer or as officer")] = ""

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether the channel receives the notice."""
        if "everything" in self.receives or ("orders" in self.receives and kind.startswith(ORDERS)):
            return True
        if "pages" in self.receives and pages and not kind.startswith(ORDERS):
            return True
        if "own_work" not in self.receives or not self.account:
            return False
        fixer = kind in _OF_FIXER and body.get("fixer") == self.account
        return fixer or (kind in _OF_OFFICER and body.get("officer") == self.account)

    def errors(self) -> Iterable[str]:
        """Yield contradictions between the keys."""
        if "own_work" in self.receives and not self.account:
            yield "account: missing; own_work needs the account whose tickets are meant"


def address_of(notice: Notice) -> str:
    """Return the address of the person whom the notice is for; "" without one."""
    return str(notice.body.get("to", {}).get("address", ""))


def routed(channel: Channel, route: Route) -> Channel:
    """Return the channel with its route."""
    return _Routed(channel, route)


def wants(channel: Channel, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
    """Return whether the channel receives a notice: by its own filter, else programs all and people pages.

    A channel to the addresses of persons receives none.
    """
    # attributes instead of isinstance with a protocol, which costs a storm a tenth of its time
    if hasattr(channel, "medium"):  # `Personal`: escalations write its notices
        return False
    accepts = getattr(channel, "accepts", None)  # `Selective`
    return bool(accepts(kind, body, pages=pages)) if accepts else pages or channel.for_programs


NO_ADDRESS = Receipt(delivered=False, retry=False, error="the notice has no address for this channel")
_PASSED_ON = (
    *("wait_s", "blocked", "limit_s", "medium", "connect", "close", "sounds", "keeps_state", "take_replies"),
    *("use", "application_key", "check"),
)
"""Attributes of channels: limits, addresses of persons, answers, connection, siren, state, replies, browsers."""


class _Routed:
    """A channel that receives the notices of its route."""

    def __init__(self, channel: Channel, route: Route) -> None:
        self.name, self.for_programs = channel.name, channel.for_programs
        self._channel, self._route = channel, route
        for name in _PASSED_ON:
            if hasattr(channel, name):
                setattr(self, name, getattr(channel, name))

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether site and grade are those of the route, and the channel receives this type.

        The end of an alarm passes with any grade, because the alarm may have started with another one.
        """
        route, site = self._route, body.get("site")
        if route.sites and site and site not in route.sites:
            return False
        ends = kind == "hazard.cleared" or kind.startswith((ORDERS, "ticket.mark_false"))
        if route.grades and body.get("grade") not in route.grades and not ends:
            return False
        if isinstance(route, PersonalRoute):
            return route.accepts(kind, body, pages=pages)
        return wants(self._channel, kind, body, pages=pages)

    def deliver(self, notice: Notice) -> Receipt:
        """Attempt the delivery once."""
        return self._channel.deliver(notice)


def of_no_hazard(body: Mapping[str, Any]) -> bool:
    """Return whether a notice is about the ticket of a danger that a person found: no alarm of it went out."""
    return body.get("hazard", "") is None
