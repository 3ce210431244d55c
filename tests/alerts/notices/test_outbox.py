"""Outbox: notices share the transaction of their cause and are delivered at least once under one id."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from alerts import Actor, Notice, Outbox, Receipt
from alerts.database import rows
from alerts.database.engine import ALARM_LOCK_WAIT_MS, create
from alerts.database.schema import notices
from alerts.notices.outbox import GIVE_UP_NS, OTHERS, PAUSE_S, STALLED_S, TURN, WAIT_NS_MAX, after_attempt
from detectors import Phase
from tests.alerts.sinks import Sink

RAISE, CLEAR = Phase.RAISE, Phase.CLEAR
MINUTE_NS = 60_000_000_000


def deliver(world: Any, outbox: Outbox) -> int:
    """Run one turn of every worker."""
    return sum(outbox.deliver_due(world.now_ns, name) for name in (*(one.name for one in world.channels), OTHERS))


def all_out(world: Any, outbox: Outbox, *, hours: int) -> None:
    """Advance the time in steps of a minute and deliver due notices."""
    for _ in range(hours * 60):
        while deliver(world, outbox):
            pass
        world.now_ns += MINUTE_NS


def test_programs_get_every_event_and_people_only_pages(make_world: Any, seen: Any) -> None:
    """A yellow hazard pages nobody; an orange or red one does."""
    programs, people = Sink("hook", for_programs=True), Sink("phone", for_programs=False)
    world = make_world(channels=(programs, people))
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns)
    world.feed(seen(RAISE, hazard="flood", level=1), seen(RAISE, sensor="smoke-102", at_s=1), seen(CLEAR, at_s=2))
    all_out(world, outbox, hours=1)
    kinds = [notice.type for notice in programs.got if notice.type.startswith("hazard.")]
    assert sorted(kinds) == ["hazard.cleared", "hazard.opened", "hazard.opened"]
    assert [(notice.type, notice.body["grade"]) for notice in people.got] == [("hazard.opened", "red")]


def test_a_page_overtakes_the_rest_of_a_turn(make_world: Any, seen: Any) -> None:
    """A notice that arrives during a turn ends it: the worker selects the highest grade after the present delivery."""
    began, fire = threading.Event(), threading.Event()

    def answer(_notice: Notice) -> Receipt:
        began.set()
        assert fire.wait(10)
        return Receipt(delivered=True)

    sink = Sink("hook", for_programs=True, answer=answer)
    world = make_world(channels=(sink,))
    world.feed(*[seen(RAISE, hazard="flood", level=1, sensor=f"s{number}") for number in range(3)])
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns, commits=world.dispatch.commits)
    outbox.start()
    try:
        assert began.wait(10)
        world.feed(seen(RAISE, sensor="smoke-102"))
        fire.set()
        deadline_s = time.monotonic() + 10
        while len(sink.got) < 2 and time.monotonic() < deadline_s:
            time.sleep(0.01)
    finally:
        fire.set()
        outbox.stop()
    assert [notice.body["grade"] for notice in sink.got[:2]] == ["yellow", "red"]


def test_a_failed_transaction_sends_nothing(make_world: Any, seen: Any) -> None:
    """A rolled-back change has no notice."""
    sink = Sink("hook", for_programs=True)
    world = make_world(channels=(sink,))
    with pytest.raises(KeyError):
        world.feed(seen(RAISE), seen(RAISE, rule="x", hazard="no such hazard"))
    all_out(world, Outbox(world.engine, world.channels, lambda: world.now_ns), hours=1)
    assert sink.got == []


def test_a_receiver_that_fails_a_third_gets_all_under_unchanging_ids(make_world: Any, seen: Any) -> None:
    """Retries repeat id and body; every notice arrives, also after a restart."""
    dice = random.Random(7)  # noqa: S311 - a seeded failure, not a secret
    failing = lambda _: Receipt(delivered=dice.random() >= 0.3, retry=True, error="HTTP 500")  # noqa: E731
    sink = Sink("hook", for_programs=True, answer=failing)
    world = make_world(channels=(sink,))
    for number in range(12):
        world.feed(seen(RAISE, sensor=f"s{number}", at_s=number))
        deliver(world, Outbox(world.engine, world.channels, lambda: world.now_ns))
    all_out(world, Outbox(world.engine, world.channels, lambda: world.now_ns), hours=3)
    hazards = {notice.hazard for notice in sink.got if notice.type == "hazard.opened"}
    assert hazards == {hazard.id for hazard in world.hazards}
    assert max(Counter(notice.id for notice in sink.got).values()) > 1
    bodies: dict[str, object] = {}
    assert all(bodies.setdefault(notice.id, notice.body) == notice.body for notice in sink.got)
    assert {notice.state for notice in _notices(world)} == {"sent"}


def test_a_receiver_that_is_away_for_an_hour_gets_all(make_world: Any, seen: Any) -> None:
    """Retry times grow and still cover an outage of an hour."""
    back_ns: list[int] = []
    sink = Sink("hook", for_programs=True)
    world = make_world(channels=(sink,))
    back_ns.append(world.now_ns + 60 * MINUTE_NS)
    sink.answer = lambda _: Receipt(delivered=world.now_ns >= back_ns[0], error="refused")
    world.feed(seen(RAISE))
    all_out(world, Outbox(world.engine, world.channels, lambda: world.now_ns), hours=3)
    assert {notice.state for notice in _notices(world)} == {"sent"}


def test_a_notice_fails_after_a_day_and_can_be_resent(make_world: Any, seen: Any) -> None:
    """The failure is visible with its error, also in the journal; the resent notice has the same id."""
    sink = Sink("phone", for_programs=False, answer=lambda _: Receipt(delivered=False, error="down"))
    world = make_world(channels=(sink,))
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns)
    world.feed(seen(RAISE))
    all_out(world, outbox, hours=27)
    (failed,) = [notice for notice in _notices(world) if notice.channel == "phone"]
    assert (failed.state, failed.error) == ("failed", "down")
    assert [event.kind for event in world.dispatch.queries.history(failed.id)] == ["notice.failed"]
    sink.answer = lambda _: Receipt(delivered=True)
    outbox.resend(failed.id)
    deliver(world, outbox)
    (sent,) = [notice for notice in _notices(world) if notice.channel == "phone"]
    assert (sent.id, sent.state) == (failed.id, "sent")


def test_a_permanent_failure_is_not_retried(make_world: Any, seen: Any) -> None:
    """A permanent failure ends the delivery."""
    sink = Sink("phone", for_programs=False, answer=lambda _: Receipt(delivered=False, retry=False, error="HTTP 410"))
    world = make_world(channels=(sink,))
    world.feed(seen(RAISE))
    all_out(world, Outbox(world.engine, world.channels, lambda: world.now_ns), hours=2)
    assert len(sink.got) == 1


def test_the_worker_delivers_and_stops(make_world: Any, seen: Any) -> None:
    """The worker is a thread that starts and stops."""
    sink = Sink("phone", for_programs=False)
    world = make_world(channels=(sink,))
    world.feed(seen(RAISE))
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns)
    outbox.start()
    assert outbox.alive()
    for _ in range(500):
        if sink.got:
            break
        outbox._stopping.wait(0.01)
    outbox.stop()
    assert not outbox.alive()
    assert len(sink.got) == 1


def test_the_highest_grade_is_sent_first(make_world: Any, seen: Any) -> None:
    """A fire behind more yellow hazards than one turn is sent before the remaining ones."""
    sink = Sink("hook", for_programs=True)
    world = make_world(channels=(sink,))
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns)
    for number in range(2 * TURN):
        world.feed(seen(RAISE, sensor=f"env-{number}", hazard="flood", level=1, at_s=number))
    deliver(world, outbox)
    before = len(sink.got)
    assert 0 < before <= TURN
    world.now_ns += MINUTE_NS
    world.feed(seen(RAISE, sensor="smoke-102", at_s=99))
    all_out(world, outbox, hours=1)
    [fire] = [n for n, notice in enumerate(sink.got) if (notice.type, notice.body["grade"]) == ("hazard.opened", "red")]
    assert fire == before


def test_a_receiver_that_hangs_delays_no_other(make_world: Any, seen: Any) -> None:
    """Each channel has a worker: people are paged while the webhook hangs."""
    hangs, freed = threading.Event(), threading.Event()

    def hang(_: Notice) -> Receipt:
        hangs.set()
        freed.wait(20)
        return Receipt(delivered=True)

    hook, phone = Sink("a-hook", for_programs=True, answer=hang), Sink("phone", for_programs=False)
    world = make_world(channels=(hook, phone))
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns)
    outbox.start()
    world.feed(seen(RAISE))
    assert hangs.wait(20)
    world.feed(seen(RAISE, site="school-2", at_s=9))
    deadline_s = time.monotonic() + 20
    while len(phone.got) < 2 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    hanging = not freed.is_set()
    freed.set()
    outbox.stop()
    assert (len(phone.got), hanging) == (2, True)


def test_notices_to_a_removed_channel_fail(make_world: Any, seen: Any) -> None:
    """The failure is visible with its reason."""
    world = make_world(channels=(Sink("old", for_programs=True),))
    world.feed(seen(RAISE))
    world.channels = (Sink("new", for_programs=True),)
    all_out(world, Outbox(world.engine, world.channels, lambda: world.now_ns), hours=1)
    gone = {(notice.state, notice.error) for notice in _notices(world) if notice.channel == "old"}
    assert gone == {("failed", "the channel is no longer configured")}


def _notices(world: Any) -> list[Notice]:

    admin = Actor("admin", frozenset(("admin",)))
    found: list[Notice] = world.dispatch.queries.notices(admin, site=None, page=world.everything)
    return found


@given(attempts=st.integers(0, 10_000), age_ns=st.integers(0, 2 * GIVE_UP_NS))
def test_waits_grow_within_bounds_and_end_after_a_day(attempts: int, age_ns: int) -> None:
    """After any number of attempts the next one is at most an hour later, or the notice has failed."""
    notice = Notice("m", "s", "h", "t", "c", "k", 0, {}, "pending", attempts, 0, None, "")
    after = after_attempt(notice, Receipt(delivered=False, error="x"), age_ns)
    assert after.attempts == attempts + 1
    assert after.state == ("failed" if age_ns > GIVE_UP_NS else "pending")
    if after.state == "pending":
        assert 0 < after.next_ns - age_ns <= WAIT_NS_MAX


def test_a_delayed_begin_follows_no_end_where_a_state_is_kept(make_world: Any, seen: Any) -> None:
    """The receiver refuses the begin and takes the end: the retry would open the incident again, for good."""

    class State(Sink):
        keeps_state = True

    def answer(notice: Notice) -> Receipt:
        return Receipt(delivered=notice.type != "hazard.opened" or len(state.got) > 2)

    state = State("pagerduty", for_programs=True, answer=answer)
    history = Sink("hook", for_programs=True, answer=lambda one: Receipt(delivered=one.type != "hazard.opened"))
    world = make_world(channels=(state, history))
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns)
    world.feed(seen(RAISE))
    deliver(world, outbox)
    world.now_ns += 10**9
    world.feed(seen(CLEAR, at_s=1))
    all_out(world, outbox, hours=1)
    kinds = [one.type for one in state.got if one.type.startswith("hazard.")]
    assert (kinds.count("hazard.opened"), kinds[-1]) == (1, "hazard.cleared")
    assert sum(one.type == "hazard.opened" for one in history.got) > 2
    world.feed(seen(RAISE, at_s=4_000))
    all_out(world, outbox, hours=1)
    assert state.got[-1].type in {"hazard.relapsed", "hazard.opened"}


def test_a_worker_that_rests_is_not_stalled() -> None:
    """The pauses between two turns are shorter than the limit of a turn, with time for the turn itself."""
    assert PAUSE_S <= STALLED_S / 2


def test_a_following_process_sends_what_a_killed_one_has_leased(make_world: Any, seen: Any) -> None:
    """The page goes out at once under its id, and a notice that waits for its retry keeps its time."""
    sink = Sink("hook", for_programs=True)
    world = make_world(channels=(sink,))
    world.feed(seen(RAISE))
    killed = Outbox(world.engine, world.channels, lambda: world.now_ns)
    with world.engine.connect() as connection:
        pending = select(notices).where(notices.c.state == "pending", notices.c.channel == "hook")
        due = [rows.record(Notice, row) for row in connection.execute(pending)]
    assert killed._lease(due, world.now_ns) == due
    world.now_ns += 1_000_000_000
    follower = Outbox(world.engine, world.channels, lambda: world.now_ns)
    assert deliver(world, follower) == 0
    follower.start(replaces=True)
    deadline_s = time.monotonic() + 30
    while len(sink.got) < len(due) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    follower.stop()
    assert {notice.id for notice in sink.got} == {notice.id for notice in due}


def test_a_start_waits_for_a_writer_of_another_process(make_world: Any) -> None:
    """The service starts during a write that lasts longer than an alarm waits for the database."""
    world = make_world()
    outbox, other = Outbox(world.engine, world.channels, lambda: world.now_ns), create(world.url)
    with other.begin():
        start = threading.Thread(target=outbox.start, kwargs={"replaces": True})
        start.start()
        start.join(3 * ALARM_LOCK_WAIT_MS / 1e3)
    start.join(30)
    other.dispose()
    assert outbox.alive()
    outbox.stop()
