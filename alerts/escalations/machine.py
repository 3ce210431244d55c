"""State machine of an escalation, without database, threads and wall clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from alerts.rosters.model import Chain
from alerts.rosters.reach import Message

from .model import (
    CONFIRM_NS,
    EMPTY_ROUND_NS,
    ENDED,
    HOLD_NS,
    RUNNING,
    SECOND_NS,
    TAKEN,
    Acknowledgement,
    Check,
    Escalation,
    Send,
)

Reached = Callable[[int], Sequence[Message]]
"""Messages of a step (from 0) to the persons on duty now."""
LATE_NS = 5 * SECOND_NS
"""Delay of a step from which its wait counts from the present: a pause of the service uses up no steps."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A step that reaches nobody."""

    step: int


@dataclass(frozen=True, slots=True)
class Nobody:
    """A round that reaches nobody."""

    round: int


@dataclass(frozen=True, slots=True)
class Exhausted:
    """The last round has ended without an acknowledgement."""


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A notice whose delivery failed or is not confirmed in time."""

    notice: str


@dataclass(frozen=True, slots=True)
class Warned:
    """The acknowledgement ends soon."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The acknowledgement has ended."""


@dataclass(frozen=True, slots=True)
class Unproved:
    """Nobody has confirmed an acknowledged alarm in time; the next step begins."""


Effect = Send | Skipped | Nobody | Exhausted | Unconfirmed | Warned | Expired | Unproved


def advance(
    one: Escalation, now_ns: int, chain: Chain, reached: Reached, states: Mapping[str, str]
) -> tuple[Escalation, list[Effect]]:
    """Return the escalation at `now_ns` and the effects until then, in order.

    states: state of each notice with an open check. An effect occurs once: it is part of the returned state.
    """
    effects: list[Effect] = []
    if one.state == TAKEN:
        one = _held(one, now_ns, chain, effects)
    if one.state == RUNNING:
        failed = [check for check in one.checks if states.get(check.notice) == "failed"]
        one = _hastened(one, now_ns, chain, failed, effects)
    while one.state == RUNNING and one.due_ns <= now_ns:
        due_ns = one.due_ns
        if any(send.due_ns == due_ns for send in one.waiting):
            one = _sent(one, now_ns, effects)
        elif due := [check for check in one.checks if check.due_ns == due_ns]:
            left = [check for check in due if states.get(check.notice) != "sent"]
            kept = tuple(check for check in one.checks if check not in due or check in left)
            one = _hastened(one.with_changes(checks=kept), now_ns, chain, left, effects)
        else:
            late = now_ns - one.step_ns > LATE_NS
            one = _step(one.with_changes(step_ns=now_ns) if late else one, chain, reached, effects)
    return one, effects


def acknowledge(one: Escalation, by: Acknowledgement, now_ns: int, *, confirm_s: float = 0.0) -> Escalation:
    """Return the escalation after an acknowledgement; a repeated one renews its time.

    confirm_s: time for a confirmation, from the first acknowledgement on; 0 for none.
    """
    others = tuple(known for known in one.acknowledged if known.by != by.by)
    one = one.with_changes(acknowledged=(*others, by))
    persons = {known.person for known in one.acknowledged}
    if one.complete or (one.state == TAKEN):
        fresh = one.state != TAKEN and confirm_s > 0 and not one.confirmed
        confirm_ns = now_ns + int(confirm_s * SECOND_NS) if fresh else one.confirm_ns
        expires_ns = now_ns + HOLD_NS[one.grade]
        taken = replace(one, state=TAKEN, waiting=(), checks=(), expires_ns=expires_ns, warned=False)
        return replace(taken, confirm_ns=confirm_ns)
    waiting = tuple(send for send in one.waiting if not set(send.persons) <= persons)
    checks = tuple(check for check in one.checks if not set(check.persons) <= persons)
    return replace(one, waiting=waiting, checks=checks)


def confirm(one: Escalation) -> Escalation:
    """Return the escalation after a person has confirmed that the alarm is real."""
    return one if one.confirmed else one.with_changes(confirmed=True, confirm_ns=0)


def release(one: Escalation, now_ns: int) -> Escalation:
    """Return the escalation after its acknowledgement was undone or has ended: a new round begins now."""
    return one.with_changes(
        state=RUNNING,
        round=one.round + 1,
        first_round=one.round + 1,
        step=0,
        step_ns=now_ns,
        reached=False,
        waiting=(),
        checks=(),
        acknowledged=(),
        expires_ns=0,
        warned=False,
        confirm_ns=0,
    )


def begin_chain(one: Escalation, chain: Chain, now_ns: int) -> Escalation:
    """Return the escalation with another chain, which begins with a round now; a held one stays held."""
    one = one.with_changes(chain=chain.id, needed=chain.acknowledgements)
    if one.state != RUNNING:
        return one
    round_ = one.round + 1
    return replace(one, round=round_, first_round=round_, step=0, step_ns=now_ns, reached=False, waiting=(), checks=())


def hasten(one: Escalation, now_ns: int, *, steps: int) -> Escalation:
    """Return the escalation with its next step due now, at the request of a person. steps: of its chain.

    The end of a round is never due sooner: otherwise requests could use up all rounds. Without a next step the same
    object returns.
    """
    if one.state == TAKEN:
        return _passed_on(one, now_ns, steps)
    if one.state == ENDED or one.step >= steps:
        return one
    return one.with_changes(step_ns=min(one.step_ns, now_ns))


def _passed_on(one: Escalation, now_ns: int, steps: int) -> Escalation:
    """Return a taken escalation as a new round that begins with its next step, at least with the last one."""
    return replace(release(one, now_ns), step=max(0, min(one.step, steps - 1)))


def _held(one: Escalation, now_ns: int, chain: Chain, effects: list[Effect]) -> Escalation:
    if one.due_ns > now_ns:
        return one
    if one.confirm_ns and one.confirm_ns <= now_ns:
        effects.append(Unproved())
        return _passed_on(one, min(now_ns, one.confirm_ns), len(chain.steps))
    if not one.warned and one.expires_ns > now_ns:
        effects.append(Warned())
        return one.with_changes(warned=True)
    effects.append(Expired())
    return release(one, min(now_ns, one.expires_ns))


def _sent(one: Escalation, now_ns: int, effects: list[Effect]) -> Escalation:
    """Return the escalation after its earliest message; its confirmation is open from now on."""
    send = min(one.waiting, key=lambda send: send.due_ns)
    effects.append(send)
    check = Check(max(send.due_ns, now_ns) + CONFIRM_NS, send.notice_id(one.cause), send.step, send.persons)
    waiting = tuple(other for other in one.waiting if other is not send)
    paged = tuple(dict.fromkeys((*one.paged, *send.persons)))
    return one.with_changes(waiting=waiting, checks=(*one.checks, check), paged=paged)


def _step(one: Escalation, chain: Chain, reached: Reached, effects: list[Effect]) -> Escalation:
    """Return the escalation after the start of its next step, or after the end of its round."""
    if one.step >= len(chain.steps):
        return _round_ended(one, chain, effects)
    taken = {known.person for known in one.acknowledged}
    messages = [message for message in reached(one.step) if not set(message.persons) <= taken]
    if not messages:
        effects.append(Skipped(one.step))
        return one.with_changes(step=one.step + 1)
    sends = tuple(
        Send(
            one.step_ns + int(message.after_s * SECOND_NS),
            one.round,
            one.step,
            message.medium,
            message.channel,
            message.address,
            message.persons,
        )
        for message in messages
    )
    step_ns = one.step_ns + int(chain.steps[one.step].wait_s * SECOND_NS)
    return one.with_changes(step=one.step + 1, step_ns=step_ns, reached=True, waiting=(*one.waiting, *sends))


def _round_ended(one: Escalation, chain: Chain, effects: list[Effect]) -> Escalation:
    last = one.round + 1 - one.first_round >= chain.rounds
    if last and one.waiting:
        return one.with_changes(step_ns=max(send.due_ns for send in one.waiting))
    if not one.reached:
        effects.append(Nobody(one.round))
    if last:
        effects.append(Exhausted())
        return one.with_changes(state=ENDED, checks=())
    step_ns = one.step_ns + (0 if one.reached else EMPTY_ROUND_NS)
    return one.with_changes(round=one.round + 1, step=0, step_ns=step_ns, reached=False)


def _hastened(one: Escalation, now_ns: int, chain: Chain, checks: Sequence[Check], effects: list[Effect]) -> Escalation:
    """Return the escalation whose next message to the persons of these checks is due now, else its next step.

    The wait of the last step stays: otherwise a channel that always fails would use up all rounds at once.
    """
    for check in checks:
        effects.append(Unconfirmed(check.notice))
        following = min(
            (send for send in one.waiting if send.step == check.step and set(send.persons) & set(check.persons)),
            key=lambda send: send.due_ns,
            default=None,
        )
        left = tuple(other for other in one.checks if other is not check)
        if following is None:
            step_ns = min(one.step_ns, now_ns) if one.step < len(chain.steps) else one.step_ns
            one = one.with_changes(checks=left, step_ns=step_ns)
        else:
            sooner = replace(following, due_ns=min(following.due_ns, now_ns))
            waiting = tuple(sooner if send is following else send for send in one.waiting)
            one = one.with_changes(checks=left, waiting=waiting)
    return one
