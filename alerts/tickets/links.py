"""Links to the tickets of hazards, as a list of hazards shows them."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection

from alerts.database.evidence_rows import tickets_of
from alerts.database.schema import danger_hazards, tickets


class TicketLink(NamedTuple):
    """Id, number and state of a ticket."""

    id: str
    number: str
    state: str


def links_of(connection: Connection, hazards: Collection[str]) -> dict[str, TicketLink]:
    """Return the link of each of these hazards that has a ticket."""
    columns = (danger_hazards.c.hazard, tickets.c.id, tickets.c.number, tickets.c.state)
    found = connection.execute(tickets_of(hazards).with_only_columns(*columns))
    return {hazard: TicketLink(*link) for hazard, *link in found}
