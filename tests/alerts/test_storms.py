"""Storms of detections: short transactions, no loss, no duplicates, and a fire ahead of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import alerts.dispatch
from alerts import Actor, Notice, Outbox, Receipt
from alerts.dispatch import ROWS_PER_TRANSACTION
from alerts.hazards.lifecycle import HazardLifecycle
from detectors import Phase
from ingest import Priority

RAISE, CHANGE, CLEAR = Phase
ADMIN = Actor("admin", frozenset(("admin",)))
steps = st.lists(
    st.tuples(st.sampled_from(["smoke-101", "smoke-102", "level-1"]), st.sampled_from(Phase), st.integers(1, 3)),
    min_size=1,
    max_size=12,
)


class Cut(Exception):  # noqa: N818 - a simulated crash, no error
    """The death of the process."""


def facts(world: Any) -> tuple[Any, ...]:
    """Return all stored facts in the order of the journal."""
    events = [
        (event.kind, event.subject, event.facts) for event in world.dispatch.queries.events(after=0, limit=10_000)
    ]
    notices = world.dispatch.queries.notices(ADMIN, site=None, page=world.everything)
    return world.hazards, world.tickets, events, sorted((one.id, one.body) for one in notices)


@given(story=steps, dies=st.sets(st.integers(0, 40), max_size=4), rows=st.integers(1, 5))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_interrupted_position_is_resumed(
    make_world: Callable[..., Any], seen: Any, story: list[tuple[str, Phase, int]], dies: set[int], rows: int
) -> None:
    """For any steps and deaths the journal equals that of an uninterrupted run."""
    batch = [seen(phase, sensor=who, level=level, at_s=at) for at, (who, phase, level) in enumerate(story)]
    whole, cut = make_world(), make_world()
    assert whole.feed(*batch) == len(batch)
    take, taken = HazardLifecycle.accept, [0]

    def dying(keeper: HazardLifecycle, observation: Any) -> None:
        take(keeper, observation)
        taken[0] += 1
        if taken[0] - 1 in dies:
            raise Cut

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alerts.dispatch, "ROWS_PER_TRANSACTION", rows)
        patch.setattr(HazardLifecycle, "accept", dying)
        for _ in range(len(dies) + 1):
            cut.reopen()
            try:
                cut.dispatch.apply(cut.batch(*batch), cut.catalog, cursor=1)
            except Cut:
                continue
            break
    assert cut.dispatch.cursor() == whole.dispatch.cursor() == 1
    assert facts(cut) == facts(whole)
    assert cut.dispatch.apply(cut.batch(*batch), cut.catalog, cursor=1) == 0
    make_world.finish()


class Phone:
    """A channel to people: keeps the notices, and sets an event with the first page of a fire."""

    name, for_programs = "phone", False

    def __init__(self) -> None:
        self.kinds: list[tuple[str, str]] = []
        self.rang = threading.Event()

    def deliver(self, notice: Notice) -> Receipt:
        """Keep the notice."""
        self.kinds.append((notice.id, notice.body["kind"]))
        if notice.body["kind"] == "fire":
            self.rang.set()
        return Receipt(delivered=True)


def test_a_fire_timers_and_people_overtake_a_storm(make_world: Callable[..., Any], seen: Any) -> None:
    """While hundreds of sensors become faulty, a fire pages, timers run and a person acts before the last of them.

    Nothing fails by a locked database, every fault becomes one finding, and nothing is sent twice.
    """
    phone, count = Phone(), 20 * ROWS_PER_TRANSACTION
    world = make_world(channels=(phone,))
    faulty = [seen(RAISE, sensor=f"env-{n}", hazard="sensor_fault", rule="fault", level=1) for n in range(count)]
    storm = world.batch(*faulty)
    world.feed(seen(RAISE, sensor="smoke-102", page=False))
    world.employ("fixer")
    [ticket] = world.tickets
    begun, ended, ticked = threading.Event(), threading.Event(), [0]
    take = world.dispatch._accept

    def noted(*arguments: Any) -> None:
        take(*arguments)
        begun.set()

    def ticking() -> None:
        while not ended.wait(0.005):
            world.dispatch.tick(world.now_ns, world.catalog)
            ticked[0] += 1

    world.dispatch._accept = noted
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns, commits=world.dispatch.commits)
    outbox.start()
    with ThreadPoolExecutor(2) as pool:
        applied = pool.submit(world.dispatch.apply, storm, world.catalog, cursor=2)
        timers = pool.submit(ticking)
        assert begun.wait(20)
        world.dispatch.apply(world.batch(seen(RAISE, at_s=1)), world.catalog, cursor=1, lane=Priority.URGENT)
        world.act(ticket, "assign", "officer", fixer="fixer")
        assert phone.rang.wait(20)
        assert not applied.done()
        assert applied.result() == count
        ended.set()
        timers.result()  # raises what a turn of the timers raised
    outbox.stop()
    assert outbox.errors_total == 0
    assert ticked[0] > 1
    assert len(phone.kinds) == len(dict(phone.kinds))
    kinds = [(event.kind, event.facts.get("rule")) for event in world.dispatch.queries.events(after=0, limit=10_000)]
    storms = [at for at, kind in enumerate(kinds) if kind == ("hazard.opened", "fault")]
    fire = [at for at, kind in enumerate(kinds) if kind == ("hazard.opened", "smoke-limit")][-1]
    acted = [at for at, (kind, _) in enumerate(kinds) if kind == "ticket.assign"]
    assert len(storms) == len({one.id for one in world.active_findings() if one.rule == "fault"}) == count
    assert fire < storms[count // 2]
    assert acted
    assert acted[0] < storms[-1]
    assert (world.dispatch.cursor(), world.dispatch.cursor(Priority.URGENT)) == (2, 1)


def test_each_lane_has_its_own_position(world: Any, seen: Any) -> None:
    """The position of one lane does not move the other's."""
    fire = world.batch(seen(RAISE))
    flood = world.batch(seen(RAISE, sensor="level-1", hazard="flood", rule="level"))
    assert world.dispatch.apply(fire, world.catalog, cursor=9, lane=Priority.URGENT) == 1
    assert world.dispatch.apply(flood, world.catalog, cursor=3) == 1
    assert world.dispatch.apply(fire, world.catalog, cursor=9, lane=Priority.URGENT) == 0
    world.reopen()
    assert (world.dispatch.cursor(Priority.URGENT), world.dispatch.cursor()) == (9, 3)
