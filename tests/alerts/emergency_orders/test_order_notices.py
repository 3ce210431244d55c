"""Devices sound while an order stands, not after its end; all contacts receive orders."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select
from sqlalchemy.exc import OperationalError

from alerts import EmergencyOrder, GuardFailed, MemoryOutbox, Notice, Outbox, Receipt, SentIds
from alerts.database import rows
from alerts.database.schema import notices
from alerts.emergency_orders.repeats import REPEAT_NS
from tests.processes.waiting import until

ZONES = ("dorm", "pond", "")


@dataclass
class Device:
    """A siren of some zones. sounding: its present tone, drill or real, "" for none."""

    name: str
    zones: tuple[str, ...]
    for_programs: bool = True
    sounds: bool = True
    sounding: str = ""
    broken: bool = False
    got: list[Notice] = field(default_factory=list)

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether the notice is an order for one of the zones."""
        del pages
        return kind.startswith("order.") and (not self.zones or not body["zone"] or body["zone"] in self.zones)

    def deliver(self, notice: Notice) -> Receipt:
        """Obey the order."""
        if self.broken:
            return Receipt(delivered=False, error="not confirmed")
        self.got.append(notice)
        if notice.body["sound"]:
            tone = "drill" if notice.body["drill"] else "real"
            self.sounding = "" if notice.body["action"] == "all_clear" else tone
        return Receipt(delivered=True)


def everything() -> list[Device]:
    """Return a device of one zone, of the other, and of the whole site."""
    return [Device("dorm-siren", ("dorm",)), Device("pond-siren", ("pond",)), Device("site-siren", ())]


def give(world: Any, who: Any, **changes: Any) -> EmergencyOrder:
    """Give an evacuation of the dormitory."""
    order = {"site": "school-1", "zone": "dorm", "action": "evacuate", "drill": False, "sound": True, "note": ""}
    made: EmergencyOrder = world.dispatch.emergency_orders.give(who, **(order | changes))
    return made


def end(world: Any, order: EmergencyOrder) -> None:
    """End an order by two persons; a drill by the first."""
    orders = world.dispatch.emergency_orders
    if orders.clear(order.id, world.first).state == "active":
        orders.clear(order.id, world.second)


def deliver(world: Any) -> None:
    """Deliver all that is due."""
    world.now_ns += 3_600 * 10**9
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns)
    for channel in world.channels:
        while outbox.deliver_due(world.now_ns, channel.name):
            pass


@pytest.fixture
def sirens(make_world: Any) -> Any:
    """Return a school with sirens and two operators."""
    world = make_world(channels=everything())
    world.first, world.second = world.employ("operator"), world.employ("officer")
    return world


def test_the_end_of_a_drill_silences_no_real_evacuation(sirens: Any) -> None:
    """One person ends a sounding drill beside a real order: the siren receives the real order again."""
    give(sirens, sirens.first)
    drill = give(sirens, sirens.second, zone="", drill=True)
    deliver(sirens)
    assert [device.sounding for device in sirens.channels] == ["real", "drill", "real"]
    end(sirens, drill)
    deliver(sirens)
    assert [device.sounding for device in sirens.channels] == ["real", "", "real"]
    assert sirens.channels[0].got[-1].type == "order.evacuate"


def test_the_end_of_a_zone_keeps_the_order_of_the_site(sirens: Any) -> None:
    """The siren of the zone sounds on; its people still receive the all-clear of the zone."""
    give(sirens, sirens.first, zone="")
    zone = give(sirens, sirens.first)
    deliver(sirens)
    end(sirens, zone)
    deliver(sirens)
    assert [device.sounding for device in sirens.channels] == ["real"] * 3


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["give", "end"]), st.sampled_from(ZONES), st.booleans(), st.booleans()), max_size=8
    )
)
def test_a_device_sounds_exactly_while_an_order_for_it_stands(sirens: Any, steps: list[Any]) -> None:
    """In every sequence of orders, drills, ends and failed deliveries: real before drill, silence at the end."""
    world, standing = sirens, dict[tuple[str, bool], EmergencyOrder]()
    for step, zone, drill, broken in steps:
        for device in world.channels:
            device.broken = broken
        if step == "give":
            standing[zone, drill] = give(world, world.first, zone=zone, drill=drill)
        elif (zone, drill) in standing:
            end(world, standing.pop((zone, drill)))
        deliver_once(world)
    for device in world.channels:
        device.broken = False
    deliver(world)
    for device in world.channels:
        here = [drill for zone, drill in standing if not zone or not device.zones or zone in device.zones]
        assert device.sounding == ("" if not here else "drill" if all(here) else "real")
    for order in standing.values():
        end(world, order)
    deliver(world)
    assert [device.sounding for device in world.channels] == ["", "", ""]


def deliver_once(world: Any) -> None:
    """Attempt each due notice once."""
    world.now_ns += 10**9
    outbox = Outbox(world.engine, world.channels, lambda: world.now_ns)
    for channel in world.channels:
        outbox.deliver_due(world.now_ns, channel.name)


def test_no_siren_sounds_after_the_all_clear(sirens: Any) -> None:
    """The siren was offline: the waiting order is withdrawn at its end, and a person cannot resend it either."""
    order = give(sirens, sirens.first)
    for device in sirens.channels:
        device.broken = True
    deliver_once(sirens)
    end(sirens, order)
    for device in sirens.channels:
        device.broken = False
    deliver(sirens)
    assert {notice.type for device in sirens.channels for notice in device.got} == {"order.all_clear"}
    with sirens.engine.begin() as connection:
        begun = notices.c.type == "order.evacuate"
        states = set(connection.scalars(select(notices.c.state).where(begun, notices.c.channel != "console")))
        connection.execute(notices.update().where(begun).values(state="failed"))
        known = [rows.record(Notice, row) for row in connection.execute(select(notices).where(begun))]
    assert states == {"withdrawn"}
    outbox = Outbox(sirens.engine, sirens.channels, lambda: sirens.now_ns)
    for notice in known:
        outbox.resend(notice.id)
    deliver(sirens)
    assert {notice.type for device in sirens.channels for notice in device.got} == {"order.all_clear"}
    with pytest.raises(GuardFailed):
        sirens.dispatch.emergency_orders.clear(order.id, sirens.first)


@dataclass
class Personal:
    """A channel to the addresses of persons, with a choice of notices."""

    name: str
    medium: str
    orders: bool = True
    for_programs: bool = False
    got: list[Notice] = field(default_factory=list)

    def accepts(self, kind: str, body: Mapping[str, Any], *, pages: bool) -> bool:
        """Return whether it receives orders."""
        del body, pages
        return self.orders and kind.startswith("order.")

    def deliver(self, notice: Notice) -> Receipt:
        """Keep the notice."""
        self.got.append(notice)
        return Receipt(delivered=True)


PERSONS = [
    {"id": "li", "name_en": "Li", "contacts": {"sms": "+8613800000001", "voice": "13800000001"}},
    {"id": "wang", "name_en": "Wang", "contacts": {"sms": "+8613800000002", "email": "wang@school.example"}},
    {"id": "zhao", "name_en": "Zhao", "contacts": {"sms": "+8613800000002"}},
]


def test_an_order_and_its_all_clear_reach_every_contact_of_the_roster(make_world: Any) -> None:
    """Each address once, whether on duty or not; a channel that receives no orders gets none."""
    channels = [Personal("sms", "sms"), Personal("voice", "voice"), Personal("mail", "email", orders=False)]
    world = make_world(channels=channels)
    world.first, world.second = world.employ("operator"), world.employ("officer")
    world.dispatch.escalating.rosters.put(world.first, "school-1", {"person": PERSONS}, version=None)
    end(world, give(world, world.first))
    give(world, world.first, site="school-2")
    deliver(world)
    reached = [[(one.type, one.body["to"]["address"]) for one in channel.got] for channel in channels]
    numbers = ["+8613800000001", "+8613800000002"]
    assert sorted(reached[0]) == [("order.all_clear", number) for number in numbers]
    assert (reached[1], reached[2]) == ([("order.all_clear", "13800000001")], [])
    give(world, world.first)
    deliver(world)
    sent = [(one.type, tuple(one.body["to"]["persons"])) for one in channels[0].got[2:]]
    assert sorted(sent) == [("order.evacuate", ("li",)), ("order.evacuate", ("wang", "zhao"))]
    assert len({one.id for one in itertools.chain(*(channel.got for channel in channels))}) == 6


@pytest.fixture
def memory(sirens: Any) -> Iterator[tuple[MemoryOutbox, Outbox]]:
    """Return a running outbox in memory and the outbox of the database, which share the ids of sent notices."""
    delivered = SentIds()
    outbox = MemoryOutbox(sirens.channels, lambda: sirens.now_ns, delivered=delivered)
    sirens.dispatch.emergency_orders.connect(outbox)
    outbox.start()
    yield outbox, Outbox(sirens.engine, sirens.channels, lambda: sirens.now_ns, delivered=delivered)
    outbox.stop()


@pytest.mark.parametrize("readable", [True, False])
def test_an_order_sounds_while_the_database_cannot_store_it(sirens: Any, memory: Any, *, readable: bool) -> None:
    """It is sent at once from memory, listed, stored later under the same ids, sent once, and ended as any other."""
    orders = sirens.dispatch.emergency_orders
    with locked(sirens, readable=readable):
        order = give(sirens, sirens.first)
        until(lambda: sirens.channels[0].sounding == "real", timeout_s=10, what="the siren")
        assert give(sirens, sirens.second) == order  # a second press within 10 s
        sirens.now_ns += REPEAT_NS
        again = give(sirens, sirens.second)
        assert (again.id, again.version) == (order.id, 2)
        until(lambda: len(sirens.channels[0].got) == 2, timeout_s=10, what="the repeat")
        with pytest.raises(OperationalError):
            orders.clear(order.id, sirens.first)
    assert orders.list(sirens.first, active=True) == [again]
    assert (orders.settle(), orders.settle()) == (1, 0)
    assert orders.list(sirens.first, active=True) == [again]
    assert memory[1].deliver_due(sirens.now_ns, "dorm-siren") == 1
    assert len(sirens.channels[0].got) == 2
    end(sirens, order)
    assert memory[1].deliver_due(sirens.now_ns, "dorm-siren") == 1
    assert sirens.channels[0].sounding == ""


def test_an_order_in_memory_is_dropped_at_its_end(sirens: Any, memory: Any) -> None:
    """The siren was offline while memory retried; it returns after the all-clear and stays silent."""
    for device in sirens.channels:
        device.broken = True
    with locked(sirens, readable=True):
        order = give(sirens, sirens.first)
        until(lambda: memory[0].waiting == 2, timeout_s=10, what="the attempts")
    end(sirens, order)
    for device in sirens.channels:
        device.broken = False
    sirens.now_ns += 3_600 * 10**9
    until(lambda: memory[0].waiting == 0, timeout_s=10, what="the end of the retries")
    assert [device.got for device in sirens.channels] == [[], [], []]


@contextmanager
def locked(world: Any, *, readable: bool) -> Iterator[None]:
    """Let every transaction fail, or every write transaction, as under the lock of another process."""

    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get("writes", True) or not readable:
            raise OperationalError("BEGIN", {}, sqlite3.OperationalError("database is locked"))

    event.listen(world.engine, "begin", begin)
    yield
    event.remove(world.engine, "begin", begin)
