"""Rows of escalations: read, insert and conditional update by version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, insert, select, update

from alerts.database.commits import mark_written
from alerts.database.schema import escalations, hazards, notices
from alerts.model import BLOCKED

from .model import RUNNING, TAKEN, Escalation, from_body, to_body

UNSENT = (notices.c.state == "failed") | ((notices.c.state == "pending") & notices.c.error.startswith(BLOCKED))
"""Notices that the next persons need not wait for: failed, or at a receiver that has blocked this sender."""


def load(connection: Connection, hazard: str) -> Escalation | None:
    """Return the escalation of a hazard, None without one."""
    body = connection.scalar(select(escalations.c.body).where(escalations.c.hazard == hazard))
    return from_body(body) if body else None


def with_code(connection: Connection, code: str) -> Sequence[Escalation]:
    """Return the escalations with this code of an SMS reply, the open ones first.

    One that has ended counts while its hazard is active and nobody has acknowledged it.
    """
    own, is_open = escalations.c, escalations.c.state.in_((RUNNING, TAKEN))
    left = hazards.c.active & hazards.c.acknowledged_by.is_(None)
    found = select(own.body).join(hazards, hazards.c.id == own.hazard).where(own.code == code, is_open | left)
    query = found.order_by(case((is_open, 0), else_=1), own.hazard)
    return [from_body(body) for body in connection.scalars(query)]


def save(connection: Connection, before: Escalation | None, after: Escalation) -> bool:
    """Write the escalation; return whether the row still had the version of `before`. It notifies the escalator."""
    row: dict[str, Any] = {
        "hazard": after.hazard,
        "site": after.site,
        "state": after.state,
        "code": after.code,
        "due_ns": after.due_ns,
        "version": after.version,
        "body": to_body(after),
    }
    mark_written(connection)
    if before is None:
        connection.execute(insert(escalations).values(row))
        return True
    same = (escalations.c.hazard == after.hazard) & (escalations.c.version == before.version)
    return bool(connection.execute(update(escalations).where(same).values(row)).rowcount == 1)
