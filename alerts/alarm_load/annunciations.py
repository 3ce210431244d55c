"""Annunciations of alarms from the journal: each page, its acknowledgement and its return to normal."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select

from alerts.database import journal
from alerts.database.journal import Event
from alerts.database.schema import hazards
from alerts.database.schema import journal as journal_table

PAGED = ("hazard.opened", "hazard.joined", "hazard.raised", "hazard.relapsed", "hazard.changed")
"""Journal kinds that may page."""
TAKEN, RETURNED = "hazard.acknowledged", "hazard.cleared"
PAGE_ROWS = 500
STANDING_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Annunciation:
    """One page of one hazard. taken_ns, returned_ns: its acknowledgement and its end, None without them."""

    hazard: str
    site: str
    rule: str
    place: str
    grade: str
    at_ns: int
    taken_ns: int | None = None
    returned_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """Annunciations of a site, start of its journal in ns, and hazards active for over 24 h at the end of the span."""

    rows: list[Annunciation]
    begin_ns: int
    standing: int


def newest_first(connection: Connection, kinds: Collection[str], *, site: str, since_ns: int) -> Iterator[Event]:
    """Yield journal entries of a site and of these kinds, the newest first, back to a time."""
    columns = (journal_table.c.seq, journal_table.c.body)
    query = select(*columns).where(journal_table.c.site == site, journal_table.c.kind.in_(kinds))
    query = query.order_by(journal_table.c.seq.desc()).limit(PAGE_ROWS)
    page = connection.execute(query).all()
    while page:
        for row in page:
            event = journal.entry(row.seq, row.body)
            if event.at_ns < since_ns:
                return
            yield event
        page = connection.execute(query.where(journal_table.c.seq < page[-1].seq)).all()


def count(connection: Connection, *, site: str, since_ns: int) -> int:
    """Return the number of pages of a site since a time, without drills and late data."""
    return sum(_pages(event) for event in newest_first(connection, PAGED, site=site, since_ns=since_ns))


def read(connection: Connection, *, site: str, since_ns: int, until_ns: int) -> list[Annunciation]:
    """Return the annunciations of a site within a span of time, in order of time."""
    kinds = (*PAGED, TAKEN, RETURNED)
    events = list(newest_first(connection, kinds, site=site, since_ns=since_ns))
    found: list[Annunciation] = []
    taken: dict[str, int] = {}
    returned: dict[str, int] = {}
    for event in events:  # newest first: the acknowledgement of a page comes before the page
        if event.kind == TAKEN:
            taken[event.subject] = event.at_ns
        elif event.kind == RETURNED:
            returned[event.subject] = event.at_ns
        elif _pages(event):
            one = _annunciation(event)
            answers: dict[str, Any] = {"taken_ns": taken.pop(event.subject, None)}
            answers["returned_ns"] = returned.pop(event.subject, None)
            found.append(replace(one, **answers))
    return [one for one in reversed(found) if one.at_ns < until_ns]


def record(connection: Connection, *, site: str, since_ns: int, until_ns: int) -> Record:
    """Return the record of a site within a span of time; the span of a site without entries is empty."""
    first = select(journal_table.c.seq, journal_table.c.body).where(journal_table.c.site == site)
    begin = connection.execute(first.order_by(journal_table.c.seq).limit(1)).first()
    old = hazards.c.since_ns < until_ns - STANDING_NS
    standing = select(func.count()).where(hazards.c.site == site, hazards.c.active, ~hazards.c.drill, old)
    return Record(
        read(connection, site=site, since_ns=since_ns, until_ns=until_ns),
        journal.entry(begin.seq, begin.body).at_ns if begin else until_ns,
        int(connection.scalar(standing) or 0),
    )


def _pages(event: Event) -> bool:
    facts = event.facts
    return bool(facts.get("page")) and not facts.get("drill") and not facts.get("late")


def _annunciation(event: Event) -> Annunciation:
    facts = event.facts
    return Annunciation(event.subject, event.site, facts["rule"], facts["place"], facts["grade"], event.at_ns)
