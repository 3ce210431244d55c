"""Degraded mode: the copy in memory sends the same pages under the same ids and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from alerts import Actor, FallbackDispatch
from alerts.database.schema import metadata
from detectors import Phase

steps = st.lists(
    st.fixed_dictionaries(
        {
            "phase": st.sampled_from([Phase.RAISE, Phase.RAISE, Phase.CHANGE, Phase.CLEAR]),
            "sensor": st.sampled_from(["smoke-101", "smoke-101b", "smoke-102"]),
            "hazard": st.sampled_from(["fire", "fire", "flood", "battery_low"]),
            "level": st.integers(0, 3),
            "gap_s": st.sampled_from([0, 1, 60, 4_000, 400_000]),
            "late": st.booleans(),
            "drill": st.sampled_from([False, False, False, True]),
        }
    ),
    max_size=14,
)


class Phone:
    """A channel that receives only pages."""

    name, for_programs = "phone", False


class Hook(Phone):
    """A channel that receives everything."""

    name, for_programs = "hook", True


CHANNELS = (Phone(), Hook())
ADMIN = Actor("admin", frozenset(("admin",)))


def copy_of(world: Any, **options: bool) -> FallbackDispatch:
    """Return a copy of the world's present state."""
    return FallbackDispatch(world.engine, world.registry, lambda: world.now_ns, channels=CHANNELS, **options)


def paging(world: Any) -> dict[str, tuple[str, str, str]]:
    """Return the stored notices of paged hazards: id -> (type, hazard, channel)."""
    found = world.dispatch.queries.notices(ADMIN, site=None, page=world.everything)
    paged = {notice.hazard for notice in found if notice.channel == "console"}
    kinds = {"hazard.opened", "hazard.raised", "hazard.relapsed"}
    return {
        notice.id: (notice.type, notice.hazard, notice.channel)
        for notice in found
        if notice.type in kinds and notice.hazard in paged and notice.channel in {"phone", "console"}
    }


def size(world: Any) -> dict[str, int]:
    """Return the number of rows of every table."""
    with world.engine.connect() as connection:
        return {
            table.name: int(connection.scalar(select(func.count()).select_from(table)) or 0)
            for table in metadata.sorted_tables
        }


@given(story=steps, cut=st.integers(0, 14))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pages_from_memory_have_the_ids_of_the_stored_notices(
    make_world: Callable[..., Any], seen: Any, story: list[dict[str, Any]], cut: int
) -> None:
    """For any sequence and any cut the copy yields the pages of the dispatch and leaves the database unchanged."""
    world, at_s, batches = make_world(channels=CHANNELS), 0, []
    for step in story:
        at_s += step["gap_s"]
        batches.append(world.batch(seen(at_s=at_s, **{name: step[name] for name in step if name != "gap_s"})))
    apply = iter(range(1, 100))
    for batch in batches[:cut]:
        world.dispatch.apply(batch, world.catalog, cursor=next(apply))
    before, rows = paging(world), size(world)
    copy = copy_of(world)
    sent = [notice for batch in batches[cut:] for notice in copy.apply(batch, world.catalog)]
    copy.close()
    assert size(world) == rows
    for batch in batches[cut:]:
        world.dispatch.apply(batch, world.catalog, cursor=next(apply))
    later = {number: facts for number, facts in paging(world).items() if number not in before}
    mine = {notice.id: (notice.type, notice.hazard, notice.channel) for notice in sent if notice.channel != "hook"}
    assert mine == later
    assert len({notice.id for notice in sent}) == len(sent)
    assert {notice.channel for notice in sent} <= {"phone", "hook", "console"}
    make_world.finish()


def test_only_pages_are_returned_and_no_ticket_is_created(world: Any, seen: Any) -> None:
    """A yellow hazard, a drill and late evidence page nobody; a fire is marked `from_memory` without a ticket."""
    copy = copy_of(world)
    quiet = world.batch(
        seen(Phase.RAISE, hazard="battery_low", rule="battery", level=1),
        seen(Phase.RAISE, sensor="smoke-102", drill=True),
        seen(Phase.RAISE, sensor="smoke-101b", hazard="flood", late=True),
    )
    assert copy.apply(quiet, world.catalog) == []
    (phone, hook, console) = copy.apply(world.batch(seen(Phase.RAISE)), world.catalog)
    assert [notice.channel for notice in (phone, hook, console)] == ["phone", "hook", "console"]
    assert (phone.body["from_memory"], phone.body["ticket"], phone.ticket) == (True, None, "")
    assert copy.apply(world.batch(seen(Phase.CHANGE, level=3, at_s=1)), world.catalog) == []
    copy.close()


def test_an_existing_ticket_is_named(make_world: Any, seen: Any) -> None:
    """A hazard that relapses in degraded mode keeps its ticket."""
    world = make_world(channels=CHANNELS)
    world.feed(seen(Phase.RAISE), seen(Phase.CLEAR, at_s=10))
    copy = copy_of(world)
    sent = copy.apply(world.batch(seen(Phase.RAISE, at_s=20)), world.catalog)
    assert {(notice.type, notice.body["ticket"]) for notice in sent} == {("hazard.relapsed", world.tickets[0].number)}
    copy.close()


@pytest.mark.parametrize("pending", [True, False])
def test_pending_pages_are_copied_on_request(make_world: Any, seen: Any, pending: bool) -> None:  # noqa: FBT001
    """A stored page that cannot be marked as sent is copied; other notices wait."""
    world = make_world(channels=CHANNELS)
    world.feed(seen(Phase.RAISE))
    copy = copy_of(world, pending=pending)
    wanted = {("hazard.opened", "phone"), ("hazard.opened", "hook")} if pending else set()
    assert {(notice.type, notice.channel) for notice in copy.drain_notices()} == wanted
    assert copy.drain_notices() == []
    copy.close()


def test_memory_does_not_grow_with_time(world: Any, seen: Any) -> None:
    """After hundreds of openings and clearings hazards remain, without journal, notices and findings."""
    copy = copy_of(world)
    for number in range(300):
        copy.apply(world.batch(seen(Phase.RAISE, at_s=number), seen(Phase.CLEAR, at_s=number + 0.5)), world.catalog)
    with copy._engine.connect() as connection:
        rows = {
            name: connection.scalar(select(func.count()).select_from(metadata.tables[name]))
            for name in ("journal", "notices", "findings", "hazards", "tickets")
        }
    assert rows == {"journal": 1, "notices": 0, "findings": 0, "hazards": 1, "tickets": 0}
    copy.close()


def test_an_unreadable_database_gives_an_empty_copy(world: Any, seen: Any) -> None:
    """Without a database a fire still pages under its later id."""
    copy = FallbackDispatch(None, world.registry, lambda: world.now_ns, channels=CHANNELS)
    sent = copy.apply(world.batch(seen(Phase.RAISE)), world.catalog)
    world.feed(seen(Phase.RAISE))
    assert {notice.hazard for notice in sent} == {world.hazards[0].id}
    copy.close()


def test_a_waiting_order_is_copied_with_the_pages(make_world: Any) -> None:
    """A database that turns read-only cannot mark it as sent: memory delivers it under its id."""
    world = make_world(channels=CHANNELS)
    order = {"site": "school-1", "zone": "dorm", "action": "evacuate", "drill": False, "sound": True, "note": ""}
    world.dispatch.emergency_orders.give(world.employ("operator"), **order)
    found = copy_of(world, pending=True).drain_notices()
    assert {(one.type, one.channel) for one in found} == {("order.evacuate", "phone"), ("order.evacuate", "hook")}
    assert copy_of(world).drain_notices() == []
