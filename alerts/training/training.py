"""Training of all sites: courses by post, records of persons, the plan, and lapses for live grading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, Engine, delete, select

from alerts.database import journal
from alerts.database.row_changes import RowChange, removed
from alerts.database.schema import training_courses, training_records
from alerts.errors import Invalid, NotFound, RosterError, Stale
from alerts.people.access import Actor, require
from alerts.risk.live_rules import live_rules
from alerts.rosters.duty import Duty
from alerts.rosters.store import Rosters

from .records import STATES, Course, Lapse, Need, Record, course_of, lapses, needs
from .rows import course_row, courses_at, courses_of, newest, write, write_records
from .validation import Fault, Known, NewRecord, course_fields, record_row, refuse

COURSES_MAX, RECORDS_MAX = 500, 5_000
"""Courses of a site, records of one request."""
LIST_MAX = 20_000
"""Records of a site that a list has, the newest."""
SECOND_NS = 1_000_000_000
SEE, MANAGE = "see_posts", "manage_training"


class Training:
    """Courses and records in the database. Methods may be called from several threads."""

    def __init__(self, engine: Engine, rosters: Rosters, clock: Callable[[], int]) -> None:
        self._engine, self._rosters, self._clock = engine, rosters, clock
        self._reading = engine.execution_options(writes=False)

    def courses(self, actor: Actor, site: str) -> list[Course]:
        """Return the courses of a site by id. Raises Forbidden, NotFound."""
        _allow(actor, SEE, site)
        with self._reading.connect() as connection:
            return courses_of(connection, site)

    def of_sites(self, connection: Connection, sites: Collection[str]) -> dict[str, list[Course]]:
        """Return the courses of each site by id, in the caller's transaction."""
        return courses_at(connection, sites)

    def put_course(
        self,
        actor: Actor,
        site: str,
        course: str,
        *,
        kind: str,
        name: Mapping[str, str],
        posts: Sequence[str],
        valid_days: int,
        version: int | None,
    ) -> Course:
        """Create or change a course. version: the present one, None to create. Raises Invalid, NotFound, Stale."""
        _allow(actor, MANAGE, site)
        fields = course_fields(course, kind, name, posts, valid_days)
        with self._engine.begin() as connection:
            before, now_ns = course_row(connection, site, course), self._clock()
            present = before["version"] if before else 0
            if present != (version or 0):
                raise Stale(version or 0, present)
            if before is None and len(courses_of(connection, site)) >= COURSES_MAX:
                raise Invalid({"course": f"at most {COURSES_MAX} at one site"}, zh={"course": f"最多 {COURSES_MAX} 项"})
            row = {"site": site, "id": course, "since_ns": before["since_ns"] if before else now_ns} | fields
            row |= {"version": present + 1, "edited_by": actor.username, "edited_ns": now_ns}
            change = write(connection, training_courses, before, row)
            facts = {"course": course} | fields
            self._note(connection, "training.course", (actor, site), facts, [change])
        return course_of(row)

    def remove_course(self, actor: Actor, site: str, course: str, *, version: int) -> None:
        """Remove a course; its records stay. Raises NotFound, Stale."""
        _allow(actor, MANAGE, site)
        with self._engine.begin() as connection:
            before = course_row(connection, site, course)
            if before is None:
                raise NotFound("course", course)
            if before["version"] != version:
                raise Stale(version, before["version"])
            own = training_courses.c
            connection.execute(delete(training_courses).where(own.site == site, own.id == course))
            change = removed(training_courses, {"site": site, "id": course})
            self._note(connection, "training.course_removed", (actor, site), {"course": course}, [change])

    def records(self, actor: Actor, site: str) -> list[Record]:
        """Return the records of a site, the newest day first."""
        _allow(actor, SEE, site)
        own = training_records.c
        query = select(training_records).where(own.site == site).order_by(own.held_on.desc(), own.id).limit(LIST_MAX)
        with self._reading.connect() as connection:
            return [Record(**row) for row in connection.execute(query).mappings()]

    def add(
        self, actor: Actor, site: str, given: Mapping[str, NewRecord], *, origin: str = "", check: bool = False
    ) -> tuple[int, int]:
        """Write records, all or none; return the numbers of new and of changed ones.

        given: by place in the request. A record of the same course, person and day replaces the former one; an equal
        one changes nothing. origin: list that they come from, for the journal. check: write nothing. Raises Invalid
        with every mistake.
        """
        _allow(actor, MANAGE, site)
        if not 1 <= len(given) <= RECORDS_MAX:
            raise Invalid({"records": f"1 to {RECORDS_MAX}"}, zh={"records": f"1 至 {RECORDS_MAX} 条"})
        with self._engine.begin() as connection:
            duty = self._duty(connection, site)
            courses = {one.id: one for one in courses_of(connection, site)}
            known = Known(site, courses, duty.roster if duty else None, self._today(duty))
            wrong = dict[str, Fault]()
            stamp = {"recorded_by": actor.username, "recorded_ns": self._clock()}
            rows = [row | stamp for at, one in given.items() if (row := record_row(known, one, at, wrong)) is not None]
            refuse(wrong)
            if check:
                return 0, 0
            new, changes = write_records(connection, rows)
            if changes:
                facts: dict[str, Any] = {"records": len(changes)} | ({"origin": origin} if origin else {})
                self._note(connection, "training.recorded", (actor, site), facts, changes)
        return new, len(changes) - new

    def plan(self, actor: Actor, site: str) -> list[Need]:
        """Return the needs of the persons of the posts: lapsed first, then by day."""
        _allow(actor, SEE, site)
        with self._reading.connect() as connection:
            found = self._needs(connection, site)
        return sorted(found, key=lambda one: (-STATES.index(one.state), one.until, one.course.id, one.post, one.person))

    def counts(self, sites: Collection[str]) -> dict[str, dict[str, int]]:
        """Return the number of needs by state, for each site with courses; no names."""
        with self._reading.connect() as connection:
            found = self._needs_at(connection, sites)
        tallies = {site: Counter(one.state for one in own) for site, own in found.items()}
        return {site: {state: tally[state] for state in STATES} for site, tally in tallies.items()}

    def lapses(self, connection: Connection, sites: Collection[str]) -> dict[str, list[Lapse]]:
        """Return the lapsed training of sites in the caller's transaction."""
        return {site: lapses(own) for site, own in self._needs_at(connection, sites).items()}

    def _needs(self, connection: Connection, site: str) -> list[Need]:
        return self._needs_at(connection, [site]).get(site, [])

    def _needs_at(self, connection: Connection, sites: Collection[str]) -> dict[str, list[Need]]:
        """Return the needs of each site with courses; some statements, independent of the number of sites."""
        courses = courses_at(connection, sites)
        duties, held = self._rosters.duties_at(connection, courses), newest(connection, courses)
        grace = timedelta(days=live_rules()["lapsed_training"].window_days)
        found = {}
        for site, own in sorted(courses.items()):
            duty = duties.get(site)
            first = {one.id: _day(one.since_ns, duty) + grace for one in own}
            roster = duty.roster if duty else None
            found[site] = list(needs(roster, own, held.get(site, {}), today=self._today(duty), first=first))
        return found

    def _duty(self, connection: Connection, site: str) -> Duty | None:
        """Return the persons on duty, None without a roster that can be read."""
        with suppress(RosterError):
            return self._rosters.duty(connection, site)
        return None

    def _today(self, duty: Duty | None) -> date:
        return _day(self._clock(), duty)

    def _note(
        self, connection: Connection, kind: str, by: tuple[Actor, str], facts: Mapping[str, Any], rows: list[RowChange]
    ) -> None:
        """Append a journal entry. by: actor and site."""
        actor, site = by
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=actor.username,
            kind=kind,
            site=site,
            subject=f"training.{site}",
            facts=dict(facts),
            rows=rows,
        )


def _day(time_ns: int, duty: Duty | None) -> date:
    zone: tzinfo = duty.zone if duty else UTC
    return datetime.fromtimestamp(time_ns // SECOND_NS, zone).date()


def _allow(actor: Actor, operation: str, site: str) -> None:
    require(actor, operation)
    if not actor.sees(site):
        raise NotFound("site", site)
