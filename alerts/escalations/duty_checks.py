"""Periodic checks of rosters: gaps of the coming days, and the notice at the start of a shift."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import Engine, select

from alerts.database import rows as records
from alerts.database.commits import mark_written
from alerts.database.schema import notices
from alerts.database.storage_faults import StorageFault
from alerts.model import Notice, identity
from alerts.rosters.duty import SECOND_NS, Duty, Turn
from alerts.rosters.lint import FAULT_DAYS, Gap, gaps
from alerts.timestamps import local_time

from .pager import UNCOMPUTED, Router

BEGUN = "duty.began"
"""Type of the notice at the start of a shift."""
SHIFTS_EVERY_S, LINT_EVERY_S = 30.0, 86_400.0
LATE_NS = 900 * SECOND_NS
"""Time after the start of a shift in which its notice is still sent, after a pause of the service."""
NOTICE_ORDER = {"app": 0.0, "email": 0.0, "sms": 0.0}
NEXT_NS = 14 * 86_400 * SECOND_NS


class DutyChecks:
    """Runs the checks when they are due. One thread uses it."""

    def __init__(self, engine: Engine, router: Router, wall: Callable[[], int], zone: ZoneInfo) -> None:
        """wall: ns since 1970; zone: of the calendar."""
        self._engine, self._router, self._wall, self._zone = engine, router, wall, zone
        self._shifts_s = self._lint_s = float("-inf")
        self.fault: StorageFault | None = None

    def run(self, now_s: float, *, changed: bool) -> None:
        """Run the due checks; now_s: monotonic seconds. changed: a roster was written since the last call."""
        if changed or now_s - self._lint_s >= LINT_EVERY_S:
            self._lint_s = now_s
            self.fault = self._gap()
        if now_s - self._shifts_s >= SHIFTS_EVERY_S:
            self._shifts_s = now_s
            for duty in self._router.rosters.duties():
                try:
                    self._announce(duty)
                except UNCOMPUTED:
                    log = structlog.get_logger(part="rosters")
                    log.exception("the notices of shifts cannot be written", site=duty.roster.site)

    def _gap(self) -> StorageFault | None:
        """Return the first gap of the coming days as a fault."""
        duties, broken = self._router.rosters.read_all()
        for site, error in broken.items():
            zh, en = f"{site} 的值班表无法读取", f"the roster of {site} cannot be read ({error.errors[0][:200]})"
            return StorageFault("roster_unreadable", zh, en)
        now_ns = self._wall()
        found: list[Gap] = []
        for duty in duties:
            try:
                found += gaps(duty, self._router.reach, now_ns=now_ns, days=FAULT_DAYS)
            except UNCOMPUTED as error:
                zh, en = f"{duty.roster.site} 的值班表无法检查", f"the roster of {duty.roster.site} cannot be checked"
                return StorageFault("roster_unreadable", zh, f"{en} ({type(error).__name__})")
        if not found:
            return None
        first = min(found, key=lambda gap: gap.begin_ns)
        return StorageFault("roster_gap", first.text["zh"], first.text["en"])

    def _announce(self, duty: Duty) -> None:
        """Write the notices of the shifts that have begun, each once."""
        now_ns = self._wall()
        begun = [
            turn for turn in duty.turns(now_ns - LATE_NS, now_ns + 1) if now_ns - LATE_NS < turn.begin_ns <= now_ns
        ]
        for turn in begun:
            persons = [duty.roster.persons[name] for name in duty.on_duty(turn.post, now_ns)]
            body = self._body(duty, turn)
            for message in self._router.reach.messages(persons, NOTICE_ORDER):
                key = f"msg_{identity(BEGUN, duty.roster.site, turn.post, turn.begin_ns, *message[2:4])}"
                to = {"address": message.address, "medium": message.medium, "persons": list(message.persons)}
                about = (duty.roster.site, "", "")
                notice = Notice.pending(
                    key, channel=message.channel, type=BEGUN, body={**body, "to": to}, at_ns=now_ns, about=about
                )
                self._add(notice)

    def _add(self, notice: Notice) -> None:
        with self._engine.begin() as connection:
            if connection.execute(select(notices.c.id).where(notices.c.id == notice.id)).first() is None:
                records.add(connection, notices, notice)
                mark_written(connection)

    def _body(self, duty: Duty, turn: Turn) -> Mapping[str, Any]:
        """Return the payload: post, end of the shift, next person."""
        post = duty.roster.posts[turn.post]
        later = [one for one in duty.turns(turn.end_ns, turn.end_ns + NEXT_NS) if one.post == turn.post]
        following = min(
            (one for one in later if one.begin_ns >= turn.end_ns), key=lambda one: one.begin_ns, default=None
        )
        names = duty.on_duty(turn.post, following.begin_ns) if following else ()
        next_ = [duty.roster.persons[name].name for name in names]
        until = local_time(turn.end_ns, self._zone)
        zh = f"您的值班已开始：{post.name['zh']}，至 {until}" + (
            f"，下一班：{'、'.join(one['zh'] for one in next_)}" if next_ else ""
        )
        en = f"you are on duty: {post.name['en']}, until {until}" + (
            f"; next: {', '.join(one['en'] for one in next_)}" if next_ else ""
        )
        return {
            "site": duty.roster.site,
            "grade": "blue",
            "place": post.name,
            "text": {"zh": zh, "en": en},
            "page": False,
        }
