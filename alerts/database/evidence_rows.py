"""Tickets of hazards, by the danger to which each hazard belongs as evidence."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Select, select

from .schema import danger_hazards, tickets


def tickets_of(hazards: Collection[str]) -> Select[Any]:
    """Return a query for the tickets of these hazards, each with the column `evidence`: the hazard."""
    query = select(tickets, danger_hazards.c.hazard.label("evidence"))
    query = query.join(danger_hazards, danger_hazards.c.danger == tickets.c.danger)
    return query.where(danger_hazards.c.hazard.in_(hazards))


def false_hazards() -> Select[Any]:
    """Return a query for the ids of the hazards whose ticket was closed as a false report."""
    query = select(danger_hazards.c.hazard).join(tickets, tickets.c.danger == danger_hazards.c.danger)
    return query.where(tickets.c.close_reason == "false_report")
