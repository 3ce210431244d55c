"""Messages to people and programs: written in the transaction of what they tell of, delivered until received.

At least once: the id of a message is made from its cause and its channel, stays the same on every try, and lets the
receiver drop a repetition. What pages people has an id made from what was seen alone (`paged_cause`), so that a message
that had to go out before anything could be stored has the id of the one that is stored later. A try that fails waits
5 s, 10 s, 20 s ... up to an hour; after a day the message stands as failed, to be seen and sent again.

Each channel has a worker of its own, and the gravest goes first: a fire's page waits neither for a receiver that hangs
nor behind a thousand sensors that fell silent.
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
from alerts.database.schema import hazards, notices
from alerts.model import Hazard, Notice, Receipt, Ticket, identity
from alerts.risk.grading import Grade
from alerts.risk.registry import Registry
from alerts.timestamps import format_time

from .channels.contract import Channel
from .sent_ids import SentIds

GIVE_UP_NS = 86_400_000_000_000
LEASE_NS = 60_000_000_000
WAIT_NS = 5_000_000_000
WAIT_NS_MAX = 3_600_000_000_000
TURN, TURN_S = 20, 0.25
"""Messages and seconds after which a worker looks again what is gravest."""
PAGED = frozenset(("hazard.opened", "hazard.raised", "hazard.relapsed"))
"""What pages people when it is red or orange, neither late nor a drill."""
OTHERS = ""
CONSOLE = "console"
"""The channel that is always there: the notice stands on the screen, delivered as soon as it is written."""


def paged_cause(kind: str, hazard: Hazard, finding: str) -> str:
    """What a message that pages is about, made from what was seen, with nothing of the database's own count.

    One hazard opens once; it is raised once to each grade, late or live, because neither goes back; and one finding
    joins once, so that it brings one relapse.
    """
    if kind == "hazard.opened":
        return identity(kind, hazard.id)
    if kind == "hazard.raised":
        return identity(kind, hazard.id, int(hazard.grade), hazard.late)
    return identity(kind, hazard.id, finding)


class NoticeWriter:
    """Writes messages within the caller's transaction, one for each channel that wants them."""

    def __init__(
        self, connection: Connection, channels: Sequence[Channel], registry: Registry, *, from_memory: bool = False
    ) -> None:
        """from_memory: only what pages, marked as told from memory: nothing of it is stored yet."""
        self._connection, self._channels, self._registry = connection, channels, registry
        self._from_memory = from_memory

    def hazard(self, kind: str, hazard: Hazard, ticket: Ticket | None, *, finding: str, step: int, now_ns: int) -> None:
        """Tell programs of every change, people of what must wake them. finding: id of what brought it about."""
        pages = kind in PAGED and hazard.grade <= Grade.ORANGE and not hazard.late and not hazard.drill
        body: dict[str, Any] = {
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
        if self._from_memory:
            body |= {"from_memory": True}
        about = (hazard.site, hazard.id, ticket.id if ticket else "")
        cause = paged_cause(kind, hazard, finding) if kind in PAGED else identity(hazard.id, about[2], kind, step)
        self._write(kind, body, about, pages=pages, cause=cause, now_ns=now_ns)

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
    """Delivers what is due, a worker thread a channel; a killed one leaves its messages pending, and they go out again.

    One more worker settles messages to channels that are configured no longer.
    """

    def __init__(
        self,
        engine: Engine,
        channels: Sequence[Channel],
        clock: Callable[[], int],
        *,
        delivered: SentIds | None = None,
    ) -> None:
        """delivered: what is known to have gone out, also from memory; it is not sent again."""
        self._engine, self._clock = engine, clock
        self._delivered = SentIds() if delivered is None else delivered
        self._channels = {channel.name: channel for channel in channels}
        self._stopping = threading.Event()
        self._errors = dict.fromkeys((*self._channels, OTHERS), "")
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"outbox-{name or 'others'}", daemon=True)
            for name in self._errors
        ]
        self._log = structlog.get_logger(part="outbox")
        self.errors_total = 0

    def start(self) -> None:
        """Begin to deliver."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the deliveries under way and end."""
        self._stopping.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(15)

    def alive(self) -> bool:
        """Whether every worker runs."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def last_error(self) -> str:
        """Why the turn of a worker failed that has not succeeded since; "" while all work."""
        return next(filter(None, self._errors.values()), "")

    def deliver_due(self, now_ns: int, channel: str) -> int:
        """Try what is due on a channel, the gravest first, for a turn; how many messages were due in it.

        channel: OTHERS for those that are configured no longer.
        """
        mine = notices.c.channel == channel if channel else notices.c.channel.not_in(tuple(self._channels))
        due = select(notices).where(notices.c.state == "pending", notices.c.next_ns <= now_ns, mine)
        gravest = due.outerjoin(hazards, hazards.c.id == notices.c.hazard).order_by(
            hazards.c.grade.nulls_last(), notices.c.type.not_in(PAGED), notices.c.next_ns
        )
        with self._engine.execution_options(writes=False).connect() as connection:
            found = connection.execute(gravest.limit(TURN)).all()
        begun_s = time.monotonic()
        for row in found:
            notice = rows.record(Notice, row)
            if self._leased(notice, now_ns):
                self._note(notice, self._tried(notice), now_ns)
            if time.monotonic() - begun_s > TURN_S:
                break
        return len(found)

    def _tried(self, notice: Notice) -> Receipt:
        channel = self._channels.get(notice.channel)
        if channel is None:
            return Receipt(delivered=False, retry=False, error="the channel is no longer configured")
        return self._delivered.through(channel, notice)

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

    def _run(self, channel: str) -> None:
        while not self._stopping.is_set():
            try:
                due = self.deliver_due(self._clock(), channel)
                self._errors[channel] = ""
            except Exception as error:  # noqa: BLE001 - a worker that ends would hold every message back
                self._failed(channel, f"{type(error).__name__}: {error}")
                due = 0
            if not due:
                self._stopping.wait(0.25)

    def _failed(self, channel: str, error: str) -> None:
        self.errors_total += 1
        if not self.last_error:
            self._log.error("outbox turn failed, will try again", error=error)
        self._errors[channel] = error


def settled(notice: Notice, receipt: Receipt, now_ns: int) -> Notice:
    """The message after a try: sent, waiting for the next one, or failed for good."""
    tried = replace(notice, attempts=notice.attempts + 1, error=receipt.error[:500])
    if receipt.delivered:
        return replace(tried, state="sent", delivered_ns=now_ns, error="")
    if not receipt.retry or now_ns - notice.created_ns > GIVE_UP_NS:
        return replace(tried, state="failed")
    wait_ns = min(WAIT_NS * 2 ** min(notice.attempts, 20), WAIT_NS_MAX)
    return replace(tried, next_ns=now_ns + wait_ns)
