"""Messages to people and programs: written in the transaction of what they tell of, delivered until received.

At least once: the id of a message is made from its cause and its channel, stays the same on every try, and lets the
receiver drop a repetition. A try that fails waits 5 s, 10 s, 20 s ... up to an hour; after a day the message stands as
failed, to be seen and sent again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, select, update

from . import journal, rows
from .channels.contract import Channel
from .findings import identity
from .grading import Grade
from .model import Hazard, Notice, Receipt, Ticket
from .moment import format_time
from .registry import Registry
from .schema import notices

GIVE_UP_NS = 86_400_000_000_000
LEASE_NS = 60_000_000_000
WAIT_NS = 5_000_000_000
WAIT_NS_MAX = 3_600_000_000_000
TURN = 20
PAGED = frozenset(("hazard.opened", "hazard.raised", "hazard.relapsed"))
"""What pages people when it is red or orange, neither late nor a drill."""
CONSOLE = "console"
"""The channel that is always there: the notice stands on the screen, delivered as soon as it is written."""


class Post:
    """Writes messages within the caller's transaction, one for each channel that wants them."""

    def __init__(self, connection: Connection, channels: Sequence[Channel], registry: Registry) -> None:
        self._connection, self._channels, self._registry = connection, channels, registry

    def hazard(self, kind: str, hazard: Hazard, ticket: Ticket | None, *, step: int, now_ns: int) -> None:
        """Tell programs of every change, people of what must wake them."""
        pages = kind in PAGED and hazard.grade <= Grade.ORANGE and not hazard.late and not hazard.drill
        body = {
            "alarm_id": hazard.id,
            "site": hazard.site,
            "zone": hazard.zone,
            "place": self._registry.place_name(hazard.site, hazard.place),
            "kind": hazard.kind,
            "grade": hazard.grade.colour,
            "active": hazard.active,
            "late": hazard.late,
            "drill": hazard.drill,
            "opened_at": format_time(hazard.opened_ns),
            "text": dict(hazard.text),
            "ticket": ticket.number if ticket else None,
        }
        about = (hazard.site, hazard.id, ticket.id if ticket else "")
        self._write(kind, body, about, pages=pages, step=step, now_ns=now_ns)

    def ticket(self, kind: str, ticket: Ticket, *, step: int, now_ns: int) -> None:
        """Tell programs of every step of the loop."""
        body = {
            "alarm_id": ticket.hazard,
            "ticket": ticket.number,
            "site": ticket.site,
            "zone": ticket.zone,
            "place": self._registry.place_name(ticket.site, ticket.place),
            "kind": ticket.kind,
            "grade": ticket.grade.colour,
            "state": ticket.state,
            "fixer": ticket.fixer,
            "due_at": format_time(ticket.due_ns),
        }
        self._write(kind, body, (ticket.site, ticket.hazard, ticket.id), pages=False, step=step, now_ns=now_ns)

    def _write(
        self, kind: str, body: Mapping[str, Any], about: tuple[str, str, str], *, pages: bool, step: int, now_ns: int
    ) -> None:
        site, hazard, ticket = about
        wanted = [channel.name for channel in self._channels if pages or channel.for_programs]
        for name in [*wanted, *([CONSOLE] if pages else [])]:
            notice = Notice(
                id=f"msg_{identity(hazard, ticket, kind, step, name)}",
                site=site,
                hazard=hazard,
                ticket=ticket,
                channel=name,
                type=kind,
                created_ns=now_ns,
                body=body,
                state="sent" if name == CONSOLE else "pending",
                attempts=0,
                next_ns=now_ns,
                delivered_ns=now_ns if name == CONSOLE else None,
                error="",
            )
            rows.add(self._connection, notices, notice)


class Outbox:
    """Delivers what is due. One worker thread; a killed one leaves its messages pending, and they go out again."""

    def __init__(self, engine: Engine, channels: Sequence[Channel], clock: Callable[[], int]) -> None:
        self._engine, self._clock = engine, clock
        self._channels = {channel.name: channel for channel in channels}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)
        self._log = structlog.get_logger(part="outbox")
        self.errors_total = 0

    def start(self) -> None:
        """Begin to deliver."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the delivery under way and end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(15)

    def alive(self) -> bool:
        """Whether the worker runs."""
        return self._thread.is_alive()

    def deliver_due(self, now_ns: int) -> int:
        """Try every message that is due, at most TURN of them; returns how many were tried."""
        with self._engine.connect() as connection:
            due = select(notices).where(notices.c.state == "pending", notices.c.next_ns <= now_ns)
            found = connection.execute(due.order_by(notices.c.next_ns).limit(TURN)).all()
        for row in found:
            notice = rows.record(Notice, row)
            if not self._leased(notice, now_ns):
                continue
            channel = self._channels.get(notice.channel)
            gone = Receipt(delivered=False, retry=False, error="the channel is no longer configured")
            self._note(notice, channel.deliver(notice) if channel else gone, now_ns)
        return len(found)

    def _leased(self, notice: Notice, now_ns: int) -> bool:
        """Whether this worker has the message to itself for a while; another one's lease ends by itself."""
        mine = (notices.c.id == notice.id) & (notices.c.next_ns == notice.next_ns) & (notices.c.state == "pending")
        with self._engine.begin() as connection:
            held = connection.execute(update(notices).where(mine).values(next_ns=now_ns + LEASE_NS))
        return held.rowcount == 1

    def again(self, notice_id: str) -> None:
        """Put a failed message back, for a person who wants it sent once more."""
        with self._engine.begin() as connection:
            row = connection.execute(
                select(notices).where(notices.c.id == notice_id, notices.c.state == "failed")
            ).first()
            if row is not None:
                now_ns = self._clock()
                renewed = replace(rows.record(Notice, row), state="pending", created_ns=now_ns, next_ns=now_ns)
                rows.save(connection, notices, renewed)

    def _note(self, notice: Notice, receipt: Receipt, now_ns: int) -> None:
        after = settled(notice, receipt, now_ns)
        with self._engine.begin() as connection:
            rows.save(connection, notices, after)
            if after.state != "pending":
                journal.append(
                    connection,
                    at_ns=now_ns,
                    actor="system",
                    kind=f"notice.{after.state}",
                    site=after.site,
                    subject=after.id,
                    facts={"channel": after.channel, "hazard": after.hazard, "attempts": after.attempts},
                )

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                tried = self.deliver_due(self._clock())
            except Exception as error:  # noqa: BLE001 - a worker that ends would hold every message back
                self.errors_total += 1
                self._log.error("outbox turn failed, will try again", error=f"{type(error).__name__}: {error}")
                tried = 0
            if not tried:
                self._stopping.wait(0.25)


def settled(notice: Notice, receipt: Receipt, now_ns: int) -> Notice:
    """The message after a try: sent, waiting for the next one, or failed for good."""
    tried = replace(notice, attempts=notice.attempts + 1, error=receipt.error[:500])
    if receipt.delivered:
        return replace(tried, state="sent", delivered_ns=now_ns, error="")
    if not receipt.retry or now_ns - notice.created_ns > GIVE_UP_NS:
        return replace(tried, state="failed")
    wait_ns = min(WAIT_NS * 2 ** min(notice.attempts, 20), WAIT_NS_MAX)
    return replace(tried, next_ns=now_ns + wait_ns)
