"""Rosters in the database: one row for each site, with a version; each change is audited."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, true, update

from alerts.database import journal
from alerts.database.keyset import Column, Order, Page
from alerts.database.row_changes import added, changed, removed
from alerts.database.schema import journal as journal_table
from alerts.database.schema import rosters
from alerts.errors import Invalid, NotFound, RosterError, Stale
from alerts.people.access import SYSTEM, Actor
from detectors import Calendar

from .duty import Duty
from .model import Roster
from .reader import TABLES, plain, read_roster


@dataclass(frozen=True, slots=True)
class StoredRoster:
    """The roster of a site as its author wrote it, and its version."""

    site: str
    version: int
    table: Mapping[str, Any]


WRITTEN = "roster.written"
ROSTER_ORDER: Order[StoredRoster] = Order("rosters", (Column(rosters.c.site, str),), lambda one: (one.site,))
"""By site."""


class Rosters:
    """Rosters of all sites. Methods may be called from several threads."""

    def __init__(self, engine: Engine, calendar: Calendar, clock: Callable[[], int]) -> None:
        self._engine, self._calendar, self._clock = engine, calendar, clock
        self._reading = engine.execution_options(writes=False)
        self._read: dict[str, tuple[int, Duty]] = {}

    def page(self, actor: Actor, page: Page) -> list[StoredRoster]:
        """Return the rosters of the actor's sites in ROSTER_ORDER. Raises Invalid for the cursor."""
        scope = true() if actor.sites is None else rosters.c.site.in_(sorted(actor.sites))
        with self._reading.connect() as connection:
            found = connection.execute(ROSTER_ORDER.page(select(rosters).where(scope), page)).all()
        return [StoredRoster(row.site, row.version, json.loads(row.content)) for row in found]

    def versions(self, sites: Collection[str] | None = None) -> dict[str, int]:
        """Return the version of the roster of each site that has one. sites: only these."""
        query = select(rosters.c.site, rosters.c.version)
        with self._reading.connect() as connection:
            found = connection.execute(query if sites is None else query.where(rosters.c.site.in_(sorted(sites))))
            return {row.site: row.version for row in found}

    def get(self, actor: Actor, site: str) -> StoredRoster:
        """Return the roster of a site. Raises NotFound, also for a site out of scope."""
        if not actor.sees(site):
            raise NotFound("roster", site)
        with self._reading.connect() as connection:
            return self.stored(connection, site)

    def put(self, actor: Actor, site: str, table: Mapping[str, Any], *, version: int | None) -> StoredRoster:
        """Create or replace the roster of a site. version: that of the present roster, None to create one.

        Raises Invalid with all errors, and Stale if the roster has another version.
        """
        with self._engine.begin() as connection:
            return self.write(connection, actor, site, table, version=version)

    def write(
        self, connection: Connection, actor: Actor, site: str, table: Mapping[str, Any], *, version: int | None
    ) -> StoredRoster:
        """Create or replace the roster of a site in the caller's transaction. Raises as `put`."""
        try:
            roster = read_roster(site, table)
        except RosterError as error:
            raise Invalid.in_both(
                {f"roster {number}": (fault, f"值班表有误：{fault}") for number, fault in enumerate(error.errors, 1)}
            ) from error
        content = json.dumps(plain(dict(table)), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        before = connection.execute(select(rosters).where(rosters.c.site == site)).mappings().first()
        present = before["version"] if before else 0
        if present != (version or 0):
            raise Stale(version or 0, present)
        following = (_last_version(connection, site) if before is None else present) + 1
        row = {"site": site, "version": following, "content": content}
        if before is None:
            connection.execute(insert(rosters).values(row))
            change = added(rosters, row)
        else:
            same = (rosters.c.site == site) & (rosters.c.version == present)
            if connection.execute(update(rosters).where(same).values(row)).rowcount != 1:
                raise Stale(present, present + 1)
            change = changed(rosters, dict(before), row)
        facts = {"version": following} | _facts(roster)
        self._note(connection, WRITTEN, actor, site, facts=facts, rows=[change])
        return StoredRoster(site, following, json.loads(content))

    def stored(self, connection: Connection, site: str) -> StoredRoster:
        """Return the roster of a site in the caller's transaction. Raises NotFound."""
        row = connection.execute(select(rosters).where(rosters.c.site == site)).first()
        if row is None:
            raise NotFound("roster", site)
        return StoredRoster(row.site, row.version, json.loads(row.content))

    def remove(self, actor: Actor, site: str, *, version: int) -> None:
        """Delete the roster of a site; its pages follow the settings again. Raises NotFound and Stale."""
        found = self.get(actor, site)
        with self._engine.begin() as connection:
            same = (rosters.c.site == site) & (rosters.c.version == version)
            if connection.execute(delete(rosters).where(same)).rowcount != 1:
                raise Stale(version, found.version)
            change = removed(rosters, {"site": site})
            self._note(connection, "roster.removed", actor, site, facts={}, rows=[change])

    def fill(self, tables: Mapping[str, Mapping[str, Any]]) -> list[str]:
        """Store the rosters of sites that have none; return these sites."""
        with self._reading.connect() as connection:
            known = set(connection.scalars(select(rosters.c.site)))
        new = [site for site in tables if site not in known]
        for site in new:
            self.put(SYSTEM, site, tables[site], version=None)
        return new

    def duty(self, connection: Connection, site: str) -> Duty | None:
        """Return the persons on duty of a site in the caller's transaction, None without a roster.

        Raises RosterError for a roster that cannot be read.
        """
        query = select(rosters.c.site, rosters.c.version, rosters.c.content).where(rosters.c.site == site)
        row = connection.execute(query).first()
        if row is None:
            return None
        known = self._read.get(site)
        return known[1] if known is not None and known[0] == row.version else self._keep(row)

    def duties_at(self, connection: Connection, sites: Collection[str] | None = None) -> dict[str, Duty]:
        """Return the persons on duty of sites, None for all, with a roster that can be read.

        One statement in the caller's transaction, a second one for rosters that changed since they were last read.
        """
        query = select(rosters.c.site, rosters.c.version)
        if sites is not None:
            query = query.where(rosters.c.site.in_(sorted(sites)))
        versions = {row.site: row.version for row in connection.execute(query)}
        stale = [site for site, version in versions.items() if self._read.get(site, (0, None))[0] != version]
        if stale:
            columns = (rosters.c.site, rosters.c.version, rosters.c.content)
            for row in connection.execute(select(*columns).where(rosters.c.site.in_(sorted(stale)))):
                with suppress(RosterError):
                    self._keep(row)
        known = ((site, version, self._read.get(site)) for site, version in sorted(versions.items()))
        return {site: kept[1] for site, version, kept in known if kept is not None and kept[0] == version}

    def _keep(self, row: Any) -> Duty:
        """Read a stored roster and keep it. Raises RosterError."""
        try:
            duty = Duty(read_roster(row.site, json.loads(row.content)), self._calendar)
        except (AttributeError, TypeError, ValueError) as error:
            raise RosterError([f"roster of {row.site}: {error}; allowed is a table in JSON"]) from error
        self._read[row.site] = row.version, duty
        return duty

    def present_at(self, sites: Collection[str]) -> dict[str, Duty]:
        """Return the persons on duty of sites with a roster that can be read."""
        with self._reading.connect() as connection:
            return self.duties_at(connection, sites)

    def present(self, site: str) -> Duty | None:
        """Return the persons on duty of a site; None without a roster, or with one that cannot be read."""
        with self._reading.connect() as connection, suppress(RosterError):
            return self.duty(connection, site)
        return None

    def duties(self) -> list[Duty]:
        """Return the persons on duty of each site with a roster that can be read."""
        return self.read_all()[0]

    def known(self) -> list[Duty]:
        """Return the persons on duty of each site, by the rosters as last read; it reads no database."""
        return [duty for _, duty in list(self._read.values())]

    def read_all(self) -> tuple[list[Duty], dict[str, RosterError]]:
        """Return the persons on duty of each site, and site -> error of the rosters that cannot be read."""
        found: list[Duty] = []
        broken: dict[str, RosterError] = {}
        with self._reading.connect() as connection:
            sites = connection.scalars(select(rosters.c.site).order_by(rosters.c.site)).all()
            for site in self._read.keys() - set(sites):
                self._read.pop(site, None)
            for site in sites:
                try:
                    duty = self.duty(connection, site)
                except RosterError as error:
                    broken[site] = error
                else:
                    found += [] if duty is None else [duty]
        return found, broken

    def _note(
        self,
        connection: Connection,
        kind: str,
        actor: Actor,
        site: str,
        *,
        facts: Mapping[str, Any],
        rows: list[Any],
    ) -> None:
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=actor.username,
            kind=kind,
            site=site,
            subject=_subject(site),
            facts=facts,
            rows=rows,
        )


def _subject(site: str) -> str:
    return f"roster.{site}"


def _last_version(connection: Connection, site: str) -> int:
    """Return the version of the roster last written for a site, 0 for none: no two rosters of a site share one."""
    own = journal_table.c
    query = select(own.seq, own.body).where(own.subject == _subject(site), own.kind == WRITTEN)
    row = connection.execute(query.order_by(own.seq.desc()).limit(1)).first()
    return 0 if row is None else int(journal.entry(row.seq, row.body).facts["version"])


def _facts(roster: Roster) -> dict[str, int]:
    sizes = (roster.persons, roster.posts, roster.shifts, roster.exceptions, roster.chains, roster.orders)
    return {name: len(size) for name, size in zip(TABLES, sizes, strict=True)}
