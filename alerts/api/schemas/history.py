"""Response schema of the history of a ticket: its journal entries."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

import alerts

from .fields import Body, Both, Count, Time, Username, both, moment


class HistoryEntry(Body):
    """One journal entry of a ticket.

    `fields` is free-form: it holds the fields that the action took, and each action has its own.
    """

    seq: Count
    at: Time | None
    actor: Username
    action: Annotated[str, Field(examples=["close"])]
    name: Both | None
    origin: Annotated[str | None, Field(alias="from", examples=["observing"])]
    to: Annotated[str | None, Field(examples=["closed"])]
    note: Annotated[str | None, Field(examples=["checked on site"])]
    fields: Annotated[dict[str, Any], Field(examples=[{"reason": "repaired", "note": "checked on site"}])]


def history_entry(event: alerts.Event) -> HistoryEntry:
    """Return one journal entry."""
    action = event.kind.partition(".")[2]
    step = alerts.loop().steps.get(action)
    fields = event.facts.get("fields", {})
    return HistoryEntry(
        seq=event.seq,
        at=moment(event.at_ns),
        actor=event.actor,
        action=action,
        name=both(step.name) if step else None,
        origin=event.facts.get("from"),
        to=event.facts.get("to"),
        note=fields.get("note"),
        fields=fields,
    )
