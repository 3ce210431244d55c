"""Pages of alarms whose silence has ended: each muted page follows once, unless it was taken."""

from __future__ import annotations

from sqlalchemy import Connection, select

from alerts.database import journal, rows
from alerts.database.evidence_rows import tickets_of
from alerts.database.schema import hazards, muted_pages
from alerts.model import Hazard, Ticket
from alerts.notices.writer import NoticeWriter

from .muting import Muting, forget

RAISED = "hazard.raised"


def release(connection: Connection, notices: NoticeWriter, muting: Muting, *, now_ns: int) -> int:
    """Page the muted alarms that no silence covers any more; return their number."""
    count = 0
    for row in connection.execute(select(muted_pages).order_by(muted_pages.c.at_ns)).all():
        hazard = _hazard(connection, row.hazard)
        waits = hazard is not None and hazard.active and hazard.acknowledged_by is None
        if hazard is None or not waits or hazard.since_ns != row.since_ns:
            forget(connection, row.hazard)
        elif muting.covering(hazard, now_ns) is None:
            forget(connection, row.hazard)
            facts = {**row.facts, "page": True, "unsilenced": row.silence}
            step = journal.append(
                connection,
                at_ns=now_ns,
                actor="system",
                kind=RAISED,
                site=hazard.site,
                subject=hazard.id,
                facts=facts,
            )
            ticket = _ticket(connection, hazard.id)
            notices.hazard(RAISED, hazard, ticket, pages=True, finding=row.finding, step=step, now_ns=now_ns)
            count += 1
    return count


def _hazard(connection: Connection, hazard_id: str) -> Hazard | None:
    row = connection.execute(select(hazards).where(hazards.c.id == hazard_id)).first()
    return rows.record(Hazard, row) if row else None


def _ticket(connection: Connection, hazard_id: str) -> Ticket | None:
    row = connection.execute(tickets_of([hazard_id])).first()
    return rows.record(Ticket, row) if row else None
