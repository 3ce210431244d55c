"""Emergency orders: given at once by one person, ended by two; a drill is ended by one.

An order takes effect without a second person, because a delay costs lives. The all-clear of a real order lets people
return into the danger, so a second person confirms it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, select

from alerts.database import journal, rows
from alerts.database.engine import ALARM_LOCK_WAIT_MS
from alerts.database.schema import emergency_orders
from alerts.database.storage_faults import NOT_STORED, UNWRITTEN
from alerts.errors import Forbidden, GuardFailed, Invalid, NotFound
from alerts.model import EmergencyOrder, Notice
from alerts.notices.withdrawals import ALL_CLEAR
from alerts.people.access import SYSTEM, Actor, require
from alerts.people.persons import persons
from alerts.risk.registry import Registry

from .order_notices import ACTIONS, Contacts, OrderNotices
from .repeats import alike, repeated, same
from .waiting import WaitingOrders

OPERATION = "order_emergency"
NOTE_MAX = 500
LISTED_MAX = 1_000
"""Orders of one list; older ones stay in the journal."""
_Change = Callable[[Connection, EmergencyOrder, Actor], EmergencyOrder]


class Memory(Protocol):
    """Outbox in memory."""

    def send(self, notices: Iterable[Notice]) -> object:
        """Accept notices for delivery, each id once."""
        ...

    def end_order(self, order: str) -> None:
        """Deliver no notice that begins this order from now on."""
        ...


class EmergencyOrders:
    """Gives, ends and lists orders. Methods may be called from several threads."""

    def __init__(
        self, engine: Engine, registry: Registry, clock: Callable[[], int], order_notices: OrderNotices
    ) -> None:
        self._engine, self._registry, self._clock = engine, registry, clock
        self._notices = order_notices
        self._memory: Memory | None = None
        self._waiting = WaitingOrders()

    def connect(self, memory: Memory, file: Path | None = None) -> None:
        """Send orders through this outbox from now on while the database cannot store them.

        file: copy of orders that are not stored yet; those of an earlier process are stored by `settle`.
        """
        self._memory, self._waiting = memory, WaitingOrders(file)

    def give(
        self, actor: Actor, *, site: str, zone: str, action: str, drill: bool, sound: bool, note: str
    ) -> EmergencyOrder:
        """Return the order, in force at once. Raises Forbidden and Invalid.

        The same order again, REPEAT_NS later or with another note or sound, is sent again to everybody, and withdraws a
        proposed all-clear. An order that cannot be stored within ALARM_LOCK_WAIT_MS is sent from memory, and stored by
        `settle`, also after a restart.

        zone: "" for the whole site; sound: whether a drill sounds sirens, True for a real order.
        """
        require(actor, OPERATION)
        self._check(actor, site, zone, action)
        now_ns = self._clock()
        given = EmergencyOrder(
            id=secrets.token_hex(12),
            site=site,
            zone=zone,
            action=action,
            drill=drill,
            sound=sound or not drill,
            note=note[:NOTE_MAX],
            state="active",
            ordered_by=actor.username,
            ordered_ns=now_ns,
            clear_by=None,
            ended_by=None,
            ended_ns=None,
            called=(),
            acknowledged=(),
            sent_ns=now_ns,
            version=1,
        )
        if self._memory is None:
            return self._store(self._engine, given, actor.username)
        try:
            return self._store(self._quick(), given, actor.username)
        except NOT_STORED:
            return self._from_memory(self._memory, given, actor.username)

    def settle(self) -> int:
        """Store the orders that were sent from memory; return the number that waited. Raises UNWRITTEN.

        One of an earlier process that is older than AGE_NS_MAX is stored as ended and sent to nobody.
        """
        waiting = self._waiting.all()
        for order, by in waiting:
            try:
                if self._waiting.expired(order, self._clock()):
                    self._store_expired(order, by)
                else:
                    self._store(self._quick(), order, by)
                self._waiting.remove(order, by)
            except UNWRITTEN:
                raise
            except NOT_STORED as error:  # of this order: it stops no timer
                self._waiting.refused(order, error)
        return len(waiting)

    def _quick(self) -> Engine:
        return self._engine.execution_options(lock_wait_ms=ALARM_LOCK_WAIT_MS)

    def _store(self, engine: Engine, given: EmergencyOrder, by: str) -> EmergencyOrder:
        """Store and send an order once. A standing one is repeated; one that has ended is not begun again."""
        with engine.begin() as connection:
            row = connection.execute(select(emergency_orders).where(emergency_orders.c.id == given.id)).first()
            known = rows.record(EmergencyOrder, row) if row else None
            if known is not None and known.state == "active" and known.version >= given.version:
                return known
            if known is not None and known.state != "active":
                given = replace(given, id=secrets.token_hex(12), version=1)
            return self._put(connection, self._standing(connection, given), given, by)

    def _store_expired(self, given: EmergencyOrder, by: str) -> None:
        """Store an order as ended, without notices; one that the database has stays as it is."""
        ended = replace(given, state="ended", ended_by=SYSTEM.username, ended_ns=self._clock())
        with self._quick().begin() as connection:
            known = select(emergency_orders.c.id).where(emergency_orders.c.id == given.id)
            if connection.execute(known).first() is None:
                rows.add(connection, emergency_orders, ended)
                self._record(connection, None, ended, "order.expired", by)

    def _from_memory(self, memory: Memory, given: EmergencyOrder, by: str) -> EmergencyOrder:
        """Send an order that the database cannot store now, under the ids that its notices get later."""
        known: EmergencyOrder | None = None
        standing: Sequence[EmergencyOrder] = ()
        contacts = Contacts()
        with suppress(*NOT_STORED), self._engine.execution_options(writes=False).connect() as connection:
            known, standing = self._standing(connection, given), self._active(connection, given.site)
            contacts = self._notices.contacts(connection, given.site)
        like = (order for order, _ in self._waiting.all() if alike(order) == alike(given))
        known = next(like, known)
        if known is not None and same(known, given):
            return known
        order = self._notices.calling(given if known is None else repeated(known, given), contacts)
        self._waiting.put(order, by)
        memory.send(self._notices.of(order, order.action, standing, contacts, now_ns=self._clock()))
        return order

    def _put(
        self, connection: Connection, before: EmergencyOrder | None, given: EmergencyOrder, by: str
    ) -> EmergencyOrder:
        """Store and send an order. before: the standing one, which it repeats."""
        if before is not None and before.id != given.id and same(before, given):
            return before
        after = given if before is None else repeated(before, given)
        after = self._notices.calling(after, self._notices.contacts(connection, after.site))
        if before is None:
            rows.add(connection, emergency_orders, after)
        else:
            rows.save(connection, emergency_orders, after)
        self._record(connection, before, after, f"order.{after.action}" if before is None else "order.repeated", by)
        self._notify(connection, after, after.action)
        return after

    def clear(self, order_id: str, actor: Actor) -> EmergencyOrder:
        """Propose the all-clear, or confirm the proposal of another person; a drill ends at once.

        Raises NotFound, Forbidden (the same person confirms) and GuardFailed (the order has ended).
        """
        return self._end(order_id, actor, self._cleared)

    def keep(self, order_id: str, actor: Actor) -> EmergencyOrder:
        """Withdraw a proposed all-clear: the order stays in force. Raises NotFound, Forbidden and GuardFailed."""
        return self._end(order_id, actor, lambda _connection, order, _actor: replace(order, clear_by=None))

    def list(self, actor: Actor, *, site: str | None = None, active: bool | None = None) -> list[EmergencyOrder]:
        """Return the orders of the actor's sites, the newest first."""
        wanted = select(emergency_orders).order_by(emergency_orders.c.ordered_ns.desc(), emergency_orders.c.id)
        if site is not None:
            wanted = wanted.where(emergency_orders.c.site == site)
        if actor.sites is not None:
            wanted = wanted.where(emergency_orders.c.site.in_(sorted(actor.sites)))
        if active is not None:
            state = emergency_orders.c.state == "active"
            wanted = wanted.where(state if active else ~state)
        with self._engine.execution_options(writes=False).connect() as connection:
            found = [rows.record(EmergencyOrder, row) for row in connection.execute(wanted.limit(LISTED_MAX))]
        waiting = {} if active is False else {one.id: one for one, _ in self._waiting.all()}
        mine = {key: one for key, one in waiting.items() if site in {None, one.site}}
        found = [*mine.values(), *(order for order in found if order.id not in mine)]
        found.sort(key=lambda order: (-order.ordered_ns, order.id))
        return [order for order in found if actor.sees(order.site)]

    def _end(self, order_id: str, actor: Actor, change: _Change) -> EmergencyOrder:
        require(actor, OPERATION)
        self.settle()
        with self._engine.begin() as connection:
            row = connection.execute(select(emergency_orders).where(emergency_orders.c.id == order_id)).first()
            if row is None or not actor.sees(row.site):
                raise NotFound("order", order_id)
            before = rows.record(EmergencyOrder, row)
            if before.state != "active":
                raise GuardFailed("state", "该指令已经解除", "the order has ended; allowed is an active one")
            after = change(connection, before, actor)
            if after == before:
                return before
            after = replace(after, version=before.version + 1)
            rows.save(connection, emergency_orders, after)
            kind = "order.kept" if after.clear_by is None else "order.clear_proposed"
            ends = after.state == "ended"
            self._record(connection, before, after, f"order.{ALL_CLEAR}" if ends else kind, actor.username)
            if ends:
                self._notify(connection, after, ALL_CLEAR)
        if ends and self._memory is not None:
            self._memory.end_order(after.id)
        return after

    def _cleared(self, connection: Connection, order: EmergencyOrder, actor: Actor) -> EmergencyOrder:
        """Return the order after a proposal or its confirmation. Raises Forbidden for the same person."""
        ended = replace(order, state="ended", ended_by=actor.username, ended_ns=self._clock())
        if order.drill:
            return replace(ended, clear_by=actor.username)
        if order.clear_by is None:
            return replace(order, clear_by=actor.username)
        who = persons(connection, {order.clear_by, actor.username})
        if who[order.clear_by] == who[actor.username]:
            raise Forbidden(
                "order_emergency",
                ("a second person confirms the all-clear; you have proposed it", "解除须由第二人确认，您已提出解除"),
            )
        return ended

    def _check(self, actor: Actor, site: str, zone: str, action: str) -> None:
        """Raise Forbidden for a site out of scope, Invalid for an unknown site, zone or action."""
        if not actor.sees(site):
            raise Forbidden(OPERATION, ("the order would reach beyond your own sites", "指令超出您的学校范围"))
        if site not in self._registry.sites:
            known = sorted(one for one in self._registry.sites if actor.sees(one))
            raise Invalid({"site": f"one of {', '.join(known)}"}, zh={"site": f"须为：{'、'.join(known)}"})
        zones = sorted(name for of, name in self._registry.zones if of == site)
        if zone and zone not in zones:
            raise Invalid(
                {"zone": f"empty for the whole site, or one of {', '.join(zones)}"},
                zh={"zone": f"留空表示全校，或为：{'、'.join(zones)}"},
            )
        if action not in ACTIONS:
            raise Invalid({"action": f"one of {', '.join(ACTIONS)}"}, zh={"action": f"须为：{'、'.join(ACTIONS)}"})

    @staticmethod
    def _standing(connection: Connection, given: EmergencyOrder) -> EmergencyOrder | None:
        """Return the active order of this site, zone, action and kind."""
        key = [emergency_orders.c[name] == getattr(given, name) for name in ("site", "zone", "action", "drill")]
        wanted = select(emergency_orders).where(*key, emergency_orders.c.state == "active")
        row = connection.execute(wanted).first()
        return rows.record(EmergencyOrder, row) if row else None

    def _record(
        self, connection: Connection, before: EmergencyOrder | None, order: EmergencyOrder, kind: str, by: str
    ) -> None:
        facts: dict[str, Any] = {"action": order.action, "zone": order.zone, "drill": order.drill, "note": order.note}
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=by,
            kind=kind,
            site=order.site,
            subject=order.id,
            facts=facts,
            rows=[rows.change(emergency_orders, before, order)],
        )

    def _notify(self, connection: Connection, order: EmergencyOrder, action: str) -> None:
        standing = self._active(connection, order.site)
        self._notices.write(connection, order, action, standing, now_ns=self._clock())

    @staticmethod
    def _active(connection: Connection, site: str) -> Sequence[EmergencyOrder]:
        active = emergency_orders.c.state == "active"
        found = connection.execute(select(emergency_orders).where(emergency_orders.c.site == site, active))
        return [rows.record(EmergencyOrder, row) for row in found]
