"""Recorded deliveries of channels and answers of persons, from stored notices and the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from sqlalchemy import Connection, select

from alerts.database import journal
from alerts.database.schema import journal as journal_table
from alerts.database.schema import notices
from alerts.notices.writer import PAGED

from .rehearsal import Delivery
from .score import ANSWERS

SECOND_NS = 1_000_000_000
NIGHT_NS = 12 * 3_600 * SECOND_NS
"""Half of the span around the supposed time that counts as its night."""
EARLIER_NS = 30 * 86_400 * SECOND_NS
"""Span before that night whose records count where the night has none, and for the answers of persons."""
DELIVERIES_MAX, ANSWERS_MAX = 50, 500


def deliveries(connection: Connection, site: str, channels: Sequence[str], as_of_ns: int) -> dict[str, Delivery]:
    """Return the deliveries of each channel in the night around a time, else in the 30 days before it."""
    found = {}
    for channel in channels:
        for begin_ns in (as_of_ns - NIGHT_NS, as_of_ns - EARLIER_NS):
            known = _delivery(connection, site, channel, begin_ns, as_of_ns + NIGHT_NS)
            if known is not None:
                found[channel] = known
                break
    return found


def answers(connection: Connection, site: str, accounts: Mapping[str, str], as_of_ns: int) -> dict[str, float]:
    """Return person -> median time from the first delivered page to the answer in the 30 days before, in s.

    accounts: user name -> person of the roster. A person without a recorded answer is not part of the result.
    """
    own = journal_table.c
    after = journal.last_before(connection, as_of_ns - EARLIER_NS)
    query = select(own.seq, own.body).where(own.seq > after, own.site == site, own.kind.in_(ANSWERS))
    rows = connection.execute(query.order_by(own.seq.desc()).limit(ANSWERS_MAX)).all()
    events = [journal.entry(row.seq, row.body) for row in rows]
    within = [one for one in events if one.at_ns < as_of_ns + NIGHT_NS]
    first: dict[tuple[str, str], int] = {}
    for one in within:
        person = str(one.facts.get("person") or accounts.get(one.actor, ""))
        if person:
            key = (one.subject, person)
            first[key] = min(one.at_ns, first.get(key, one.at_ns))
    pages = _pages(connection, sorted({hazard for hazard, _ in first}))
    times = defaultdict[str, list[float]](list)
    for (hazard, person), at_ns in first.items():
        paged_ns = min((sent for sent in pages.get((hazard, person), ()) if sent <= at_ns), default=None)
        if paged_ns is not None:
            times[person].append((at_ns - paged_ns) / SECOND_NS)
    return {person: round(median(found), 3) for person, found in times.items()}


def _delivery(connection: Connection, site: str, channel: str, begin_ns: int, end_ns: int) -> Delivery | None:
    own = notices.c
    within = (own.site == site, own.channel == channel, own.created_ns >= begin_ns, own.created_ns < end_ns)
    query = select(own.state, own.created_ns, own.delivered_ns).where(*within, own.state.in_(("sent", "failed")))
    rows = connection.execute(query.order_by(own.created_ns.desc()).limit(DELIVERIES_MAX)).all()
    if not rows:
        return None
    delays = [(row.delivered_ns - row.created_ns) / SECOND_NS for row in rows if row.state == "sent"]
    return Delivery(round(max(0.0, median(delays)), 3) if delays else 0.0, rows[0].state == "sent", len(rows))


def _pages(connection: Connection, hazards: Sequence[str]) -> dict[tuple[str, str], list[int]]:
    """Return (hazard, person) -> times of the delivered pages."""
    own = notices.c
    found = defaultdict[tuple[str, str], list[int]](list)
    query = select(own.hazard, own.body, own.delivered_ns).where(
        own.hazard.in_(hazards), own.state == "sent", own.type.in_(PAGED)
    )
    for row in connection.execute(query):
        for person in row.body.get("to", {}).get("persons", ()):
            found[row.hazard, person].append(int(row.delivered_ns))
    return found
