"""Duties of posts in the risk register, in open tickets and in plans of inspections, of many sites."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import starmap

from sqlalchemy import Connection, func, select

from alerts.database.json_part import JsonPart, json_text
from alerts.database.schema import accounts, inspection_plans, risk_points, tickets
from alerts.register.records import REMOVED
from alerts.risk.content import Text as Words
from alerts.tickets.loop import FINAL

NO_WORDS = Words()
NAMES_MAX = 10_000
"""Accounts of one statement; PostgreSQL accepts 65,535 parameters, and 1,000 schools may name more."""


@dataclass(frozen=True, slots=True)
class MeasureDuty:
    """A measure of a risk point with the post that owns it, "" for none."""

    id: str
    text: Words = NO_WORDS
    post: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """The fields of a risk point's content that have posts, and its name."""

    name: Words = NO_WORDS
    post: str = ""
    deputy: str = ""
    measures: tuple[MeasureDuty, ...] = ()


@dataclass(frozen=True, slots=True)
class PointDuty:
    """A risk point with its posts, as approved, before the first approval as edited."""

    id: str
    content: Content


@dataclass(frozen=True, slots=True)
class TicketDuty:
    """An open ticket with its accounts."""

    id: str
    number: str
    site: str
    state: str
    fixer: str
    acceptor: str


_CONTENT = JsonPart(Content)


def points_of(connection: Connection, sites: Collection[str]) -> dict[str, list[PointDuty]]:
    """Return the risk points of each site by number, without removed ones."""
    own, found = risk_points.c, dict[str, list[PointDuty]]()
    content = func.coalesce(json_text(own.approved), json_text(own.draft))
    query = select(own.site, own.id, content).where(own.site.in_(sorted(sites)), own.state != REMOVED)
    for site, point, table in connection.execute(query.order_by(own.site, own.number, own.id)).all():
        found.setdefault(site, []).append(PointDuty(point, _CONTENT.decode(table)))
    return found


def tickets_of(connection: Connection, sites: Collection[str]) -> dict[str, list[TicketDuty]]:
    """Return the open tickets of each site by number."""
    own, found = tickets.c, dict[str, list[TicketDuty]]()
    columns = (own.id, own.number, own.site, own.state, own.fixer, own.acceptor)
    query = select(*columns).where(own.site.in_(sorted(sites)), own.state.not_in(sorted(FINAL)))
    for duty in starmap(TicketDuty, connection.execute(query.order_by(own.number)).all()):
        found.setdefault(duty.site, []).append(duty)
    return found


def ticket_groups_of(connection: Connection, sites: Collection[str]) -> dict[str, list[tuple[TicketDuty, int]]]:
    """Return one open ticket of each site for all with the same state and accounts, and their number."""
    own, found = tickets.c, dict[str, list[tuple[TicketDuty, int]]]()
    same = (own.site, own.state, own.fixer, own.acceptor)
    columns = (func.min(own.id), func.min(own.number), *same, func.count())
    query = select(*columns).where(own.site.in_(sorted(sites)), own.state.not_in(sorted(FINAL)))
    for *row, number in connection.execute(query.group_by(*same)):
        duty = TicketDuty(*row)
        found.setdefault(duty.site, []).append((duty, number))
    return found


def round_posts_of(connection: Connection, sites: Collection[str]) -> dict[str, list[str]]:
    """Return the posts of the active plans of inspections of each site."""
    own, found = inspection_plans.c, dict[str, list[str]]()
    query = select(own.site, own.post).where(own.site.in_(sorted(sites)), own.active, own.post != "")
    for site, post in connection.execute(query):
        found.setdefault(site, []).append(post)
    return found


def active_of(connection: Connection, usernames: Collection[str]) -> dict[str, frozenset[str] | None]:
    """Return the sites, None for all, of those of the accounts that may sign in."""
    own, names, found = accounts.c, sorted(usernames), dict[str, frozenset[str] | None]()
    query = select(own.username, own.sites).where(own.ended_ns.is_(None), own.locked_ns.is_(None))
    for begin in range(0, len(names), NAMES_MAX):
        for row in connection.execute(query.where(own.username.in_(names[begin : begin + NAMES_MAX]))):
            found[row.username] = None if row.sites is None else frozenset(row.sites)
    return found
