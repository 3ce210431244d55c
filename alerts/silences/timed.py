"""Changes of silences by time: end, missed patrol, reminder to the owner."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Connection, select

from alerts.database import rows as records
from alerts.database.commits import mark_written
from alerts.database.schema import notices
from alerts.escalations.pager import Router
from alerts.model import Notice, identity
from alerts.notices.writer import CONSOLE
from alerts.risk.registry import Registry
from alerts.timestamps import local_time
from detectors import Calendar

from .limits import limits
from .muting import open_silences
from .silence import EXPIRED, PATROL_MISSED, Silence
from .silences import finish, save

REMINDER = "silence.reminder"
"""Type of the notice to the owner, and kind of the entry."""
ORDER = {"app": 0.0, "email": 0.0, "sms": 0.0}
SYSTEM = "system"


class SilenceTimes:
    """Applies the changes that are due, within the caller's transaction."""

    def __init__(self, registry: Registry, router: Router, missed: Callable[[Connection, Silence], None]) -> None:
        """missed: pages that the patrol of a silence was missed, which has ended it."""
        self._registry, self._router, self._missed = registry, router, missed
        self._calendar = Calendar.from_table(registry.calendar)

    def settle(self, connection: Connection, now_ns: int) -> None:
        """End silences that have expired or whose patrol was missed; remind the owners of those that end soon."""
        for one in open_silences(connection):
            due_ns = one.due_ns(self._calendar, now_ns)
            if now_ns >= one.ends_ns:
                finish(connection, one, actor=SYSTEM, cause=EXPIRED, now_ns=now_ns)
            elif due_ns is not None and now_ns > due_ns:
                self._missed(connection, finish(connection, one, actor=SYSTEM, cause=PATROL_MISSED, now_ns=now_ns))
            elif self._reminds(one, now_ns):
                after = replace(one, reminded_ns=now_ns, version=one.version + 1)
                save(connection, one, after, REMINDER, actor=SYSTEM, facts={"owner": one.owner}, now_ns=now_ns)
                self._remind(connection, one, now_ns)

    @staticmethod
    def _reminds(one: Silence, now_ns: int) -> bool:
        ahead_ns = limits().reminder_ns.get(one.kind, 0)
        return one.reminded_ns is None and one.ends_ns - ahead_ns <= now_ns and one.starts_ns <= now_ns

    def _remind(self, connection: Connection, one: Silence, now_ns: int) -> None:
        """Write the reminder: to the addresses of the owner in the roster, and to the list of notices."""
        duty = self._router.duty(connection, one.site)
        person = None if duty is None else duty.roster.person_of(one.owner)
        until, where = local_time(one.ends_ns, self._registry.timezone), self._where(one)
        text = {
            "zh": f"您负责的静默将于{until}结束：{where['zh']}，{one.reason}",
            "en": f"your silence ends at {until}: {where['en']}, {one.reason}",
        }
        body = {"site": one.site, "grade": "blue", "place": where, "text": text, "page": False, "silence": one.id}
        found = [self._notice(one, CONSOLE, "", body, now_ns)]
        for message in self._router.reach.messages([person] if person else [], ORDER):
            to = {"address": message.address, "medium": message.medium, "persons": list(message.persons)}
            found.append(self._notice(one, message.channel, message.address, {**body, "to": to}, now_ns))
        for notice in found:
            if connection.execute(select(notices.c.id).where(notices.c.id == notice.id)).first() is None:
                records.add(connection, notices, notice)
        mark_written(connection)

    @staticmethod
    def _notice(one: Silence, channel: str, address: str, body: dict[str, object], now_ns: int) -> Notice:
        key = f"msg_{identity(REMINDER, one.id, channel, address)}"
        about = (one.site, "", "")
        made = Notice.pending(key, channel=channel, type=REMINDER, body=body, at_ns=now_ns, about=about)
        return replace(made, state="sent", delivered_ns=now_ns) if channel == CONSOLE else made

    def _where(self, one: Silence) -> dict[str, str]:
        return where(one, self._registry)


def where(one: Silence, registry: Registry) -> dict[str, str]:
    """Return the place, zone or sensor of a silence in both languages; the site without any of them."""
    if one.place:
        return dict(registry.place_name(one.site, one.place))
    zone = registry.zones.get((one.site, one.zone))
    if zone is not None:
        return {"zh": zone.name_zh or zone.id, "en": zone.name_en or zone.id}
    site = registry.site(one.site)
    if one.sensor:
        return {"zh": one.sensor, "en": one.sensor}
    return {"zh": site.name_zh or site.id, "en": site.name_en or site.id}
