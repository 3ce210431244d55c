"""Notices of orders: to devices, programs and people, and to every contact of the site's roster.

A device sounds for one order at a time. An all-clear never silences another order that it sounds: the device then
receives that order again. A drill never replaces the tone of a real order.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from alerts.database import rows
from alerts.database.commits import mark_written
from alerts.database.schema import notices
from alerts.escalations.acknowledgements import TAKE
from alerts.model import EmergencyOrder, Notice, identity
from alerts.notices.channels.contract import Channel, Personal
from alerts.notices.channels.routes import ORDERS, wants
from alerts.notices.withdrawals import ALL_CLEAR, withdraw_orders
from alerts.notices.writer import CONSOLE
from alerts.risk.registry import Registry
from alerts.rosters.duty import Duty
from alerts.rosters.model import MEDIA
from alerts.rosters.reach import Message, Reach
from alerts.timestamps import format_time

from .reply_codes import order_code

ACTIONS: Mapping[str, Mapping[str, str]] = {
    "evacuate": {"zh": "紧急疏散：请立即沿疏散路线撤离", "en": "evacuate: leave now along the escape routes"},
    "lockdown": {"zh": "就地避险：锁门、远离门窗、保持安静", "en": "lockdown: lock doors, keep away from windows"},
}
"""Action -> its sentence."""


@dataclass(frozen=True, slots=True)
class Contacts:
    """Messages to the contacts of a roster, and the names of its persons."""

    messages: Sequence[Message] = ()
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


_CLEAR_TEXT = {"zh": "解除警报：可以恢复正常秩序", "en": "all clear: normal operation may resume"}


class OrderNotices:
    """Makes and writes the notices of orders."""

    def __init__(
        self,
        channels: Sequence[Channel],
        registry: Registry,
        duty: Callable[[Connection, str], Duty | None],
    ) -> None:
        """duty: persons of a site by its roster, None without one."""
        self._channels, self._registry, self._duty = tuple(channels), registry, duty
        self._reach = Reach(channels)

    def write(
        self,
        connection: Connection,
        order: EmergencyOrder,
        action: str,
        standing: Collection[EmergencyOrder],
        *,
        now_ns: int,
    ) -> None:
        """Write the notices in the caller's transaction; withdraw waiting ones that contradict them.

        standing: the active orders of the site.
        """
        found = self.of(order, action, standing, self.contacts(connection, order.site), now_ns=now_ns)
        if action == ALL_CLEAR:
            withdraw_orders(connection, order.site, lambda notice: _begins(notice, order.id))
        devices = {one.name for one in self._channels if _sounds(one)}
        begun = {one.channel: one for one in found if one.channel in devices and one.body["action"] != ALL_CLEAR}
        if order.sound:
            withdraw_orders(connection, order.site, lambda notice: _contradicts(notice, begun.get(notice.channel)))
        for notice in found:
            rows.add(connection, notices, notice)
        mark_written(connection)

    def contacts(self, connection: Connection, site: str) -> Contacts:
        """Return one message to each contact of the site's roster that a channel serves."""
        duty = self._duty(connection, site)
        if duty is None:
            return Contacts()
        everybody = list(duty.roster.persons.values())
        found = self._reach.messages(everybody, dict.fromkeys(MEDIA, 0.0))
        return Contacts(found, {one.id: one.name for one in everybody})

    def calling(self, order: EmergencyOrder, contacts: Contacts) -> EmergencyOrder:
        """Return the order with the persons whom its notices reach, besides those of earlier ones."""
        body, known = self._body(order, order.action), {one["person"] for one in order.called}
        found = [to["persons"] for _, to, _ in self._receivers(order, order.action, body, contacts)]
        found += [to["persons"] for to in self._own_channels(order.action, body, contacts).values()]
        new = [name for name in dict.fromkeys(itertools.chain(*found)) if name not in known]
        persons = [{"person": name, "name": dict(contacts.names[name])} for name in new]
        return replace(order, called=(*order.called, *persons))

    def of(
        self,
        order: EmergencyOrder,
        action: str,
        standing: Collection[EmergencyOrder],
        contacts: Contacts,
        *,
        now_ns: int,
    ) -> list[Notice]:
        """Return the notices of an order or its all-clear; the same arguments yield the same ids."""
        body = self._body(order, action)
        code = f"{TAKE} {order_code(order.id)}"
        reply = {} if action == ALL_CLEAR else {"reply": {"code": code, "link": ""}}
        found = [
            _notice((name, {"to": to, **reply}, cause), action, body, now_ns)
            for name, to, cause in self._receivers(order, action, body, contacts)
        ]
        own = self._own_channels(action, body, contacts)
        for channel in self._channels:
            over = self._over(channel, order, action, standing)
            if over is None:
                if wants(channel, f"{ORDERS}{action}", body, pages=True):
                    receiver = {"to": own[channel.name], **reply} if channel.name in own else {}
                    found.append(_notice((channel.name, receiver, _cause(order, action)), action, body, now_ns))
            elif action == ALL_CLEAR:
                cause = identity(_cause(over, over.action), "after", order.id, order.version)
                to = (channel.name, dict[str, Any](), cause)
                found.append(_notice(to, over.action, self._body(over, over.action), now_ns))
        console = _notice((CONSOLE, {}, _cause(order, action)), action, body, now_ns)
        return [*found, replace(console, state="sent", delivered_ns=now_ns)]

    def _receivers(
        self, order: EmergencyOrder, action: str, body: Mapping[str, Any], contacts: Contacts
    ) -> Iterator[tuple[str, dict[str, Any], str]]:
        """Yield channel, receiver and cause of each address whose channel receives orders of the site."""
        choices = {one.name: getattr(one, "accepts", None) for one in self._channels if isinstance(one, Personal)}
        for one in contacts.messages:
            accepts = choices.get(one.channel)
            if one.address and (accepts is None or accepts(f"{ORDERS}{action}", body, pages=True)):
                yield one.channel, _to(one), identity(_cause(order, action), one.medium, one.address)

    def _own_channels(self, action: str, body: Mapping[str, Any], contacts: Contacts) -> dict[str, dict[str, Any]]:
        """Return channel -> receiver of the contacts that name a channel without addresses."""
        wanted = {one.name for one in self._channels if wants(one, f"{ORDERS}{action}", body, pages=True)}
        return {one.channel: _to(one) for one in contacts.messages if not one.address and one.channel in wanted}

    def _over(
        self, channel: Channel, order: EmergencyOrder, action: str, standing: Collection[EmergencyOrder]
    ) -> EmergencyOrder | None:
        """Return the order that the device keeps sounding instead: a real one before a drill, then the newest."""
        if not _sounds(channel) or not order.sound:
            return None
        others = [one for one in standing if one.id != order.id and one.sound]
        if action != ALL_CLEAR:
            others = [one for one in others if order.drill and not one.drill]
        bodies = ((one, self._body(one, one.action)) for one in others)
        covering = [one for one, body in bodies if wants(channel, f"{ORDERS}{one.action}", body, pages=True)]
        return min(covering, key=lambda one: (one.drill, -one.ordered_ns, one.id), default=None)

    def _body(self, order: EmergencyOrder, action: str) -> dict[str, Any]:
        named = self._registry.zones.get((order.site, order.zone)) or self._registry.sites[order.site]
        words = _CLEAR_TEXT if action == ALL_CLEAR else ACTIONS[action]
        return {
            "order": order.id,
            "action": action,
            "site": order.site,
            "zone": order.zone,
            "place": {"zh": named.name_zh or named.id, "en": named.name_en or named.id},
            "grade": "red",
            "page": True,
            "drill": order.drill,
            "sound": order.sound,
            "ordered_at": format_time(order.ordered_ns),
            "text": {key: f"{text} {order.note}".strip() for key, text in words.items()},
        }


def _notice(to: tuple[str, Mapping[str, Any], str], action: str, body: Mapping[str, Any], now_ns: int) -> Notice:
    """Return a notice. to: channel, receiver and cause."""
    channel, receiver, cause = to
    about, whole = (str(body["site"]), "", ""), {**body, **receiver}
    key = f"msg_{identity(cause, channel)}"
    return Notice.pending(key, channel=channel, type=f"{ORDERS}{action}", body=whole, at_ns=now_ns, about=about)


def _to(message: Message) -> dict[str, Any]:
    return {"address": message.address, "medium": message.medium, "persons": list(message.persons)}


def _cause(order: EmergencyOrder, action: str) -> str:
    return identity("order", order.id, action, order.version)


def _sounds(channel: Channel) -> bool:
    return bool(getattr(channel, "sounds", False))


def _begins(notice: Notice, order: str) -> bool:
    return notice.body.get("order") == order and notice.body.get("action") != ALL_CLEAR


def _contradicts(notice: Notice, begun: Notice | None) -> bool:
    """Return whether a waiting notice would silence what the device now sounds, or sound a drill over it."""
    if begun is None:
        return False
    return notice.body.get("action") == ALL_CLEAR or (bool(notice.body.get("drill")) and not begun.body["drill"])
