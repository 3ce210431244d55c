"""Receipts of orders: each called person confirms by link, key of a call, SMS or in the console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Engine, select

from alerts.database import journal, rows
from alerts.database.schema import emergency_orders, notices
from alerts.errors import Forbidden, GuardFailed, NotFound
from alerts.escalations.acknowledgements import (
    KEY,
    LINK,
    SMS,
    TAKE,
    Acknowledgements,
    Answer,
    OpenLink,
    has_number,
)
from alerts.model import EmergencyOrder, Notice
from alerts.notices.channels.routes import ORDERS
from alerts.people.access import Actor, require
from alerts.rosters.duty import Duty
from alerts.rosters.model import Person

from .orders import OPERATION
from .reply_codes import ReplyLimiter, code_of, with_code

CONSOLE = "console"
_ANSWERS: Mapping[str, tuple[str, str]] = {
    "received": ("已确认收到（{done}/{called}）", "receipt confirmed, {done} of {called}"),
    "used": ("已确认过", "the receipt is confirmed already"),
    "person": ("该链接不属于此人", "this link belongs to another person"),
    "key": ("请按 4 确认收到", "press 4 to confirm the receipt"),
    "ended": ("该指令已解除", "this order has ended"),
    "stranger": ("未知号码，未受理", "unknown number; nothing was done"),
    "code": ("未知指令码，未受理", "unknown code of an order; nothing was done"),
    "often": ("回复过于频繁，请稍后再试", "too many replies; try again in a minute"),
}


class OrderReceipts:
    """Accepts receipts of orders; every other answer goes to the acknowledgements of alarms.

    Methods may be called from several threads.
    """

    def __init__(
        self,
        engine: Engine,
        alarms: Acknowledgements,
        duty: Callable[[Connection, str], Duty | None],
        clock: Callable[[], int],
    ) -> None:
        self._engine, self._alarms, self._duty, self._clock = engine, alarms, duty, clock
        self.links, self._limiter = alarms.links, ReplyLimiter()

    def open_link(self, token: str) -> OpenLink | None:
        """Return the page of a link, None for an invalid one. It records nothing."""
        with self._engine.execution_options(writes=False).connect() as connection:
            found = self._of_notice(connection, self._alarms.links.notice_id(token))
            if found is None:
                return self._alarms.open_link(token)
            notice, order = found
            persons = self._persons(connection, notice)
            return OpenLink(notice, persons, None, len(order.acknowledged), len(order.called), order=True)

    def by_link(self, token: str, *, person: str, action: str = TAKE, address: str = "") -> Answer:
        """Accept the press of a button on the page of a link; see `Acknowledgements.by_link`."""
        notice_id = self._alarms.links.notice_id(token)
        if notice_id is not None:
            with self._engine.begin() as connection:
                found = self._of_notice(connection, notice_id)
                if found is not None:
                    notice, order = found
                    allowed = {one.id: one for one in self._persons(connection, notice)}
                    return self._record(connection, order, allowed.get(person), via=LINK, valid=action == TAKE)
        return self._alarms.by_link(token, person=person, action=action, address=address)

    def by_reply(self, sender: str, text: str) -> Answer:
        """Accept an SMS reply: `4 CODE` with the code of an order, from the number of a person whom it has called.

        Codes of orders are longer than those of alarms; every other text is a reply to an alarm.
        """
        code = code_of(text)
        if not code:
            return self._alarms.by_reply(sender, text)
        if not self._limiter.permits(sender):
            return _answer("often")
        with self._engine.begin() as connection:
            found = with_code(connection, code, self._clock())
            for order in found:
                own = self._called_with(connection, order, sender)
                if own:
                    done = {one["person"] for one in order.acknowledged}
                    person = next((one for one in own if one.id not in done), own[0])
                    answer = self._record(connection, order, person, via=SMS, valid=True)
                    if answer.reason != "received":
                        self._refused(connection, order, answer.reason, sender)
                    return answer
            if not found:
                return _answer("code")
            self._refused(connection, found[0], "stranger", sender)
            return _answer("stranger")

    def by_key(self, notice_id: str, key: str) -> Answer:
        """Accept a key that was pressed during the call of a notice."""
        with self._engine.begin() as connection:
            found = self._of_notice(connection, notice_id)
            if found is not None:
                notice, order = found
                person = next(iter(self._persons(connection, notice)), None)
                return self._record(connection, order, person, via=KEY, valid=key == TAKE)
        return self._alarms.by_key(notice_id, key)

    def receive(self, order_id: str, actor: Actor) -> EmergencyOrder:
        """Confirm the receipt as the person of the own account. Raises NotFound, Forbidden and GuardFailed."""
        require(actor, OPERATION)
        with self._engine.begin() as connection:
            row = connection.execute(select(emergency_orders).where(emergency_orders.c.id == order_id)).first()
            if row is None or not actor.sees(row.site):
                raise NotFound("order", order_id)
            order, duty = rows.record(EmergencyOrder, row), self._duty(connection, row.site)
            person = None if duty is None else duty.roster.person_of(actor.username)
            if person is None or person.id not in {one["person"] for one in order.called}:
                raise Forbidden(OPERATION, ("the order did not call your account's person", "该指令没有通知您本人"))
            answer = self._record(connection, order, person, via=CONSOLE, valid=True)
            if answer.reason == "ended":
                raise GuardFailed("state", answer.text["zh"], answer.text["en"])
            found = connection.execute(select(emergency_orders).where(emergency_orders.c.id == order_id)).one()
            return rows.record(EmergencyOrder, found)

    def _of_notice(self, connection: Connection, notice_id: str | None) -> tuple[Notice, EmergencyOrder] | None:
        """Return a notice of an order to persons with the order; None for another notice."""
        row = connection.execute(select(notices).where(notices.c.id == (notice_id or ""))).first()
        if row is None or not row.type.startswith(ORDERS) or "to" not in row.body:
            return None
        order = select(emergency_orders).where(emergency_orders.c.id == row.body.get("order"))
        found = connection.execute(order).first()
        return None if found is None else (rows.record(Notice, row), rows.record(EmergencyOrder, found))

    def _persons(self, connection: Connection, notice: Notice) -> list[Person]:
        duty = self._duty(connection, notice.site)
        known: Mapping[str, Person] = {} if duty is None else duty.roster.persons
        return [known[name] for name in notice.body["to"]["persons"] if name in known]

    def _called_with(self, connection: Connection, order: EmergencyOrder, sender: str) -> list[Person]:
        """Return the called persons with a telephone number; a shared one has several."""
        duty = self._duty(connection, order.site)
        known = () if duty is None else (duty.roster.persons.get(one["person"]) for one in order.called)
        return [one for one in known if one is not None and has_number(one, sender)]

    def _refused(self, connection: Connection, order: EmergencyOrder, reason: str, sender: str) -> None:
        """Record a refused reply, without the whole number of the sender."""
        if self._limiter.records():
            journal.append(
                connection,
                at_ns=self._clock(),
                actor="unknown",
                kind="order.receipt_refused",
                site=order.site,
                subject=order.id,
                facts={"reason": reason, "via": SMS, "sender": sender[-4:]},
            )

    def _record(
        self, connection: Connection, order: EmergencyOrder, person: Person | None, *, via: str, valid: bool
    ) -> Answer:
        """Record the receipt of a person once. A refusal changes nothing."""
        reason = "received"
        if order.state != "active":
            reason = "ended"
        elif person is None:
            reason = "person"
        elif not valid:
            reason = "key"
        elif any(one["person"] == person.id for one in order.acknowledged):
            reason = "used"
        if person is None or reason != "received":
            return _answer(reason, order)
        receipt: dict[str, Any] = {"person": person.id, "name": person.name, "via": via, "at_ns": self._clock()}
        after = replace(order, acknowledged=(*order.acknowledged, receipt))
        rows.save(connection, emergency_orders, after)
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=person.username,
            kind="order.received",
            site=order.site,
            subject=order.id,
            facts={"via": via, "person": person.id, "done": len(after.acknowledged), "called": len(after.called)},
            rows=[rows.change(emergency_orders, order, after)],
        )
        return _answer(reason, after)


def _answer(reason: str, order: EmergencyOrder | None = None) -> Answer:
    count = {} if order is None else {"done": len(order.acknowledged), "called": len(order.called)}
    zh, en = (text.format(**count) for text in _ANSWERS[reason])
    return Answer(reason in {"received", "used"}, reason, {"zh": zh, "en": en})
