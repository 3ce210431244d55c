"""State machine of escalations: no step twice, none missed, and none after an acknowledgement."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.escalations.machine import (
    LATE_NS,
    Exhausted,
    Expired,
    Nobody,
    Skipped,
    Unconfirmed,
    Warned,
    acknowledge,
    advance,
    hasten,
    release,
)
from alerts.escalations.model import (
    CONFIRM_NS,
    ENDED,
    HOLD_NS,
    RUNNING,
    SECOND_NS,
    TAKEN,
    WARN_NS,
    Acknowledgement,
    Escalation,
    Send,
    from_body,
    to_body,
)
from alerts.risk.grading import Grade
from alerts.rosters.model import Chain, ChainStep
from alerts.rosters.reach import Message


def chain_of(*waits: float, rounds: int = 3) -> Chain:
    """Return a chain with steps of these lengths in seconds."""
    return Chain("school-1", "c", tuple(ChainStep(wait, persons=("p",)) for wait in waits), rounds=rounds)


def begun(needed: int = 1, grade: Grade = Grade.RED) -> Escalation:
    """Return an escalation that begins at 0."""
    return Escalation("h", "school-1", "c", grade, "cause", "hazard.opened", 1, RUNNING, "1234", 0, needed)


def by(person: str, via: str = "link") -> Acknowledgement:
    """Return an acknowledgement by a person."""
    return Acknowledgement(person, person, {"zh": person, "en": person}, via, "", 0)


@dataclass
class Course:
    """An escalation on a virtual clock, with the times of its effects in seconds."""

    chain: Chain
    one: Escalation = field(default_factory=begun)
    offsets: tuple[float, ...] = (0.0, 60.0, 180.0)
    empty: frozenset[int] = frozenset()
    states: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[float, Any]] = field(default_factory=list)

    def reached(self, step: int) -> list[Message]:
        """Return one message for each offset, to one person of the step."""
        if step in self.empty:
            return []
        mediums = ("app", "sms", "voice")
        return [
            Message(after_s, mediums[number], mediums[number], "", (f"p{step}",))
            for number, after_s in enumerate(self.offsets)
        ]

    def run(self, until_s: float, *, every_s: float = 0.5, confirmed: bool = True, now_s: float = 0.0) -> None:
        """Advance in short turns, each on the state as the database returns it."""
        while now_s <= until_s:
            self.one = from_body(json.loads(json.dumps(to_body(self.one))))
            self.one, effects = advance(self.one, int(now_s * SECOND_NS), self.chain, self.reached, self.states)
            self.seen += [(now_s, effect) for effect in effects]
            if confirmed:
                sent = [effect.notice_id(self.one.cause) for effect in effects if isinstance(effect, Send)]
                self.states |= dict.fromkeys(sent, "sent")
            now_s += every_s

    def sends(self) -> list[tuple[float, int, int, str]]:
        """Return time, round, step and channel of each message."""
        return [(at, one.round, one.step, one.channel) for at, one in self.seen if isinstance(one, Send)]

    def kinds(self) -> list[type]:
        """Return the types of the other effects."""
        return [type(one) for _, one in self.seen if not isinstance(one, Send)]


def expected(chain: Chain, offsets: tuple[float, ...]) -> list[tuple[float, int, int, str]]:
    """Return the messages of a chain that nobody acknowledges, from its definition alone."""
    found, begin_s = [], 0.0
    for round_ in range(chain.rounds):
        for number, step in enumerate(chain.steps):
            mediums = zip(offsets, ("app", "sms", "voice"), strict=False)
            found += [(begin_s + after_s, round_, number, name) for after_s, name in mediums]
            begin_s += step.wait_s
    return sorted(found)


WAITS = st.lists(st.integers(5, 200), min_size=1, max_size=4)


@settings(deadline=None, max_examples=40)
@given(WAITS, st.integers(1, 3), st.sampled_from([(0.0,), (0.0, 0.0, 0.0), (0.0, 60.0, 180.0)]))
def test_each_message_is_sent_once_at_its_time(waits: list[int], rounds: int, offsets: tuple[float, ...]) -> None:
    """Without an acknowledgement the messages are those of the chain, each within a second, then the chain ends."""
    course = Course(chain_of(*waits, rounds=rounds), offsets=offsets)
    wanted = expected(course.chain, offsets)
    course.run(rounds * sum(waits) + 200.0)
    found = sorted(course.sends())
    assert [one[1:] for one in sorted(found, key=lambda one: one[1:])] == sorted(one[1:] for one in wanted)
    at = {one[1:]: one[0] for one in wanted}
    assert all(0 <= one[0] - at[one[1:]] <= 1 for one in found)
    assert course.one.state == ENDED
    assert course.kinds() == [Exhausted]


@settings(deadline=None, max_examples=40)
@given(WAITS, st.floats(0.5, 600), st.booleans())
def test_no_message_begins_after_an_acknowledgement(waits: list[int], ack_s: float, again: bool) -> None:  # noqa: FBT001 - drawn
    """At any moment the waiting messages are gone; its end begins a new round with all steps."""
    course = Course(chain_of(*waits))
    course.run(ack_s)
    if course.one.state != RUNNING:
        return
    before = len(course.sends())
    now_ns = int(ack_s * SECOND_NS)
    course.one = acknowledge(course.one, by("p0"), now_ns)
    assert course.one.state == TAKEN
    if again:
        course.one = acknowledge(course.one, by("p0"), now_ns + 60 * SECOND_NS)
    end_ns = now_ns + HOLD_NS[Grade.RED] + (60 * SECOND_NS if again else 0)
    for late_ns in (1, WARN_NS, end_ns - now_ns - WARN_NS - 1, end_ns - now_ns - 1):
        course.one, effects = advance(course.one, now_ns + late_ns, course.chain, course.reached, course.states)
        assert not [one for one in effects if isinstance(one, Send)]
    round_ = course.one.round
    course.one, effects = advance(course.one, end_ns, course.chain, course.reached, course.states)
    assert Expired() in effects
    assert [one.round for one in effects if isinstance(one, Send)] == [round_ + 1]
    assert before <= len(course.sends()) + 1


def test_the_holder_is_warned_once_before_the_end() -> None:
    """The warning comes 5 min before the end of a red acknowledgement, which is after 30 min."""
    course = Course(chain_of(60))
    course.run(10)
    course.one = acknowledge(course.one, by("p0"), 10 * SECOND_NS)
    course.seen.clear()
    course.run(1_900, every_s=1.0, now_s=11.0)
    at = {type(one): when for when, one in course.seen if not isinstance(one, Send)}
    assert (at[Warned], at[Expired]) == (10 + 1_500, 10 + 1_800)
    assert course.kinds().count(Warned) == 1


def test_a_step_that_reaches_nobody_is_skipped_at_once() -> None:
    """The next step begins at the same moment, and the skip is an effect."""
    course = Course(chain_of(60, 60), offsets=(0.0,), empty=frozenset((0,)))
    course.run(1)
    assert course.sends() == [(0.0, 0, 1, "app")]
    assert course.kinds() == [Skipped]


def test_rounds_that_reach_nobody_last_a_minute_each() -> None:
    """Every round is reported, and the rounds are not used up at once."""
    course = Course(chain_of(60, 60), empty=frozenset((0, 1)))
    course.run(130)
    nobody = [(at, one.round) for at, one in course.seen if isinstance(one, Nobody)]
    assert nobody == [(0.0, 0), (60.0, 1), (120.0, 2)]
    assert course.one.state == ENDED


def test_an_unconfirmed_message_moves_on_after_100_s() -> None:
    """The next channel sends at once instead of after 180 s; the next step follows where there is none."""
    course = Course(chain_of(3_600, 3_600), offsets=(0.0, 180.0), states={})
    course.run(205, confirmed=False)
    assert [(at, step, channel) for at, _, step, channel in course.sends()] == [
        (0.0, 0, "app"),
        (100.0, 0, "sms"),
        (200.0, 1, "app"),
    ]
    assert course.kinds() == [Unconfirmed, Unconfirmed]
    assert CONFIRM_NS == 100 * SECOND_NS


def test_a_failed_message_moves_on_at_once_and_leaves_the_rounds() -> None:
    """Channels that all fail page the whole chain at once, and the wait of its last step stays."""
    course = Course(chain_of(60, 60, rounds=2), offsets=(0.0,))
    for _ in range(20):
        course.one, effects = advance(course.one, SECOND_NS, course.chain, course.reached, course.states)
        course.seen += [(1.0, effect) for effect in effects]
        sent = [effect.notice_id(course.one.cause) for effect in effects if isinstance(effect, Send)]
        course.states |= dict.fromkeys(sent, "failed")
    assert [(round_, step) for _, round_, step, _ in course.sends()] == [(0, 0), (0, 1)]
    assert course.one.state == RUNNING


def test_several_persons_acknowledge_an_evacuation() -> None:
    """The others are paged until the number is complete; a person counts once."""
    course = Course(chain_of(30, 30, 30), one=begun(needed=3), offsets=(0.0, 20.0))
    course.run(5)
    course.one = acknowledge(acknowledge(course.one, by("p0"), 5), by("p0"), 6)
    assert (course.one.state, course.one.takers) == (RUNNING, ("p0",))
    course.run(65, now_s=5.5)
    assert not [one for at, _, step, one in course.sends() if step == 0 and at > 5]
    assert [step for _, _, step, channel in course.sends() if channel == "app"] == [0, 1, 2]
    course.one = acknowledge(acknowledge(course.one, by("p1"), 66), by("p2"), 67)
    assert course.one.state == TAKEN


def test_everybody_acknowledges_where_the_number_is_0() -> None:
    """All paged persons must acknowledge."""
    course = Course(chain_of(30, 30), one=begun(needed=0), offsets=(0.0,))
    course.run(31)
    course.one = acknowledge(course.one, by("p0"), 0)
    assert course.one.state == RUNNING
    assert acknowledge(course.one, by("p1"), 0).state == TAKEN


def test_a_person_passes_on() -> None:
    """The next step begins now; a holder who passes on releases the alarm; a round is not shortened."""
    course = Course(chain_of(600, 600), offsets=(0.0,))
    course.run(1)
    course.one = hasten(course.one, SECOND_NS, steps=2)
    course.run(2, now_s=1.5)
    assert [step for _, _, step, _ in course.sends()] == [0, 1]
    assert hasten(course.one, 2 * SECOND_NS, steps=2) is not None
    assert hasten(course.one, 2 * SECOND_NS, steps=2).step_ns == course.one.step_ns
    assert hasten(course.one, 2 * SECOND_NS, steps=2) is course.one
    held = acknowledge(course.one, by("p1"), 3 * SECOND_NS)
    passed = hasten(held, 4 * SECOND_NS, steps=2)
    assert (passed.state, passed.step, passed.acknowledged) == (RUNNING, 1, ())
    assert release(held, 0).round == held.round + 1


@settings(deadline=None, max_examples=40)
@given(WAITS, st.integers(1, 3), st.floats(0, 300), st.floats(6, 100_000))
def test_a_pause_uses_up_no_step(waits: list[int], rounds: int, run_s: float, pause_s: float) -> None:
    """After a pause in which turns failed, one step begins, and the next one after its whole wait.

    A delay below the limit keeps the times of the next steps: then only the first turn is looked at.
    """
    course = Course(chain_of(*waits, rounds=rounds), offsets=(0.0,))
    course.run(run_s)
    if course.one.state != RUNNING:
        return
    before, next_s = len(course.sends()), course.one.step_ns / SECOND_NS
    back_s = run_s + pause_s
    course.run(back_s + (3 if back_s - next_s > LATE_NS / SECOND_NS else 0), now_s=back_s)
    begun_now = course.sends()[before:]
    assert len(begun_now) <= 1
    assert course.one.state == RUNNING or (next_s <= back_s and begun_now == [])
    if begun_now and back_s - next_s > LATE_NS / SECOND_NS:
        (at, _, step, _) = begun_now[0]
        assert course.one.step_ns == int(at * SECOND_NS) + waits[step] * SECOND_NS


def test_a_pause_in_rounds_that_reach_nobody_uses_up_no_round() -> None:
    """After the pause one round is reported, and the next one a minute later."""
    course = Course(chain_of(60), empty=frozenset((0,)))
    course.run(1)
    course.run(1_059, now_s=1_000)
    assert [one.round for _, one in course.seen if isinstance(one, Nobody)] == [0, 1]
    assert course.one.state == RUNNING
