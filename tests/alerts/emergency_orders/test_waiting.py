"""Orders that wait for the database: on disk before they are sent, stored once after a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.exc import DatabaseError, OperationalError

from alerts import EmergencyOrder
from alerts.emergency_orders.waiting import AGE_NS_MAX, WaitingOrders


class Memory:
    """An outbox in memory that records whether the order was on disk when its notices came."""

    def __init__(self, file: Path) -> None:
        self.file, self.on_disk = file, list[bool]()

    def send(self, notices: Any) -> None:
        """Record the state of the file."""
        assert list(notices)
        self.on_disk.append(self.file.exists())

    def end_order(self, order: str) -> None:
        """Do nothing."""


def locked(connection: Any) -> None:
    """Refuse a transaction, as under the lock of another process."""
    del connection
    raise OperationalError("BEGIN", {}, Exception("database is locked"))


def test_an_order_from_memory_outlives_a_kill(make_world: Any, tmp_path: Path) -> None:
    """It is on disk before its first notice; the next process lists it at once and stores it once."""
    world, file = make_world(), tmp_path / "orders.json"
    person = world.employ("operator")
    memory = Memory(file)
    world.dispatch.emergency_orders.connect(memory, file)
    given = {"site": "school-1", "zone": "dorm", "action": "evacuate", "drill": False, "sound": True, "note": "操场"}
    event.listen(world.engine, "begin", locked)
    order: EmergencyOrder = world.dispatch.emergency_orders.give(person, **given)
    event.remove(world.engine, "begin", locked)
    assert memory.on_disk == [True]
    assert file.stat().st_mode & 0o777 == 0o600
    world.reopen()
    orders = world.dispatch.emergency_orders
    orders.connect(memory, file)
    assert [one.id for one in orders.list(person, active=True)] == [order.id]
    assert (orders.settle(), orders.settle()) == (1, 0)
    assert not file.exists()
    assert [(one.id, one.note) for one in orders.list(person, active=True)] == [(order.id, "操场")]


def test_an_old_order_of_an_earlier_process_is_kept_and_sent_to_nobody(make_world: Any, tmp_path: Path) -> None:
    """It is stored as ended; one that the same process still holds is in force however long the fault lasts."""
    for restarted in (False, True):
        world, file = make_world(), tmp_path / f"orders-{restarted}.json"
        person, memory, orders = world.employ("operator"), Memory(file), world.dispatch.emergency_orders
        orders.connect(memory, file)
        event.listen(world.engine, "begin", locked)
        given = orders.give(person, site="school-1", zone="", action="evacuate", drill=False, sound=True, note="")
        event.remove(world.engine, "begin", locked)
        if restarted:
            world.reopen()
            orders = world.dispatch.emergency_orders
            orders.connect(memory, file)
        world.now_ns += AGE_NS_MAX + 1
        before = len(world.paged())
        assert (orders.settle(), orders.settle()) == (1, 0)
        active = [] if restarted else [given.id]
        assert [one.id for one in orders.list(person, active=True)] == active
        assert [one.id for one in orders.list(person)] == [given.id]
        assert (len(world.paged()) > before) is not restarted


def test_an_order_outlives_a_damaged_database_and_stops_no_timer(make_world: Any, tmp_path: Path) -> None:
    """A damaged page does not keep the order from people; while it cannot be stored, `settle` returns."""
    world, file = make_world(), tmp_path / "orders.json"
    person, memory, orders = world.employ("operator"), Memory(file), world.dispatch.emergency_orders
    orders.connect(memory, file)

    def damaged(connection: Any) -> None:
        del connection
        raise DatabaseError("BEGIN", {}, Exception("database disk image is malformed"))

    event.listen(world.engine, "begin", damaged)
    orders.give(person, site="school-1", zone="", action="evacuate", drill=False, sound=True, note="")
    assert memory.on_disk == [True]
    assert orders.settle() == 1
    event.remove(world.engine, "begin", damaged)
    assert (orders.settle(), orders.settle()) == (1, 0)


def test_a_full_disk_delays_no_order_and_a_damaged_file_stops_no_start(tmp_path: Path) -> None:
    """The order waits in memory alone, which is shown; a file that cannot be read is set aside."""
    file = tmp_path / "orders.json"
    for content in (b"{", b"[[{}, 1]]", b'[["x"]]'):
        file.write_bytes(content)
        assert WaitingOrders(file).all() == []
        assert file.with_suffix(".unreadable").read_bytes() == content
    missing = WaitingOrders(tmp_path / "missing" / "orders.json")
    missing.put(ORDER, "operator")
    assert missing.unwritten
    assert missing.all() == [(ORDER, "operator")]
    kept = WaitingOrders(file)
    kept.put(ORDER, "operator")
    assert WaitingOrders(file).all() == [(ORDER, "operator")]
    kept.remove(ORDER, "officer")
    assert kept.all()


ORDER = EmergencyOrder(
    id="a", site="s", zone="", action="evacuate", drill=False, sound=True, note="", state="active",
    ordered_by="operator", ordered_ns=1, clear_by=None, ended_by=None, ended_ns=None,
    called=({"person": "li", "name": {"zh": "李", "en": "Li"}},), acknowledged=(), sent_ns=1, version=1,
)  # fmt: skip
