"""Course of one escalation until now: chain, due effects and their notices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sqlalchemy import Connection, case, select

from alerts.database import rows as records
from alerts.database.evidence_rows import tickets_of
from alerts.database.schema import notices
from alerts.model import Hazard, Notice, Ticket, identity
from alerts.notices.writer import hazard_body
from alerts.risk.registry import Registry
from alerts.rosters.duty import Duty
from alerts.rosters.model import Chain

from . import rows
from .machine import Effect, Nobody, Warned, advance, begin_chain
from .model import ENDED, TAKEN, Escalation, Send
from .pager import Router, step_notice
from .taking import Taking

ENDS = "hazard.acknowledgement_ends"
WARN_ORDER = {"app": 0.0, "email": 0.0, "sms": 0.0}
NO_CHAIN = ""
"""Chain of an escalation while the roster has none for it: every channel to people pages in each round."""
ROUNDS_ACTIVE, ROUNDS_CLEARED = 1_000_000, 3
"""Rounds without a chain, for an active hazard and for a cleared one."""


@dataclass(slots=True)
class Course:
    """An escalation after its due events, with their notices. before: the row that it replaces."""

    before: Escalation
    after: Escalation
    hazard: Hazard
    notices: list[Notice] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)


class Courses:
    """Executes the due events of one escalation within a transaction; the caller stores them."""

    def __init__(self, router: Router, taking: Taking, registry: Registry, wall: Callable[[], int]) -> None:
        """wall: ns since 1970."""
        self._router, self._taking, self._registry, self._wall = router, taking, registry, wall

    def until(self, connection: Connection, hazard: str, now_ns: int, known: Course | None) -> Course | None:
        """Return the course of an escalation until now, None if nothing changes. known: one that is not stored."""
        before = rows.load(connection, hazard)
        if before is None or before.state == ENDED:
            return None
        course = Course(before, before, self._taking.hazard(connection, hazard))
        if known is not None and known.before.version == before.version:
            course.after, course.notices, course.effects = known.after, list(known.notices), list(known.effects)
        one = course.after
        if one.state == TAKEN and not course.hazard.active:
            course.after = one.with_changes(state=ENDED)
            return course
        duty = self._router.duty(connection, before.site)
        one, chain = self._chained(duty, one, course.hazard, now_ns)
        ids = [check.notice for check in one.checks]
        state = case((rows.UNSENT, "failed"), else_=notices.c.state)
        states = dict(connection.execute(select(notices.c.id, state).where(notices.c.id.in_(ids))).all())
        reached = lambda step: self._router.messages(duty, chain, step, one.grade) if duty else []  # noqa: E731 - of this transaction
        course.after, effects = advance(one, now_ns, chain, reached, states)
        if course.after is before:
            return None
        self._fill(connection, course, effects)
        return course

    def _chained(self, duty: Duty | None, one: Escalation, hazard: Hazard, now_ns: int) -> tuple[Escalation, Chain]:
        """Return the escalation with its chain, or with the present one for its hazard, which begins now."""
        chain = self._router.chain_of(duty, one, hazard)
        if chain is None:
            rounds = ROUNDS_ACTIVE if hazard.active else ROUNDS_CLEARED
            one = one if one.chain == NO_CHAIN else one.with_changes(chain=NO_CHAIN, first_round=one.round)
            return one, Chain(one.site, NO_CHAIN, (), rounds=rounds)
        return (one if one.chain == chain.id else begin_chain(one, chain, now_ns)), chain

    def _fill(self, connection: Connection, course: Course, effects: Sequence[Effect]) -> None:
        """Append the effects and their notices."""
        course.effects += effects
        hazard, one = course.hazard, course.after
        row = connection.execute(tickets_of([hazard.id])).first()
        body = hazard_body(hazard, records.record(Ticket, row) if row else None, self._registry, pages=True)
        at_ns = self._wall()
        noticed = partial(
            step_notice, cause=one.cause, kind=one.kind, hazard=hazard, body=body, now_ns=at_ns, code=one.code
        )
        for effect in effects:
            if isinstance(effect, Send):
                course.notices.append(noticed(effect))
            elif isinstance(effect, Nobody):
                course.notices += self._to_all(hazard, one, effect.round, body, at_ns)
            elif isinstance(effect, Warned):
                course.notices += self._warning(connection, hazard, one, body, at_ns)

    def _to_all(
        self, hazard: Hazard, one: Escalation, round_: int, body: Mapping[str, Any], at_ns: int
    ) -> list[Notice]:
        """Return the notices of a round that reaches nobody: to every channel that needs no address."""
        about = (hazard.site, hazard.id, "")
        keys = {
            name: f"msg_{identity(one.cause, 'round', round_, name)}"
            for name in self._router.reach.to_all(one.kind, body)
        }
        return [
            Notice.pending(key, channel=name, type=one.kind, body=body, at_ns=at_ns, about=about)
            for name, key in keys.items()
        ]

    def _warning(
        self, connection: Connection, hazard: Hazard, one: Escalation, body: Mapping[str, Any], at_ns: int
    ) -> list[Notice]:
        """Return the notices to the holder before the end of the acknowledgement."""
        duty = self._router.duty(connection, one.site)
        person = None if duty is None or not hazard.acknowledged_by else duty.roster.person_of(hazard.acknowledged_by)
        if person is None:
            return []
        words = {
            "zh": "您的接手即将到期，请再次确认，否则将重新通知值班人员",
            "en": "your acknowledgement ends soon: acknowledge again, or the persons on duty are paged",
        }
        found = []
        for message in self._router.reach.messages([person], WARN_ORDER):
            send = Send(0, one.round, one.step, *message[1:])
            cause = identity(ENDS, one.cause, one.expires_ns)
            whole = {**body, "text": words}
            found.append(
                step_notice(send, cause=cause, kind=ENDS, hazard=hazard, body=whole, now_ns=at_ns, code=one.code)
            )
        return found
