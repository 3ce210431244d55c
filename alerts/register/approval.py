"""Approval of an edit of the risk register by a second person."""

from __future__ import annotations

from sqlalchemy import Connection

from alerts.errors import GuardFailed
from alerts.people.access import Actor
from alerts.people.persons import persons

from .records import Entry


def require_other_person(connection: Connection, actor: Actor, entry: Entry) -> None:
    """Raise GuardFailed if the newest edit is the actor's own; two accounts of one person count as one."""
    known = persons(connection, {actor.username, entry.edited_by})
    if known[actor.username] == known[entry.edited_by]:
        raise GuardFailed(
            "four_eyes",
            f"{entry.id} 由您本人修改，须由另一人审批",
            f"you edited {entry.id}; another person approves it",
        )
