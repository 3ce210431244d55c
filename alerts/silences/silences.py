"""Silences of a site: create, list, end early, patrol entries. Every change is audited."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from alerts.database import journal
from alerts.database.row_changes import added, changed
from alerts.database.schema import silences
from alerts.errors import GuardFailed, NotFound, Stale
from alerts.model import Hazard
from alerts.people.access import Actor, allowed, require
from alerts.risk.causes import causes
from alerts.risk.registry import Registry
from detectors import Calendar
from ingest import Catalog

from .checks import Wanted, check
from .muting import Muting, open_silences
from .silence import ENDED_BY_PERSON, UNREADABLE, Silence, covers_life_safety, silence_of, values_of

SEE, SILENCE, PATROL = "see_silences", "silence", "patrol"
LIFE_SAFETY = "silence_life_safety"
LISTED_MAX = 500
PATROLS_MAX = 4_000
"""Patrol entries of one silence at most: those of a term with one window a day, every 5 min for an hour."""


class Silences:
    """Silences of all sites. Methods may be called from several threads."""

    def __init__(self, engine: Engine, registry: Registry, clock: Callable[[], int]) -> None:
        self._engine, self._registry, self._clock = engine, registry, clock
        self._reading = engine.execution_options(writes=False)
        self.calendar = Calendar.from_table(registry.calendar)

    def create(self, actor: Actor, wanted: Wanted, catalog: Catalog | None = None) -> Silence:
        """Create a silence. Raises Forbidden, NotFound for a site out of scope, and Invalid with every fault.

        catalog: of the sensors that a silence may name beside the declared ones.
        """
        require(actor, SILENCE)
        _scope(actor, wanted.site)
        if wanted.patrol is not None or covers_life_safety(wanted.cause):
            require(actor, LIFE_SAFETY)
        now_ns = self._clock()
        with self._engine.begin() as connection:
            check(connection, self._registry, wanted, catalog, now_ns=now_ns)
            made = Silence(
                id=secrets.token_hex(12),
                **asdict(wanted),
                patrols=(),
                patrolled_ns=None,
                reminded_ns=None,
                ended_ns=None,
                ended_by=None,
                end_cause="",
                created_by=actor.username,
                created_ns=now_ns,
            )
            connection.execute(insert(silences).values(values_of(made)))
            note(connection, "silence.created", None, made, actor=actor.username, now_ns=now_ns)
        return made

    def end(self, actor: Actor, site: str, silence_id: str, *, version: int | None = None) -> Silence:
        """End a silence early; its muted alarms page.

        Raises Forbidden, NotFound, Stale and GuardFailed.
        """
        require(actor, SILENCE)
        with self._engine.begin() as connection:
            before = self._find(connection, actor, site, silence_id)
            if version is not None and version != before.version:
                raise Stale(version, before.version)
            _require_open(before)
            return finish(connection, before, actor=actor.username, cause=ENDED_BY_PERSON, now_ns=self._clock())

    def patrolled(self, actor: Actor, site: str, silence_id: str, text: str) -> Silence:
        """Add a patrol entry, by its person or an officer. Raises Forbidden, NotFound and GuardFailed."""
        require(actor, PATROL)
        with self._engine.begin() as connection:
            before, now_ns = self._find(connection, actor, site, silence_id), self._clock()
            _require_open(before)
            if before.patrol is None or before.window(self.calendar, now_ns) is None:
                raise GuardFailed("no_patrol", "此静默现在不需要巡查", "no patrol is due for this silence now")
            if actor.username != before.patrol["by"] and not allowed(actor, LIFE_SAFETY):
                raise GuardFailed("other_person", "巡查由指定人员登记", "the named person records the patrol")
            if len(before.patrols) >= PATROLS_MAX:
                raise GuardFailed("full", "巡查记录已满，请新建静默", f"{PATROLS_MAX} entries; create a new silence")
            entry = {"at_ns": now_ns, "by": actor.username, "note": text}
            after = replace(before, patrols=(*before.patrols, entry), patrolled_ns=now_ns, version=before.version + 1)
            save(connection, before, after, "silence.patrolled", actor=actor.username, facts=entry, now_ns=now_ns)
            return after

    def one(self, actor: Actor, site: str, silence_id: str) -> Silence:
        """Return one silence. Raises Forbidden and NotFound."""
        require(actor, SEE)
        with self._reading.connect() as connection:
            return self._find(connection, actor, site, silence_id)

    def of_site(self, actor: Actor, site: str, *, ended: bool = False) -> list[Silence]:
        """Return the silences of a site without an end, the next end first; ended: those that have ended, newest first.

        Raises Forbidden and NotFound.
        """
        require(actor, SEE)
        _scope(actor, site)
        with self._reading.connect() as connection:
            if not ended:
                return sorted(open_silences(connection, [site]), key=lambda one: (one.ends_ns, one.id))
            query = select(silences).where(silences.c.site == site, silences.c.ended_ns.is_not(None))
            rows = connection.execute(query.order_by(silences.c.ended_ns.desc(), silences.c.id).limit(LISTED_MAX))
            return [one for one in map(_read, rows) if one is not None]

    def active(self, site: str) -> list[tuple[Silence, int]]:
        """Return the silences in a window now with the ends of these windows, the next end first.

        The caller has checked the scope.
        """
        with self._reading.connect() as connection:
            return active_now(connection, self.calendar, site, self._clock())

    def covering(self, hazards: Sequence[Hazard]) -> dict[str, tuple[str, int]]:
        """Return hazard -> id and end of the window that mutes it now. The caller has checked the scope."""
        found: dict[str, tuple[str, int]] = {}
        with self._reading.connect() as connection:
            sites = {hazard.site for hazard in hazards if hazard.active}
            muting, now_ns = Muting(connection, self._registry.calendar, sites), self._clock()
            for hazard in hazards:
                silence = muting.covering(hazard, now_ns) if hazard.active else None
                window = silence.window(self.calendar, now_ns) if silence else None
                if silence is not None and window is not None:
                    found[hazard.id] = silence.id, window[1]
        return found

    def _find(self, connection: Connection, actor: Actor, site: str, silence_id: str) -> Silence:
        same = (silences.c.id == silence_id, silences.c.site == site)
        row = connection.execute(select(silences).where(*same)).first() if actor.sees(site) else None
        if row is None:
            raise NotFound("silence", silence_id)
        return silence_of(row)


def offered(actor: Actor) -> tuple[list[str], bool]:
    """Return the causes that the person may silence, sorted, and whether a silence of any cause is permitted."""
    if not allowed(actor, SILENCE):
        return [], False
    officer = allowed(actor, LIFE_SAFETY)
    return sorted({one.name for one in causes().values() if officer or not one.life_safety}), officer


def active_now(connection: Connection, calendar: Calendar, site: str, now_ns: int) -> list[tuple[Silence, int]]:
    """Return the silences of a site in a window at a time with its end, the next end first."""
    found = [(one, one.window(calendar, now_ns)) for one in open_silences(connection, [site])]
    return sorted(((one, span[1]) for one, span in found if span), key=lambda pair: (pair[1], pair[0].id))


def finish(connection: Connection, before: Silence, *, actor: str, cause: str, now_ns: int) -> Silence:
    """End a silence for a cause; return it."""
    after = replace(before, ended_ns=now_ns, ended_by=actor, end_cause=cause, version=before.version + 1)
    save(connection, before, after, "silence.ended", actor=actor, facts={"cause": cause}, now_ns=now_ns)
    return after


def save(
    connection: Connection,
    before: Silence,
    after: Silence,
    kind: str,
    *,
    actor: str,
    facts: Mapping[str, Any],
    now_ns: int,
) -> None:
    """Save a changed silence and its journal entry."""
    connection.execute(update(silences).where(silences.c.id == after.id).values(values_of(after)))
    note(connection, kind, before, after, actor=actor, now_ns=now_ns, facts=facts)


def note(
    connection: Connection,
    kind: str,
    before: Silence | None,
    after: Silence,
    *,
    actor: str,
    now_ns: int,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write the journal entry of a silence with its changed row."""
    values = values_of(after)
    names = ("kind", "zone", "place", "sensor", "cause", "owner", "reason", "starts_ns", "ends_ns", "patrol", "weekly")
    journal.append(
        connection,
        at_ns=now_ns,
        actor=actor,
        kind=kind,
        site=after.site,
        subject=after.id,
        facts=dict(facts) if facts is not None else {name: values[name] for name in names},
        rows=[added(silences, values) if before is None else changed(silences, values_of(before), values)],
    )


def _scope(actor: Actor, site: str) -> None:
    if not actor.sees(site):
        raise NotFound("site", site)


def _require_open(silence: Silence) -> None:
    if silence.ended_ns is not None:
        raise GuardFailed("silence_ended", "此静默已经结束", "the silence has ended")


def _read(row: Any) -> Silence | None:
    try:
        return silence_of(row)
    except UNREADABLE:
        return None
