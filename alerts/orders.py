"""Orders of the lists of the alert database, by which their pages are cut."""

from __future__ import annotations

from .database.journal import Event
from .database.keyset import Column, Order
from .database.schema import findings, hazards, notices, standing, tickets
from .database.schema import journal as journal_table
from .model import Finding, Hazard, Notice, Ticket

HAZARD_ORDER: Order[Hazard] = Order(
    "hazards",
    (
        Column(standing, int),
        Column(hazards.c.grade, int),
        Column(hazards.c.opened_ns, int, descending=True),
        Column(hazards.c.id, str),
    ),
    lambda hazard: (
        2 * (not hazard.active) + (hazard.acknowledged_by is not None),
        int(hazard.grade),
        hazard.opened_ns,
        hazard.id,
    ),
)
"""Active before cleared, unacknowledged before acknowledged, then by grade, then the newest first."""

FINDING_ORDER: Order[Finding] = Order(
    "detections",
    (Column(findings.c.decided_ns, int, descending=True), Column(findings.c.id, str)),
    lambda finding: (finding.decided_ns, finding.id),
)
TICKET_ORDER: Order[Ticket] = Order(
    "tickets",
    (Column(tickets.c.opened_ns, int, descending=True), Column(tickets.c.number, str, descending=True)),
    lambda ticket: (ticket.opened_ns, ticket.number),
)
NOTICE_ORDER: Order[Notice] = Order(
    "notices",
    (Column(notices.c.created_ns, int, descending=True), Column(notices.c.id, str)),
    lambda notice: (notice.created_ns, notice.id),
)
AUDIT_ORDER: Order[Event] = Order(
    "audit", (Column(journal_table.c.seq, int, descending=True),), lambda event: (event.seq,)
)
