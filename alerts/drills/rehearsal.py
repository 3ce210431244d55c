"""Silent drill: an escalation on a virtual clock over the records of past nights, without a notice.

The steps, waits and persons are those of `escalations.machine` with the present roster at the supposed time. The
delivery of each message and the answer of each person are those of the records.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from alerts.escalations.machine import Nobody, Skipped, acknowledge, advance
from alerts.escalations.model import RUNNING, SECOND_NS, TAKEN, Acknowledgement, Escalation, Send
from alerts.rosters.model import Chain
from alerts.rosters.reach import Message

LIMIT_S = 900.0
"""Longest time that a silent drill supposes; the last target is shorter."""
CONTACTS_MAX = 300
_DELIVERED, _FAILED, _ANSWERED = range(3)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Recorded deliveries of a channel. delay_s: median of the delivered ones; works: whether the newest arrived."""

    delay_s: float
    works: bool
    count: int


@dataclass(frozen=True, slots=True)
class Contact:
    """One message that a loud drill would send. Times in s after the start; None: not delivered.

    recorded: deliveries of its channel in the records, 0 without one: it counts as delivered at once.
    """

    persons: tuple[str, ...]
    round: int
    step: int
    medium: str
    after_s: float
    delivered_s: float | None
    recorded: int


@dataclass(slots=True)
class Run:
    """Result of a silent drill. answers: person -> s after the start; empty_steps: steps (from 1) without a contact."""

    contacts: list[Contact] = field(default_factory=list)
    answers: dict[str, float] = field(default_factory=dict)
    empty_steps: list[int] = field(default_factory=list)
    taken_s: float | None = None

    def facts(self) -> dict[str, Any]:
        """Return the result as JSON values, without an address."""
        contacts = [asdict(one) | {"persons": list(one.persons)} for one in self.contacts]
        return asdict(self) | {"contacts": contacts}


def rehearse(
    one: Escalation,
    chain: Chain,
    reached: Callable[[int, float], Sequence[Message]],
    deliveries: Mapping[str, Delivery],
    answers: Mapping[str, float],
) -> Run:
    """Return the course of an escalation until it is taken, has ended, or LIMIT_S has passed.

    reached: messages of a step (from 0) at a time in s after the start. deliveries: of each channel with a record;
    answers: person -> recorded time from a delivered message to the acknowledgement, in s.
    """
    return _Rehearsal(one, chain, reached, deliveries, answers).run()


class _Rehearsal:
    def __init__(
        self,
        one: Escalation,
        chain: Chain,
        reached: Callable[[int, float], Sequence[Message]],
        deliveries: Mapping[str, Delivery],
        answers: Mapping[str, float],
    ) -> None:
        self._one, self._chain, self._reached = one, chain, reached
        self._deliveries, self._answers = deliveries, answers
        self._begun_ns = one.step_ns
        self._events: list[tuple[int, int, str, tuple[str, ...]]] = []
        self._states: dict[str, str] = {}
        self._found = Run()

    def run(self) -> Run:
        until_ns = self._begun_ns + int(LIMIT_S * SECOND_NS)
        while self._one.state == RUNNING and len(self._found.contacts) < CONTACTS_MAX:
            now_ns = min(self._one.due_ns, self._events[0][0] if self._events else self._one.due_ns)
            if now_ns > until_ns:
                break
            self._happen(now_ns)
            self._advance(now_ns)
        return self._found

    def _advance(self, now_ns: int) -> None:
        if self._one.state != RUNNING:
            return
        at_s = self._after_s(now_ns)
        after, effects = advance(self._one, now_ns, self._chain, lambda step: self._reached(step, at_s), self._states)
        self._one = after
        for effect in effects:
            if isinstance(effect, Send):
                self._send(effect, now_ns)
            elif isinstance(effect, Skipped) and effect.step + 1 not in self._found.empty_steps:
                self._found.empty_steps.append(effect.step + 1)
            elif isinstance(effect, Nobody):
                return

    def _send(self, send: Send, now_ns: int) -> None:
        known = self._deliveries.get(send.channel, Delivery(0.0, works=True, count=0))
        arrives_ns = now_ns + int(known.delay_s * SECOND_NS)
        self._found.contacts.append(
            Contact(
                persons=send.persons,
                round=send.round + 1,
                step=send.step + 1,
                medium=send.medium,
                after_s=self._after_s(now_ns),
                delivered_s=self._after_s(arrives_ns) if known.works else None,
                recorded=known.count,
            )
        )
        state = _DELIVERED if known.works else _FAILED
        heapq.heappush(self._events, (arrives_ns, state, send.notice_id(self._one.cause), send.persons))

    def _happen(self, now_ns: int) -> None:
        """Apply the deliveries and answers until a time."""
        while self._events and self._events[0][0] <= now_ns and self._one.state == RUNNING:
            at_ns, kind, subject, persons = heapq.heappop(self._events)
            if kind == _ANSWERED:
                self._answer(subject, at_ns)
                continue
            self._states[subject] = "sent" if kind == _DELIVERED else "failed"
            for person in persons if kind == _DELIVERED else ():
                if person in self._answers:
                    answer_ns = at_ns + int(self._answers[person] * SECOND_NS)
                    heapq.heappush(self._events, (answer_ns, _ANSWERED, person, ()))

    def _answer(self, person: str, at_ns: int) -> None:
        if person in self._found.answers:
            return
        self._found.answers[person] = self._after_s(at_ns)
        by = Acknowledgement(person, person, {}, "link", "", at_ns)
        self._one = acknowledge(self._one, by, at_ns)
        if self._one.state == TAKEN:
            self._found.taken_s = self._after_s(at_ns)

    def _after_s(self, at_ns: int) -> float:
        return round((at_ns - self._begun_ns) / SECOND_NS, 3)
