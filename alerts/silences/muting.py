"""Muting of pages by silences: coverage of an alarm, and pages that follow when it ends.

A muted page keeps its detection, hazard, ticket and journal entry. It pages as soon as no silence covers its alarm.
A silence that cannot be read mutes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from alerts.database.schema import findings, muted_pages, silences
from alerts.model import Finding, Hazard
from alerts.risk.causes import causes
from detectors import Calendar

from .silence import UNREADABLE, Silence, silence_of

DRILL_RULE = "drill"
"""Rule of the alarm of a roster drill, which a silence never mutes."""


class Muting:
    """Decides about the pages of one transaction; it reads the silences of a site once."""

    def __init__(self, connection: Connection, calendar: Mapping[str, Any], sites: Collection[str] = ()) -> None:
        """calendar: table of the registry; sites: those whose silences are read at once."""
        self._connection, self._table = connection, calendar
        self._calendar: Calendar | None = None
        self._known: dict[str, list[Silence]] = {site: [] for site in sites}
        for silence in open_silences(connection, sites) if sites else ():
            self._known[silence.site].append(silence)

    def decide(self, hazard: Hazard, seen: Finding, *, pages: bool) -> tuple[bool, Silence | None]:
        """Return whether a change of the hazard pages now, and the silence that mutes its page.

        A detection outside of the silence pages an alarm whose earlier page was muted.
        """
        now_ns = seen.recorded_ns
        if not self._of(hazard.site) or seen.rule == DRILL_RULE:
            return pages, None
        if pages:
            found = self.covering(hazard, now_ns, sensors=(seen.sensor,))
            return found is None, found
        waiting = seen.pages and hazard.active and hazard.acknowledged_by is None
        if waiting and self._is_muted(hazard) and self.covering(hazard, now_ns, sensors=(seen.sensor,)) is None:
            forget(self._connection, hazard.id)
            return True, None
        return False, None

    def keep(self, hazard: Hazard, seen: Finding, silence: Silence, facts: Mapping[str, Any]) -> None:
        """Keep a muted page until no silence covers the alarm, and page then. facts: of its journal entry."""
        forget(self._connection, hazard.id)
        row = {"hazard": hazard.id, "site": hazard.site, "silence": silence.id, "since_ns": hazard.since_ns}
        row |= {"finding": seen.id, "facts": dict(facts), "at_ns": seen.recorded_ns}
        self._connection.execute(insert(muted_pages).values(row))

    def covering(self, hazard: Hazard, at_ns: int, *, sensors: Sequence[str] = ()) -> Silence | None:
        """Return a silence that mutes the hazard at a time, None without one. sensors: further ones that detect it.

        An alarm of life safety that began before the window goes on: a person acknowledges it.
        """
        life_safety = causes()[hazard.kind].life_safety
        for one in self._of(hazard.site):
            if not _of_matcher(one, hazard) or not one.mutes(self._hours(), at_ns, life_safety=life_safety):
                continue
            window = one.window(self._hours(), at_ns)
            if life_safety and window is not None and hazard.since_ns < window[0]:
                continue
            if not one.sensor or {*sensors, *self._sensors(hazard)} <= {one.sensor}:
                return one
        return None

    def _of(self, site: str) -> Sequence[Silence]:
        if site not in self._known:
            self._known[site] = open_silences(self._connection, [site])
        return self._known[site]

    def _hours(self) -> Calendar:
        if self._calendar is None:
            self._calendar = Calendar.from_table(self._table)
        return self._calendar

    def _sensors(self, hazard: Hazard) -> set[str]:
        query = select(findings.c.sensor).where(findings.c.hazard == hazard.id, findings.c.active).distinct()
        return set(self._connection.scalars(query))

    def _is_muted(self, hazard: Hazard) -> bool:
        same = (muted_pages.c.hazard == hazard.id, muted_pages.c.since_ns == hazard.since_ns)
        return self._connection.execute(select(muted_pages.c.hazard).where(*same)).first() is not None


def open_silences(connection: Connection, sites: Collection[str] | None = None) -> list[Silence]:
    """Return the silences without an end, of sites or of all; none if they cannot be read: everything pages."""
    query = select(silences).where(silences.c.ended_ns.is_(None)).order_by(silences.c.created_ns, silences.c.id)
    if sites is not None:
        query = query.where(silences.c.site.in_(sorted(sites)))
    found, log = list[Silence](), structlog.get_logger(part="silences")
    try:
        with connection.begin_nested():  # a failed statement must not end the transaction of an alarm
            rows = connection.execute(query).all()
    except SQLAlchemyError:
        log.exception("the silences cannot be read; every alarm pages")
        return found
    for row in rows:
        try:
            found.append(silence_of(row))
        except UNREADABLE:
            log.exception("a silence cannot be read; its alarms page", silence=row.id)
    return found


def forget(connection: Connection, hazard: str) -> None:
    """Remove the muted page of a hazard."""
    connection.execute(delete(muted_pages).where(muted_pages.c.hazard == hazard))


def _of_matcher(silence: Silence, hazard: Hazard) -> bool:
    """Return whether zone, place and cause match; a hazard that has spread is no longer of one place."""
    here = {hazard.place, *hazard.places}
    return (
        silence.site == hazard.site
        and silence.zone in {"", hazard.zone}
        and (not silence.place or here == {silence.place})
        and silence.cause in {"", hazard.cause}
    )
