"""Sensor tests of a ticket: a person starts a window on the sensors that prove the repair."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy import Connection, Engine, select

from alerts.dangers.proving import hazards_of, sensors_of
from alerts.database import journal
from alerts.database.schema import journal as journal_table
from alerts.errors import Forbidden, GuardFailed, Invalid
from alerts.hazards.bindings import assigned
from alerts.model import Ticket
from alerts.people.access import Actor, allowed, require
from alerts.people.persons import persons
from alerts.risk.registry import Registry
from alerts.sensor_tests.sensor_tests import WINDOW_S, NewTest, SensorTest, SensorTests

from .tickets import AGAIN, Tickets

TEST = "test_sensor"
STATES = frozenset(("taken", "rectifying", "submitted", "in_review", "observing"))
"""States between the take-over and the closing."""
BEGINS = ("ticket.assign", "ticket.transfer", *AGAIN)
"""Kinds of the journal entries after which a test may begin."""


class TicketTests:
    """Starts and reads the tests of tickets. Methods may be called from several threads."""

    def __init__(
        self, engine: Engine, registry: Registry, tests: SensorTests, ticketing: Callable[[Connection], Tickets]
    ) -> None:
        self._reading = engine.execution_options(writes=False)
        self._registry, self._tests, self._ticketing = registry, tests, ticketing

    def start(
        self, ticket_id: str, actor: Actor, identity: str, *, started_ns: int, window_s: int = WINDOW_S
    ) -> list[SensorTest]:
        """Start a test on the sensors of a ticket; the same id again returns the stored one.

        Raises Forbidden, NotFound, GuardFailed before the take-over and after the closing, Invalid.
        """
        require(actor, TEST)
        with self._reading.connect() as connection:
            ticketing = self._ticketing(connection)
            ticket = ticketing.find(ticket_id, actor)
            if ticket.state not in STATES:
                raise GuardFailed(
                    "tested", "签收后、销号前才能测试", "a test needs a ticket that is taken and not closed"
                )
            _allow(connection, ticket, actor)
            if started_ns < _begun_ns(connection, ticket):
                raise Invalid(
                    {"started_at": "a time after the assignment of the ticket"}, zh={"started_at": "须晚于派单时间"}
                )
            sensors = self.sensors(connection, ticket)
        new = NewTest(identity, ticket.site, sensors, started_ns, window_s, ticket.id)
        return self._tests.start(actor.username, new)

    def sensors(self, connection: Connection, ticket: Ticket) -> list[str]:
        """Return the sensors of its evidence; without evidence, those of its place."""
        found = sensors_of(connection, hazards_of(connection, ticket.danger))
        return found or sorted(self._at_place(connection, ticket))

    def _at_place(self, connection: Connection, ticket: Ticket) -> Iterable[str]:
        bound = assigned(connection, [ticket.site])
        for sensor in self._registry.sensors:
            place = bound.get((sensor.site, sensor.id), sensor.place)
            if (sensor.site, place) == (ticket.site, ticket.place):
                yield sensor.id
        yield from (name for (site, name), place in bound.items() if (site, place) == (ticket.site, ticket.place))


def _allow(connection: Connection, ticket: Ticket, actor: Actor) -> None:
    """Raise Forbidden for a fixer of another ticket."""
    if allowed(actor, "ticket_officer") or allowed(actor, "acknowledge"):
        return
    known = persons(connection, {actor.username, ticket.fixer})
    if known.get(ticket.fixer, ticket.fixer) != known.get(actor.username, actor.username):
        raise Forbidden(TEST, (f"the ticket is assigned to {ticket.fixer}", f"工单已派给 {ticket.fixer}"))


def _begun_ns(connection: Connection, ticket: Ticket) -> int:
    """Return the time of the last assignment or reopening."""
    own = journal_table.c
    query = select(own.seq, own.body).where(own.subject == ticket.id, own.kind.in_(BEGINS))
    row = connection.execute(query.order_by(own.seq.desc()).limit(1)).first()
    return ticket.opened_ns if row is None else journal.entry(row.seq, row.body).at_ns
