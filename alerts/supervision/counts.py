"""Counts of dangers by school, in one statement for all schools of a district or city."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter

from sqlalchemy import ColumnElement, Connection, String, and_, cast, func, or_, select, true

from alerts.database.schema import accounts, dangers, tickets
from alerts.tickets.loop import FINAL

NOT_FOUND = ("false_report", "merged")
"""States of tickets that state no danger: false reports and duplicates."""
DONE = ("observing", "closed")
BUREAU = frozenset(("district", "city"))
"""Roles of the bureaus; what their accounts find is found from above."""


@dataclass(frozen=True, slots=True)
class DangerCounts:
    """Numbers of one school. The first ones are of the dangers found in the span, the last three of all open ones.

    due: those in time and those late; on_time: accepted before the deadline, without a relapse; sensed: closed ones
    that a sensor found; proved: those of them that their sensors prove; above: found by the public or a bureau.
    """

    found: int = 0
    general: int = 0
    general_done: int = 0
    major: int = 0
    major_done: int = 0
    due: int = 0
    on_time: int = 0
    sensed: int = 0
    proved: int = 0
    relapsed: int = 0
    above: int = 0
    open: int = 0
    overdue: int = 0
    supervised: int = 0

    @property
    def self_found(self) -> int:
        """Return the dangers that the school found itself, by persons or sensors."""
        return self.found - self.above


def summed(numbers: Iterable[DangerCounts]) -> DangerCounts:
    """Return the sums of all."""
    columns: Iterable[tuple[int, ...]] = zip(*map(_NUMBERS, numbers), strict=True)
    return DangerCounts(*map(sum, columns))


_NUMBERS: Callable[[DangerCounts], tuple[int, ...]] = attrgetter(*(one.name for one in fields(DangerCounts)))


def counts(
    connection: Connection, sites: Collection[str] | None, begin_ns: int, end_ns: int
) -> Mapping[str, DangerCounts]:
    """Return the counts of each school with dangers. sites: only these, None for all."""
    above = _above(connection, sites, begin_ns, end_ns)
    own, columns = tickets.c, _columns(begin_ns, end_ns)
    wanted = or_(_within(begin_ns, end_ns), own.state.not_in(sorted(FINAL)))
    numbers = (func.count().filter(one) for one in columns.values())
    query = select(own.site, *numbers).group_by(own.site).where(wanted, _scope(own.site, sites))
    result = {}
    for site, *counted in connection.execute(query).all():
        known = dict(zip(columns, counted, strict=True))
        general, done = known["found"] - known["major"], known.pop("done") - known["major_done"]
        result[site] = DangerCounts(**known, general=general, general_done=done, above=above.get(site, 0))
    return result


def _columns(begin_ns: int, end_ns: int) -> dict[str, ColumnElement[bool]]:
    """Return the condition of each number. The condition that fewest tickets meet comes first: it is the cheapest."""
    own = tickets.c
    found = and_(_within(begin_ns, end_ns), own.state.not_in(NOT_FOUND))
    done = and_(own.closed_ns < end_ns, own.state == "closed", found)
    sensed = and_(own.state == "closed", own.hazard.is_not(None), found)
    # a sensed danger that was closed without its proof is not rectified in time
    in_time = and_(~own.overdue, own.state.in_(DONE), own.relapses == 0, or_(own.hazard.is_(None), ~own.overridden))
    standing = own.state.not_in(sorted(FINAL))
    return {
        "found": found,
        "done": done,
        "major": and_(own.major, found),
        "major_done": and_(own.major, done),
        "due": and_(or_(own.overdue, own.state.in_(DONE)), found),
        "on_time": and_(in_time, found),
        "sensed": sensed,
        "proved": and_(~own.overridden, sensed),
        "relapsed": and_(own.relapses > 0, found),
        "open": standing,
        "overdue": and_(own.overdue, standing),
        "supervised": and_(own.supervised, standing),
    }


def _above(connection: Connection, sites: Collection[str] | None, begin_ns: int, end_ns: int) -> dict[str, int]:
    """Return the dangers of each school that the public or a bureau found."""
    named = or_(*(cast(accounts.c.roles, String).contains(f'"{role}"') for role in sorted(BUREAU)))
    rows = connection.execute(select(accounts.c.username, accounts.c.roles).where(named))
    bureau = [row.username for row in rows if BUREAU & set(row.roles)]
    public = and_(dangers.c.source == "report", dangers.c.found_by == "")
    query = select(tickets.c.site, func.count()).join(dangers, dangers.c.id == tickets.c.danger)
    query = query.where(_within(begin_ns, end_ns), tickets.c.state.not_in(NOT_FOUND), _scope(tickets.c.site, sites))
    query = query.where(tickets.c.hazard.is_(None), or_(public, dangers.c.found_by.in_(bureau)))
    return {site: int(number) for site, number in connection.execute(query.group_by(tickets.c.site))}


def _within(begin_ns: int, end_ns: int) -> ColumnElement[bool]:
    return and_(tickets.c.opened_ns >= begin_ns, tickets.c.opened_ns < end_ns)


def _scope(column: ColumnElement[str], sites: Collection[str] | None) -> ColumnElement[bool]:
    return true() if sites is None else column.in_(sorted(sites))
