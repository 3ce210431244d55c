"""Routes of pages by rosters: start of an escalation in the transaction of its hazard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection

from alerts.database import rows as records
from alerts.database.schema import notices
from alerts.errors import RosterError
from alerts.model import Hazard, Notice, identity
from alerts.risk.causes import causes
from alerts.risk.grading import Grade
from alerts.rosters.duty import Duty
from alerts.rosters.model import Chain
from alerts.rosters.reach import Message, Reach
from alerts.rosters.store import Rosters

from . import rows
from .clock import EscalationClock
from .machine import release
from .model import RUNNING, SECOND_NS, Escalation, Send
from .taking import Taking

CODE_DIGITS = 4
CODES = 10**CODE_DIGITS
UNCOMPUTED = (ArithmeticError, LookupError, TypeError, ValueError)
"""Errors of a roster with values that its reader should have refused."""


class Router:
    """Rosters and channels of an installation: chain of a hazard, messages of its steps."""

    def __init__(self, rosters: Rosters, reach: Reach, clock: Callable[[], int]) -> None:
        """clock: wall clock, which selects the persons on duty."""
        self.rosters, self.reach, self._clock = rosters, reach, clock

    def duty(self, connection: Connection, site: str) -> Duty | None:
        """Return the persons on duty of a site; None without a roster, or with one that cannot be read."""
        try:
            return self.rosters.duty(connection, site)
        except RosterError as error:
            structlog.get_logger(part="rosters").error("the roster cannot be read", site=site, error=str(error)[:500])
            return None

    def chain(self, duty: Duty, hazard: Hazard, grade: Grade) -> Chain | None:
        """Return the chain for a page of this grade, None without one."""
        kinds = (hazard.kind, causes()[hazard.kind].name)
        return duty.roster.chain(grade=grade, kinds=kinds, zone=hazard.zone)

    def steps(self, connection: Connection, one: Escalation, hazard: Hazard) -> int:
        """Return the number of steps of an escalation's chain, 0 if the roster has none for it."""
        chain = self.chain_of(self.duty(connection, one.site), one, hazard)
        return 0 if chain is None else len(chain.steps)

    def chain_of(self, duty: Duty | None, one: Escalation, hazard: Hazard) -> Chain | None:
        """Return the chain of an escalation, or the present one for its hazard if the roster has it no longer."""
        if duty is None:
            return None
        same = next((chain for chain in duty.roster.chains if chain.id == one.chain), None)
        return same or self.chain(duty, hazard, one.grade)

    def confirm_s(self, connection: Connection, one: Escalation, hazard: Hazard) -> float:
        """Return the time in which somebody must confirm an acknowledged alarm, 0.0 without one."""
        chain = self.chain_of(self.duty(connection, one.site), one, hazard)
        return 0.0 if chain is None else chain.confirm_s

    def messages(self, duty: Duty, chain: Chain, step: int, grade: Grade) -> list[Message]:
        """Return the messages of a step (from 0) to the persons on duty now; none if these cannot be determined."""
        try:
            members = duty.members(chain.steps[step], self._clock())
        except UNCOMPUTED:
            log = structlog.get_logger(part="rosters")
            log.exception("the persons on duty cannot be determined", site=duty.roster.site, chain=chain.id, step=step)
            return []
        return self.reach.messages(members, duty.roster.order(grade))

    def on_duty(self, duty: Duty, order: Mapping[str, float]) -> list[Message]:
        """Return one message to each address of everybody on duty now at any post of a site, and of its deputies."""
        try:
            names = [name for post in duty.roster.posts for name in duty.on_duty(post, self._clock())]
        except UNCOMPUTED:
            names = list(duty.roster.persons)
        persons = [duty.roster.persons[name] for name in dict.fromkeys(names)]
        return [one for one in self.reach.messages(persons, order) if one.address]

    def now_ns(self) -> int:
        """Return the time of the wall clock."""
        return self._clock()

    def later(self, duty: Duty) -> set[str]:
        """Return the channels to people that a contact of the roster names."""
        return self.reach.named(duty.roster.persons.values())


class Escalations:
    """Starts escalations. It is the `Pager` of the stored alerts."""

    def __init__(
        self,
        router: Router,
        clock: EscalationClock,
        taking: Taking,
        ask: Callable[[Connection, Hazard, Mapping[str, Any]], None] = lambda *_: None,
    ) -> None:
        """ask: requests persons on duty to look at an early finding."""
        self.router, self.clock, self._taking, self.ask = router, clock, taking, ask

    def page(self, connection: Connection, hazard: Hazard, kind: str, cause: str, body: Mapping[str, Any]) -> set[str]:
        """Start or renew the escalation of a page; return the channels to people that do not page at once.

        A page that begins the chain again ends the acknowledgement: its holder has not confirmed the graver grade.
        """
        duty = self.router.duty(connection, hazard.site)
        if duty is None:
            return set()
        grade = Grade(hazard.paged_grade)
        if grade is Grade.BLUE:
            return set(self.router.reach.broadcast)
        chain = self.router.chain(duty, hazard, grade)
        if chain is None:
            for notice in _to_duty(self.router, duty, hazard, kind=kind, cause=cause, body=body):
                records.add(connection, notices, notice)
            return set()
        before = rows.load(connection, hazard.id)
        after = self._renewed(connection, duty, chain, hazard, before, cause=cause, kind=kind)
        rows.save(connection, before, after)
        if hazard.acknowledged_by is not None and not after.acknowledged:
            self._taking.released(connection, hazard, actor="system", kind="hazard.unacknowledged")
        self.clock.save(connection)
        return self.router.later(duty)

    def _renewed(
        self,
        connection: Connection,
        duty: Duty,
        chain: Chain,
        hazard: Hazard,
        before: Escalation | None,
        *,
        cause: str,
        kind: str,
    ) -> Escalation:
        now_ns, grade = self.clock.now_ns(connection), Grade(hazard.paged_grade)
        if before is None:
            code = _code(connection, hazard.id)
            return Escalation(
                hazard=hazard.id,
                site=hazard.site,
                chain=chain.id,
                grade=grade,
                cause=cause,
                kind=kind,
                since_ns=hazard.since_ns,
                state=RUNNING,
                code=code,
                step_ns=now_ns,
                needed=chain.acknowledgements,
            )
        same = before.state == RUNNING and before.since_ns == hazard.since_ns
        if same and before.chain == chain.id and before.grade <= grade:
            paged = [duty.roster.persons[name] for name in before.paged if name in duty.roster.persons]
            order = {medium: 0.0 for medium, after_s in duty.roster.order(grade).items() if after_s == 0}
            step = max(0, before.step - 1)
            more = _sends(self.router.reach.messages(paged, order), now_ns, before.round, step)
            return before.with_changes(cause=cause, kind=kind, waiting=(*before.waiting, *more))
        return replace(
            release(before, now_ns),
            chain=chain.id,
            grade=grade,
            cause=cause,
            kind=kind,
            since_ns=hazard.since_ns,
            state=RUNNING,
            needed=chain.acknowledgements,
            round=0,
            first_round=0,
            paged=before.paged if same else (),
            seen=before.seen if same else (),
            confirmed=same and before.confirmed,
        )


class MemoryPager:
    """Pages all persons of all steps at once: degraded mode can store no step. It is the `Pager` of a copy."""

    def __init__(self, router: Router, clock: Callable[[], int]) -> None:
        self._router, self._clock = router, clock

    def page(self, connection: Connection, hazard: Hazard, kind: str, cause: str, body: Mapping[str, Any]) -> set[str]:
        """Add the notices of all steps under the ids that the stored escalation gives them."""
        duty = self._router.duty(connection, hazard.site)
        grade = Grade(hazard.paged_grade)
        chain = None if duty is None or grade is Grade.BLUE else self._router.chain(duty, hazard, grade)
        if duty is None or grade is Grade.BLUE:
            return set()
        if chain is None:
            for notice in _to_duty(self._router, duty, hazard, kind=kind, cause=cause, body=body):
                records.add(connection, notices, notice)
            return set()
        seen: set[tuple[str, str]] = set()
        for step in range(len(chain.steps)):
            messages = self._router.messages(duty, chain, step, grade)
            for send in _sends(messages, 0, 0, step):
                if (send.channel, send.address) not in seen:
                    seen.add((send.channel, send.address))
                    note = step_notice(send, cause=cause, kind=kind, hazard=hazard, body=body, now_ns=self._clock())
                    records.add(connection, notices, note)
        return {channel for channel, _ in seen}

    def ask(self, connection: Connection, hazard: Hazard, body: Mapping[str, Any]) -> None:
        """Ask nobody: degraded mode sends pages alone."""


def step_notice(
    send: Send,
    *,
    cause: str,
    kind: str,
    hazard: Hazard,
    body: Mapping[str, Any],
    now_ns: int,
    code: str = "",
) -> Notice:
    """Return the notice of one message of a step. code: of the alarm, for an SMS reply."""
    to: dict[str, Any] = {"address": send.address, "medium": send.medium, "persons": list(send.persons)}
    to |= {"round": send.round, "step": send.step + 1, "since_ns": hazard.since_ns}
    reply = {"code": f"4 {code}" if code else "", "link": ""}
    about = (hazard.site, hazard.id, "")
    key = send.notice_id(cause)
    whole = {**body, "to": to, "reply": reply}
    return Notice.pending(key, channel=send.channel, type=kind, body=whole, at_ns=now_ns, about=about)


def _to_duty(
    router: Router, duty: Duty, hazard: Hazard, *, kind: str, cause: str, body: Mapping[str, Any]
) -> list[Notice]:
    """Return the notices of a page without a chain to the addresses of everybody on duty, at once and once."""
    order, now_ns = duty.roster.order(Grade(hazard.paged_grade)), router.now_ns()
    found = []
    for one in router.on_duty(duty, order):
        key = f"msg_{identity(cause, 'duty', one.channel, one.address)}"
        to = {"address": one.address, "medium": one.medium, "persons": list(one.persons), "since_ns": hazard.since_ns}
        about, whole = (hazard.site, hazard.id, ""), {**body, "to": to}
        found.append(Notice.pending(key, channel=one.channel, type=kind, body=whole, at_ns=now_ns, about=about))
    return found


def _sends(messages: Iterable[Message], now_ns: int, round_: int, step: int) -> Sequence[Send]:
    return [
        Send(now_ns + int(one.after_s * SECOND_NS), round_, step, one.medium, one.channel, one.address, one.persons)
        for one in messages
    ]


def _code(connection: Connection, hazard: str) -> str:
    """Return the code of an alarm, from its id, that no open alarm has."""
    first = int(identity("code", hazard), 16) % CODES
    for shift in range(CODES):
        code = f"{(first + shift) % CODES:0{CODE_DIGITS}d}"
        if not rows.with_code(connection, code):
            return code
    return ""
