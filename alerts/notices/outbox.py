"""Outbox of notices: written in the transaction of their cause, delivered at least once per channel.

The id of a notice derives from its cause and channel. It is the same in every attempt, so receivers drop duplicates.
The id of a page derives from the detection alone (`paged_cause`): a page sent from memory has the id of the notice that
is stored later. After a failed attempt the outbox waits 5 s, 10 s, 20 s ... up to an hour. After a day the notice has
failed; a person can resend it.

Each channel has a worker of its own and sends the highest grade first. The page of a fire waits neither behind a
thousand offline sensors nor for a receiver that hangs: a delivery has one limit over its whole exchange.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, select, update

from alerts.database import journal, rows
from alerts.database.engine import ALARM_LOCK_WAIT_MS
from alerts.database.schema import hazards, notices
from alerts.model import Hazard, Notice, Receipt, Ticket, identity
from alerts.risk.registry import Registry
from alerts.timestamps import format_time

from .bounded import LIMIT_S, Bounded
from .channels.contract import Channel
from .sent_ids import SentIds

GIVE_UP_NS = 86_400_000_000_000
LEASE_NS = 60_000_000_000
WAIT_NS = 5_000_000_000
WAIT_NS_MAX = 3_600_000_000_000
TURN, TURN_S = 20, 0.25
"""Notices and seconds after which a worker selects the highest grade again."""
PAGED = frozenset(("hazard.opened", "hazard.raised", "hazard.relapsed"))
"""Types of the notices that page people, if the level of the detection pages by its rule."""
OTHERS = ""
CONSOLE = "console"
"""Built-in channel: the console shows the notice, delivered when it is written."""


def paged_cause(kind: str, hazard: Hazard, finding: str) -> str:
    """Return the cause of a page, derived from detections without database counters.

    A hazard opens once. From the begin of an alarm it pages once for each grade and further place. A finding joins
    once, so it causes one relapse.
    """
    if kind == "hazard.opened":
        return identity(kind, hazard.id)
    if kind == "hazard.raised":
        return identity(kind, hazard.id, hazard.since_ns, hazard.paged_grade, len(hazard.places))
    return identity(kind, hazard.id, finding)


class NoticeWriter:
    """Writes notices within the caller's transaction, one per channel that accepts the type."""

    def __init__(
        self, connection: Connection, channels: Sequence[Channel], registry: Registry, *, from_memory: bool = False
    ) -> None:
        """from_memory: write only pages, marked as sent from memory because nothing is stored yet."""
        self._connection, self._channels, self._registry = connection, channels, registry
        self._from_memory = from_memory

    def hazard(
        self,
        kind: str,
        hazard: Hazard,
        ticket: Ticket | None,
        *,
        pages: bool,
        finding: str,
        step: int,
        now_ns: int,
    ) -> None:
        """Write notices of a hazard: every change to programs, pages to people. finding: id of the cause."""
        body: dict[str, Any] = {
            "alarm_id": hazard.id,
            "site": hazard.site,
            "zone": hazard.zone,
            "place": self._registry.place_name(hazard.site, hazard.place),
            "places": [self._registry.place_name(hazard.site, place) for place in hazard.places],
            "kind": hazard.kind,
            "grade": hazard.grade.colour,
            "page": pages,
            "active": hazard.active,
            "late": hazard.late,
            "drill": hazard.drill,
            "opened_at": format_time(hazard.opened_ns),
            "text": dict(hazard.text),
            "ticket": ticket.number if ticket else None,
        }
        if self._from_memory:
            body |= {"from_memory": True}
        about = (hazard.site, hazard.id, ticket.id if ticket else "")
        cause = paged_cause(kind, hazard, finding) if pages else identity(hazard.id, about[2], kind, step)
        self._write(kind, body, about, pages=pages, cause=cause, now_ns=now_ns)

    def ticket(self, kind: str, ticket: Ticket, *, step: int, now_ns: int) -> None:
        """Write notices of a ticket step to programs."""
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
        about = (ticket.site, ticket.hazard, ticket.id)
        cause = identity(ticket.hazard, ticket.id, kind, step)
        self._write(kind, body, about, pages=False, cause=cause, now_ns=now_ns)

    def _write(
        self, kind: str, body: Mapping[str, Any], about: tuple[str, str, str], *, pages: bool, cause: str, now_ns: int
    ) -> None:
        if self._from_memory and not pages:
            return
        site, hazard, ticket = about
        wanted = [channel.name for channel in self._channels if pages or channel.for_programs]
        for name in [*wanted, *([CONSOLE] if pages else [])]:
            notice = Notice(
                id=f"msg_{identity(cause, name)}",
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
    """Delivers due notices with one worker thread per channel. After a kill, pending notices are sent again.

    One more worker fails notices to channels that are no longer configured.
    """

    def __init__(
        self,
        engine: Engine,
        channels: Sequence[Channel],
        clock: Callable[[], int],
        *,
        delivered: SentIds | None = None,
        limit_s: float = LIMIT_S,
    ) -> None:
        """delivered: ids that were sent, also from memory; they are not sent again. limit_s: of one delivery."""
        self._engine, self._clock = engine.execution_options(lock_wait_ms=ALARM_LOCK_WAIT_MS), clock
        self._delivered = SentIds() if delivered is None else delivered
        self._channels = {channel.name: Bounded(channel, limit_s=limit_s) for channel in channels}
        self._stopping = threading.Event()
        self._errors = dict.fromkeys((*self._channels, OTHERS), "")
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"outbox-{name or 'others'}", daemon=True)
            for name in self._errors
        ]
        self._log = structlog.get_logger(part="outbox")
        self.errors_total = 0

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish running deliveries and stop the workers."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(15)

    def alive(self) -> bool:
        """Return whether every worker runs."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def last_error(self) -> str:
        """Return the error of a worker whose last turn failed; "" if all succeeded."""
        return next(filter(None, self._errors.values()), "")

    def deliver_due(self, now_ns: int, channel: str) -> int:
        """Deliver one turn of due notices of a channel, highest grade first; return their number.

        channel: OTHERS for channels that are no longer configured.
        """
        mine = notices.c.channel == channel if channel else notices.c.channel.not_in(tuple(self._channels))
        due = select(notices).where(notices.c.state == "pending", notices.c.next_ns <= now_ns, mine)
        gravest = due.outerjoin(hazards, hazards.c.id == notices.c.hazard).order_by(
            hazards.c.highest_grade.nulls_last(), notices.c.type.not_in(PAGED), notices.c.next_ns
        )
        with self._engine.execution_options(writes=False).connect() as connection:
            found = connection.execute(gravest.limit(TURN)).all()
        begun_s = time.monotonic()
        for row in found:
            notice = rows.record(Notice, row)
            if self._lease(notice, now_ns):
                self._record(notice, self._attempt(notice), now_ns)
            if time.monotonic() - begun_s > TURN_S:
                break
        return len(found)

    def _attempt(self, notice: Notice) -> Receipt:
        channel = self._channels.get(notice.channel)
        if channel is None:
            return Receipt(delivered=False, retry=False, error="the channel is no longer configured")
        return self._delivered.deliver_once(channel, notice)

    def _lease(self, notice: Notice, now_ns: int) -> bool:
        """Lease the notice for a minute; return False if another worker has it. A lease expires."""
        mine = (notices.c.id == notice.id) & (notices.c.next_ns == notice.next_ns) & (notices.c.state == "pending")
        with self._engine.begin() as connection:
            held = connection.execute(update(notices).where(mine).values(next_ns=now_ns + LEASE_NS))
        return held.rowcount == 1

    def resend(self, notice_id: str) -> None:
        """Return a failed notice to the queue, for a person who resends it."""
        with self._engine.begin() as connection:
            row = connection.execute(
                select(notices).where(notices.c.id == notice_id, notices.c.state == "failed")
            ).first()
            if row is not None:
                now_ns = self._clock()
                renewed = replace(rows.record(Notice, row), state="pending", created_ns=now_ns, next_ns=now_ns)
                rows.save(connection, notices, renewed)

    def _record(self, notice: Notice, receipt: Receipt, now_ns: int) -> None:
        after = after_attempt(notice, receipt, now_ns)
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

    def _run(self, channel: str) -> None:
        while not self._stopping.is_set():
            try:
                due = self.deliver_due(self._clock(), channel)
                self._errors[channel] = ""
            except Exception as error:  # noqa: BLE001 - a worker that stops would block its channel
                self._failed(channel, f"{type(error).__name__}: {error}")
                due = 0
            if not due:
                self._stopping.wait(0.25)

    def _failed(self, channel: str, error: str) -> None:
        self.errors_total += 1
        if not self.last_error:
            self._log.error("outbox turn failed; the worker retries", error=error)
        self._errors[channel] = error


def after_attempt(notice: Notice, receipt: Receipt, now_ns: int) -> Notice:
    """Return the notice after an attempt: sent, pending or failed."""
    tried = replace(notice, attempts=notice.attempts + 1, error=receipt.error[:500])
    if receipt.delivered:
        return replace(tried, state="sent", delivered_ns=now_ns, error="")
    if not receipt.retry or now_ns - notice.created_ns > GIVE_UP_NS:
        return replace(tried, state="failed")
    wait_ns = min(WAIT_NS * 2 ** min(notice.attempts, 20), WAIT_NS_MAX)
    return replace(tried, next_ns=now_ns + wait_ns)
