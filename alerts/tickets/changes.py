"""Changes of a ticket by an action besides its state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from alerts.errors import Invalid
from alerts.model import Ticket
from alerts.people.persons import persons, require_account
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry

from . import supervising
from .case import Case
from .guards import FIVE
from .loop import REQUEST, Step
from .writer import TicketWriter
from .zone_people import person_of

UNPAUSED: Mapping[str, Any] = {"paused_ns": None, "paused_until_ns": None}
REOPENED: Mapping[str, Any] = {
    "fulfilled": False,
    "fulfilment": {},
    "accepted_ns": None,
    "closed_ns": None,
    "close_reason": "",
    "overridden": False,
    "take_due_ns": None,
    "take_late": False,
    **UNPAUSED,
}
"""Columns of a ticket that begins its rectification again."""


class Changes:
    """Computes the changes of each action. Raises Invalid for an account that cannot take the ticket."""

    def __init__(self, connection: Connection, registry: Registry, writer: TicketWriter) -> None:
        self._connection, self._registry, self._writer = connection, registry, writer
        self._by_action: Mapping[str, Callable[[Case, Step], Mapping[str, Any]]] = {
            "grade": self._grade,
            "assign": self._assign,
            "transfer": self._transfer,
            "submit": lambda case, _step: resumed(case.ticket, case.now_ns) if case.ticket.paused_ns else {},
            "take": lambda _case, _step: {"take_due_ns": None},
            "declare_major": lambda case, _step: {
                "major": True, "due_ns": self._sooner(case), **UNPAUSED,
            },
            "fulfil": _fulfil,
            "report": _report,
            "supervise": supervising.opened,
            "answer": supervising.answered,
            "return_answer": supervising.returned,
            "lift": supervising.lifted,
            "accept": lambda case, _step: {"acceptor": case.actor.username, "accepted_ns": case.now_ns},
            "close": lambda case, _step: {
                "closed_ns": case.now_ns, "close_reason": case.fields["reason"], "overridden": case.overridden,
            },
            "mark_false": lambda case, _step: {"closed_ns": case.now_ns, "close_reason": "false_report", **UNPAUSED},
            "merge": lambda case, _step: {"closed_ns": case.now_ns, "close_reason": "merged", **UNPAUSED},
            "reopen": lambda _case, _step: REOPENED,
            "extend": _extend,
            REQUEST: _extend,
            "pause": lambda case, _step: {"paused_ns": case.now_ns, "paused_until_ns": case.fields["until"]},
            "resume": lambda case, _step: resumed(case.ticket, case.now_ns),
        }  # fmt: skip

    def of(self, case: Case, step: Step) -> Mapping[str, Any]:
        """Return the changed columns besides state, version and proposal."""
        change = self._by_action.get(step.action)
        return change(case, step) if change else {}

    def _grade(self, case: Case, _step: Step) -> Mapping[str, Any]:
        if "grade" not in case.fields:
            return {}
        grade = Grade[str(case.fields["grade"]).upper()]
        return {"grade": grade, "due_ns": self._writer.due(case.danger, grade, now_ns=case.ticket.opened_ns)}

    def _sooner(self, case: Case) -> int:
        """Return the deadline of a major danger: it runs by the clock from now, and is never later than before."""
        return min(case.ticket.due_ns, self._writer.due(case.danger, case.ticket.grade, major=True, now_ns=case.now_ns))

    def _assign(self, case: Case, step: Step) -> Mapping[str, Any]:
        ticket, due_ns = case.ticket, case.fields.get("due", case.ticket.due_ns)
        return self._assigned(case, self._fixer(step, ticket, case.fields)) | {
            "due_ns": due_ns,
            "overdue": due_ns < case.now_ns,
        }

    def _transfer(self, case: Case, step: Step) -> Mapping[str, Any]:
        ticket, fixer = case.ticket, self._fixer(step, case.ticket, case.fields)
        known = persons(self._connection, {fixer, *ticket.fixers})
        if known[fixer] in {known[one] for one in ticket.fixers}:
            raise Invalid(
                {"fixer": f"a person who has not had this ticket; {fixer} had it (circular transfer)"},
                zh={"fixer": f"{fixer} 曾负责该工单，不能循环转办"},
            )
        return self._assigned(case, fixer)

    def _assigned(self, case: Case, fixer: str) -> dict[str, Any]:
        fixers = tuple(dict.fromkeys((*case.ticket.fixers, fixer)))
        due_ns = self._writer.take_due(case.danger, case.ticket, now_ns=case.now_ns)
        return {"fixer": fixer, "fixers": fixers, "take_due_ns": due_ns, "take_late": False}

    def _fixer(self, step: Step, ticket: Ticket, values: Mapping[str, Any]) -> str:
        """Return the given fixer or the zone's. Raises Invalid unless it has an account with role and site."""
        zone = self._registry.zones.get((ticket.site, ticket.zone))
        fixer = str(values.get("fixer") or person_of(self._connection, zone, "fixer"))
        if not fixer:
            raise Invalid(
                {"fixer": "is required: this zone has no default fixer"}, zh={"fixer": "必填：本区域没有默认整改责任人"}
            )
        role = next(field.type for field in step.fields if field.name == "fixer").partition(":")[2]
        require_account(self._connection, fixer, role=role, site=ticket.site, field="fixer")
        return fixer


def resumed(ticket: Ticket, now_ns: int) -> Mapping[str, Any]:
    """Return the changes at the end of a pause: the deadline moves by its length."""
    paused_ns = now_ns - (ticket.paused_ns or now_ns)
    take_ns = None if ticket.take_due_ns is None else ticket.take_due_ns + paused_ns
    return {"due_ns": ticket.due_ns + paused_ns, "take_due_ns": take_ns, "paused_ns": None, "paused_until_ns": None}


def _extend(case: Case, _step: Step) -> Mapping[str, Any]:
    return {"due_ns": case.fields["due"], "overdue": False, **supervising.extended(case)}


def _fulfil(case: Case, step: Step) -> Mapping[str, Any]:
    if not case.fields:
        names = [field.name for field in step.fields]
        missing = [name for name in FIVE if name not in case.ticket.fulfilment]
        raise Invalid(
            dict.fromkeys(missing, f"one of {', '.join(names)} is required"),
            zh=dict.fromkeys(missing, "五落实至少填写一项"),
        )
    entries = {name: {"text": text, "by": case.actor.username, "at": case.now_ns} for name, text in case.fields.items()}
    fulfilment = {**case.ticket.fulfilment, **entries}
    return {"fulfilment": fulfilment, "fulfilled": all(name in fulfilment for name in FIVE)}


def _report(case: Case, _step: Step) -> Mapping[str, Any]:
    entry = {"at": case.fields["at"], "note": case.fields["note"], "by": case.actor.username}
    return {"reported": {**case.ticket.reported, case.fields["audience"]: entry}}
