"""Emergency orders: in force at once, all-clear by two persons, drills marked everywhere."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from alerts import Actor, EmergencyOrder, Forbidden, Invalid, NotFound, Notice, Outbox
from alerts.database import rows
from alerts.database.schema import notices
from alerts.errors import GuardFailed
from detectors import Phase
from tests.alerts.sinks import Sink


@pytest.fixture
def sink() -> Sink:
    """Return a channel."""
    return Sink("people")


@pytest.fixture
def world(make_world: Any, sink: Sink) -> Any:
    """Return a school with one channel to people, and two operators of which one has two accounts."""
    made = make_world(channels=(sink,))
    for name in ("operator", "officer"):
        made.employ(name)
    made.employ("night-operator", "operator", person="operator")
    return made


def give(world: Any, who: Any, **changes: Any) -> EmergencyOrder:
    """Give an evacuation of the dormitory."""
    given = {"site": "school-1", "zone": "dorm", "action": "evacuate", "drill": False, "sound": False, "note": "操场"}
    order: EmergencyOrder = world.dispatch.emergency_orders.give(who, **(given | changes))
    return order


def stored(world: Any) -> list[Notice]:
    """Return the notices to people, oldest first."""
    with world.engine.connect() as connection:
        found = connection.execute(select(notices).where(notices.c.channel == "people").order_by(notices.c.created_ns))
        return [rows.record(Notice, row) for row in found]


def test_an_order_is_in_force_at_once(world: Any, people: Any) -> None:
    """Its notice states the place, the action and the note in both languages."""
    first = give(world, people["operator"])
    (notice,) = stored(world)
    assert (notice.type, notice.body["place"]["en"], notice.body["drill"]) == ("order.evacuate", "dorm", False)
    assert "操场" in notice.body["text"]["zh"]
    assert notice.body["sound"]
    assert [one.id for one in world.dispatch.emergency_orders.list(people["viewer"], active=True)] == [first.id]


def test_a_repeated_order_is_sent_again_and_withdraws_the_all_clear(world: Any, people: Any) -> None:
    """A siren ends after minutes: the second press sounds it again, as the same order."""
    orders, first = world.dispatch.emergency_orders, give(world, people["operator"], drill=True)
    real = give(world, people["operator"])
    orders.clear(real.id, people["operator"])
    again = give(world, people["officer"], note="")
    assert (again.id, again.clear_by, again.note) == (real.id, None, "操场")
    assert again.version > real.version
    assert give(world, people["officer"], drill=True, sound=True).sound
    assert [notice.body["order"] for notice in stored(world)].count(first.id) == 2
    assert [notice.body["order"] for notice in stored(world)].count(real.id) == 2
    assert len(orders.list(people["viewer"], active=True)) == 2


def test_the_all_clear_takes_two_persons(world: Any, people: Any) -> None:
    """Neither the same account nor another account of the same person confirms."""
    orders, order = world.dispatch.emergency_orders, give(world, people["operator"])
    proposed = orders.clear(order.id, people["operator"])
    assert (proposed.state, proposed.clear_by) == ("active", "operator")
    for name in ("operator", "night-operator"):
        with pytest.raises(Forbidden, match="second person"):
            orders.clear(order.id, Actor(name, frozenset(("operator",))))
    assert len(stored(world)) == 1
    ended = orders.clear(order.id, people["officer"])
    assert (ended.state, ended.clear_by, ended.ended_by) == ("ended", "operator", "officer")
    assert [notice.type for notice in stored(world)] == ["order.evacuate", "order.all_clear"]
    with pytest.raises(GuardFailed):
        orders.clear(order.id, people["operator"])


def test_a_withdrawn_all_clear_keeps_the_order(world: Any, people: Any) -> None:
    """The second person sees the danger; a later all-clear needs two persons again."""
    orders, order = world.dispatch.emergency_orders, give(world, people["operator"], zone="", action="lockdown")
    orders.clear(order.id, people["operator"])
    assert orders.keep(order.id, people["officer"]).clear_by is None
    assert orders.clear(order.id, people["officer"]).state == "active"
    assert orders.clear(order.id, people["operator"]).state == "ended"


def test_a_drill_is_another_order_and_ends_by_one_person(world: Any, people: Any) -> None:
    """A drill beside a real order never ends it, and its notices are marked."""
    orders, real = world.dispatch.emergency_orders, give(world, people["operator"])
    drill = give(world, people["operator"], drill=True)
    assert drill.id != real.id
    assert not drill.sound
    assert orders.clear(drill.id, people["operator"]).state == "ended"
    assert [one.id for one in orders.list(people["viewer"], active=True)] == [real.id]
    assert [notice.body["drill"] for notice in stored(world)].count(True) == 2


@pytest.mark.parametrize("who", ["viewer", "fixer", "district"])
def test_others_give_no_orders(world: Any, people: Any, who: str) -> None:
    """Deny by default."""
    with pytest.raises(Forbidden):
        give(world, people[who])


def test_an_order_stays_within_the_sites_of_its_person(world: Any, people: Any) -> None:
    """Giving, ending and listing; unknown sites, zones and actions are refused with the allowed ones."""
    order, own = give(world, people["operator"]), world.employ("guest", "operator", sites=["school-2"])
    orders = world.dispatch.emergency_orders
    with pytest.raises(Forbidden):
        give(world, own)
    with pytest.raises(NotFound):
        orders.clear(order.id, own)
    assert orders.list(own) == []
    for changes in ({"site": "x"}, {"zone": "x"}, {"action": "flee"}):
        with pytest.raises(Invalid, match="one of"):
            give(world, people["operator"], **changes)


def test_an_order_overtakes_every_alarm(world: Any, people: Any, seen: Any, sink: Sink) -> None:
    """Fifty red alarms wait; the order given after them leaves first."""
    rooms = [seen(Phase.RAISE, sensor=f"s{number}", at_s=number) for number in range(50)]
    world.feed(*rooms)
    world.now_ns += 10**10
    give(world, people["operator"])
    Outbox(world.engine, [sink], lambda: world.now_ns).deliver_due(world.now_ns, "people")
    assert sink.got[0].type == "order.evacuate"
    assert len(sink.got) > 1
