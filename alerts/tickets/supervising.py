"""Supervision order of a ticket (挂牌督办): opened by a bureau, answered by the school, lifted.

The deadline of the order is the deadline of the ticket. It moves later by an extension alone, which the bureau signs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alerts.model import Ticket

from .case import Case

OPEN, ANSWERED, LIFTED = "open", "answered", "lifted"
ORDER_STATES = (OPEN, ANSWERED, LIFTED)


def order_state(ticket: Ticket) -> str | None:
    """Return the state of the order, None without one. A ticket of an earlier version has a mark and no entries."""
    return ticket.supervision.get("state", OPEN) if ticket.supervised else None


def opened(case: Case, _step: object) -> Mapping[str, Any]:
    """Return the columns of a new order, or of a further demand on a standing one."""
    due_ns = int(case.fields.get("due", case.ticket.due_ns))
    changes = {"supervised": True, "due_ns": due_ns, "overdue": due_ns < case.now_ns}
    return changes | _written(case, "opened", OPEN, due=due_ns)


def answered(case: Case, _step: object) -> Mapping[str, Any]:
    """Return the columns of an order that the school has answered."""
    return _written(case, "answered", ANSWERED)


def returned(case: Case, _step: object) -> Mapping[str, Any]:
    """Return the columns of an order whose answer the bureau has returned."""
    return _written(case, "returned", OPEN)


def lifted(case: Case, _step: object) -> Mapping[str, Any]:
    """Return the columns of a lifted order."""
    return _written(case, "lifted", LIFTED)


def extended(case: Case) -> Mapping[str, Any]:
    """Return the columns of an order whose deadline moves, {} for a ticket without an order."""
    state, proposal = order_state(case.ticket), case.ticket.proposal
    if state is None or state == LIFTED:
        return {}
    asked = {"asked_by": proposal.by} if proposal else {}
    return _written(case, "extended", state, due=int(case.fields["due"]), **asked)


def _written(case: Case, kind: str, state: str, **more: Any) -> dict[str, Any]:
    """Return the order in its new state with one more entry."""
    entry = {"kind": kind, "by": case.actor.username, "at": case.now_ns, "text": case.fields["note"], **more}
    entries = [*case.ticket.supervision.get("entries", ()), entry]
    return {"supervision": {"state": state, "entries": entries}}
