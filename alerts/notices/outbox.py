"""Outbox of notices: written in the transaction of their cause, delivered at least once per channel.

The id of a notice is the same in every attempt, so receivers drop duplicates (see `writer`). After a failed attempt the
outbox waits 5 s, 10 s, 20 s ... up to an hour. After a day the notice has failed; a person can resend it.

Each channel has a worker of its own. It sends orders first, then the highest grade. The page of a fire waits neither
behind a thousand offline sensors nor for a receiver that hangs: a delivery has one limit over its whole exchange.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import structlog
from sqlalchemy import Engine, select, update

from alerts.database import journal, rows
from alerts.database.commits import Commits
from alerts.database.engine import ALARM_LOCK_WAIT_MS, LOCK_WAIT_MS
from alerts.database.schema import hazards, notices
from alerts.model import BLOCKED, Notice, Receipt
from detectors import WATCHDOG

from .bounded import LIMIT_S, Bounded
from .channels.contract import Channel, Limited
from .channels.routes import ORDERS
from .digests import digest_of, grouped, is_red
from .sent_ids import SentIds
from .withdrawals import WITHDRAWN, begins_ended_hazard, begins_ended_order, withdrawn
from .writer import PAGED

GIVE_UP_NS = 86_400_000_000_000
LEASE_NS = 60_000_000_000
LEASE_MARGIN_S = 10.0
WAIT_NS = 5_000_000_000
WAIT_NS_MAX = 3_600_000_000_000
PAUSE_S = 1.0
"""Longest time between two looks of a worker: for retries, and for notices of another process."""
TURN, TURN_S = 20, 0.25
"""Bounds of a turn: then a worker selects the highest grade again. A new notice ends the turn after the present one."""
DIGEST_TURN = 200
"""The same for a channel with a rate limit, whose lower grades become a digest."""
STALLED_S = 20.0
"""Time beyond the limit of a delivery after which a turn of a worker counts as stalled."""
OTHERS = ""


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
        commits: Commits | None = None,
        completed: Callable[[Notice], Notice] = lambda notice: notice,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """delivered: ids that were sent, also from memory; they are not sent again. limit_s: of one delivery.

        commits: wake the workers; without them a notice waits up to PAUSE_S. completed: adds the one-time link, which
        the database does not contain.
        """
        self._completed = completed
        self._engine, self._clock = engine.execution_options(lock_wait_ms=ALARM_LOCK_WAIT_MS), clock
        self._leasing = self._engine.execution_options(durable=False)
        self._delivered = SentIds() if delivered is None else delivered
        self._channels = {channel.name: Bounded(channel, limit_s=limit_s) for channel in channels}
        self._stopping, self._commits = threading.Event(), commits
        self._errors = dict.fromkeys((*self._channels, OTHERS), "")
        self._monotonic, self._turned_s = monotonic, dict.fromkeys(self._errors, monotonic())
        self._woken = {name: threading.Event() for name in self._errors}
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name=f"outbox-{name or 'others'}", daemon=True)
            for name in self._errors
        ]
        self._log = structlog.get_logger(part="outbox")
        self.errors_total = 0

    def start(self, *, replaces: bool = False) -> None:
        """Start the workers. replaces: this process follows another one, whose leases end now."""
        if replaces:
            self._end_leases(self._clock())
        if self._commits is not None:
            self._commits.add(self._wake)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish running deliveries and stop the workers."""
        self._stopping.set()
        if self._commits is not None:
            self._commits.remove(self._wake)
        for woken in self._woken.values():
            woken.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(15)

    def alive(self) -> bool:
        """Return whether every worker runs."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def last_error(self) -> str:
        """Return the error of a worker whose last turn failed or does not end; "" if all succeed."""
        return next(filter(None, self._errors.values()), "") or self._stalled()

    def deliver_due(self, now_ns: int, channel: str) -> int:
        """Deliver one turn of due notices of a channel, highest grade first; return their number.

        channel: OTHERS for channels that are no longer configured.
        """
        mine = notices.c.channel == channel if channel else notices.c.channel.not_in(tuple(self._channels))
        due = select(notices).where(notices.c.state == "pending", notices.c.next_ns <= now_ns, mine)
        gravest = due.outerjoin(hazards, hazards.c.id == notices.c.hazard).order_by(
            notices.c.type.not_like(f"{ORDERS}%"),
            hazards.c.highest_grade.nulls_last(),
            notices.c.type.not_in(PAGED),
            notices.c.next_ns,
        )
        limited = self._limited(channel)
        with self._engine.execution_options(writes=False).connect() as connection:
            due_rows = connection.execute(gravest.limit(TURN if limited is None else DIGEST_TURN)).all()
        begun_s, handled = time.monotonic(), 0
        for group in grouped([rows.record(Notice, row) for row in due_rows], digests=limited is not None):
            if limited is not None and not limited.blocked() and limited.wait_s(red=is_red(group[0])) > 0:
                continue  # stays due
            handled += len(group)
            leased = self._lease(group, now_ns)
            if leased:
                self._record(leased, self._attempt(leased[0] if len(leased) == 1 else digest_of(leased)), now_ns)
            if self._woken[channel].is_set() or time.monotonic() - begun_s > TURN_S:
                break
        return handled

    def _end_leases(self, now_ns: int) -> None:
        """Make notices due whose first attempt was leased by a process that has ended; they keep their ids."""
        held = (notices.c.next_ns > now_ns) & (notices.c.next_ns <= now_ns + LEASE_NS)
        mine = (notices.c.state == "pending") & (notices.c.attempts == 0)
        with self._engine.execution_options(lock_wait_ms=LOCK_WAIT_MS).begin() as connection:
            connection.execute(update(notices).where(mine, held).values(next_ns=now_ns))

    def _stalled(self) -> str:
        """Return the error of a worker that runs and whose present turn exceeds every limit, "" for none."""
        now_s = self._monotonic()
        for name, thread in zip(self._errors, self._threads, strict=True):
            limit_s = STALLED_S + (self._channels[name].limit_s if name in self._channels else 0.0)
            if thread.is_alive() and now_s - self._turned_s[name] > limit_s:
                return f"the worker of channel {name or 'others'} has not returned for {limit_s:g} s"
        return ""

    def _limited(self, channel: str) -> Limited | None:
        known = self._channels.get(channel)
        return None if known is None else known.limited

    def _attempt(self, notice: Notice) -> Receipt:
        channel = self._channels.get(notice.channel)
        if channel is None:
            return Receipt(delivered=False, retry=False, error="the channel is no longer configured")
        return self._delivered.deliver_once(channel, self._completed(notice))

    def _lease(self, group: Sequence[Notice], now_ns: int) -> list[Notice]:
        """Lease the notices for a minute, or for the limit of a slow channel; return those that no other worker has.

        A lease expires. It need not survive a power failure, which ends the workers too: its commit is not synced.
        An order that has ended is withdrawn instead, and the delayed begin of an ended hazard at a receiver that keeps
        a state of each hazard.
        """
        leased, channel = [], self._channels.get(group[0].channel)
        lease_ns = LEASE_NS if channel is None else max(LEASE_NS, int((channel.limit_s + LEASE_MARGIN_S) * 1e9))
        with self._leasing.begin() as connection:
            for notice in group:
                mine = (notices.c.id == notice.id) & (notices.c.next_ns == notice.next_ns)
                due = update(notices).where(mine, notices.c.state == "pending")
                late = channel is not None and channel.keeps_state and begins_ended_hazard(connection, notice)
                if late or begins_ended_order(connection, notice):
                    connection.execute(due.values(state=WITHDRAWN))
                    continue
                held = due.values(next_ns=now_ns + lease_ns)
                if connection.execute(held).rowcount == 1:
                    leased.append(notice)
        return leased

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

    def _record(self, group: Sequence[Notice], receipt: Receipt, now_ns: int) -> None:
        """Record the receipt of the notices, which left in one message."""
        with self._engine.begin() as connection:
            for notice in group:
                after = after_attempt(notice, receipt, now_ns)
                if after.state != "sent" and withdrawn(connection, notice.id):
                    continue
                rows.save(connection, notices, after)
                if after.state != "pending" and after.channel != WATCHDOG:
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
            self._woken[channel].clear()
            self._turned_s[channel] = self._monotonic()
            try:
                due = self.deliver_due(self._clock(), channel)
                self._errors[channel] = ""
            except Exception as error:  # noqa: BLE001 - a worker that stops would block its channel
                self._failed(channel, f"{type(error).__name__}: {error}")
                due = 0
            if not due:
                self._woken[channel].wait(PAUSE_S)

    def _wake(self, channels: Collection[str]) -> None:
        """Wake the workers of these channels."""
        for channel in channels:
            self._woken.get(channel, self._woken[OTHERS]).set()

    def _failed(self, channel: str, error: str) -> None:
        self.errors_total += 1
        if not self.last_error:
            self._log.error("outbox turn failed; the worker retries", error=error)
        self._errors[channel] = error


def after_attempt(notice: Notice, receipt: Receipt, now_ns: int) -> Notice:
    """Return the notice after an attempt: sent, pending or failed."""
    error = f"{BLOCKED}{receipt.error}" if receipt.blocked_s else receipt.error
    tried = replace(notice, attempts=notice.attempts + 1, error=error[:500])
    if receipt.delivered:
        return replace(tried, state="sent", delivered_ns=now_ns, error="")
    if not receipt.retry or now_ns - notice.created_ns > GIVE_UP_NS:
        return replace(tried, state="failed")
    wait_ns = int(receipt.blocked_s * 1e9) or min(WAIT_NS * 2 ** min(notice.attempts, 20), WAIT_NS_MAX)
    return replace(tried, next_ns=now_ns + wait_ns)
