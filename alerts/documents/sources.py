"""Facts of the forms of one school, read from register, rosters, accounts, tickets and journal."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, select

from alerts.dangers.queries import DangerQueries
from alerts.database.keyset import Page
from alerts.database.schema import accounts
from alerts.errors import Invalid, NotFound
from alerts.model import Ticket
from alerts.people.access import Actor
from alerts.queries import Queries
from alerts.register.store import Register
from alerts.register.templates import post_names
from alerts.risk.registry import Registry
from alerts.rosters.duty import Duty
from alerts.rosters.store import Rosters
from alerts.tickets.acts import acts_of
from alerts.tickets.past import as_of
from alerts.tickets.worklist import standing_within

from .danger_forms import DANGER_FORMS
from .danger_rows import Dangers
from .forms import Filled, Language
from .register_forms import ROWS, Subject, register_form

DANGERS_MAX = 10_000
STATISTICS = "quarter_statistics"
"""Form that people sign: of a past span it has the figures of the end of the span."""
SECOND_NS = 1_000_000_000
MONTHS = 12
Posts = dict[str, tuple[Mapping[str, str], list[str]]]


class Sources:
    """Reads the facts of forms. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        clock: Callable[[], int],
        *,
        register: Register,
        rosters: Rosters,
    ) -> None:
        self._engine = engine.execution_options(writes=False)
        self._registry, self._clock, self._register, self._rosters = registry, clock, register, rosters
        self._queries, self._dangers = Queries(engine), DangerQueries(engine)

    def form(
        self,
        actor: Actor,
        site: str,
        name: str,
        *,
        language: Language = "zh",
        year: int | None = None,
        quarter: int | None = None,
    ) -> Filled:
        """Return a form of the register, or of the dangers of a quarter or year. Raises NotFound, Invalid."""
        if name in ROWS:
            entries = self._register.entries(actor, site)
            return register_form(name, entries, self.subject(actor, site, language))
        if name not in DANGER_FORMS:
            raise NotFound("form", name)
        zone = self._registry.timezone
        begin_ns, end_ns = span(zone, year or local_year(self._clock(), zone), quarter)
        dangers = self.dangers_of_span(actor, site, begin_ns, end_ns)
        if name == STATISTICS and end_ns <= self._clock():
            with self._engine.connect() as connection:
                dangers = replace(dangers, tickets=as_of(connection, dangers.tickets, end_ns))
        return DANGER_FORMS[name](dangers, self.subject(actor, site, language))

    def subject(self, actor: Actor, site: str, language: Language) -> Subject:
        """Return school, day and names that the forms print. Raises NotFound for a site out of scope."""
        zones = {zone.id: zone.name for zone in self._register.zones(actor, site)}
        day = local_day(self._clock(), self._registry.timezone)
        return Subject(self._registry.site(site), day, zones, posts(self._rosters.present(site)), language)

    def dangers_of_span(self, actor: Actor, site: str, begin_ns: int, end_ns: int) -> Dangers:
        """Return the dangers found in a span of time or open at its begin. Raises Invalid for more than DANGERS_MAX."""
        only, page = [standing_within(begin_ns, end_ns)], Page(limit=DANGERS_MAX + 1)
        tickets = self._queries.tickets(actor, site=site, state=None, grade=None, page=page, only=only)
        if len(tickets) > DANGERS_MAX:
            raise Invalid(
                {"site": f"more than {DANGERS_MAX} dangers in the span"},
                zh={"site": f"隐患超过 {DANGERS_MAX} 项，请按季度下载"},
            )
        return self.dangers(actor, site, tickets, begin_ns=begin_ns, end_ns=end_ns)

    def dangers(
        self, actor: Actor, site: str, tickets: Sequence[Ticket], *, begin_ns: int = 0, end_ns: int = 0
    ) -> Dangers:
        """Return these tickets with dangers, acts, names and risk points."""
        found = self._dangers.by_id([one.danger for one in tickets], actor)
        with self._engine.connect() as connection:
            acts = acts_of(connection, [one.id for one in tickets])
        named = {act.by for own in acts.values() for act in own.values()}
        named |= {name for one in tickets for name in (one.fixer, one.acceptor)}
        named |= {one.found_by for one in found.values()}
        points = {one.id: one.approved for one in self._register.entries(actor, site) if one.approved is not None}
        return Dangers(
            tickets,
            found,
            begin_ns,
            end_ns,
            self._registry.timezone,
            lambda place: self._registry.place_name(site, place),
            acts,
            self.names(named),
            points,
        )

    def names(self, usernames: Collection[str]) -> dict[str, Mapping[str, str]]:
        """Return the names of accounts in both languages; an unknown account is missing."""
        query = select(accounts.c.username, accounts.c.name)
        with self._engine.connect() as connection:
            known = {row.username: row.name for row in connection.execute(query)}
        return {name: known[name] for name in usernames if name in known}


def posts(duty: Duty | None) -> Posts:
    """Return post -> name and persons with their deputies, from the roster of a site and the shipped posts."""
    found: Posts = {name: (both, []) for name, both in post_names().items()}
    if duty is None:
        return found
    roster = duty.roster
    for name, post in roster.posts.items():
        own = [person for shift in roster.shifts if shift.post == name for person in shift.persons]
        named = dict.fromkeys((*own, *post.deputies))
        persons = [roster.persons[one].name["zh"] for one in named if one in roster.persons]
        found[name] = post.name, persons
    return found


def local_day(now_ns: int, zone: ZoneInfo) -> str:
    """Return the day of a time at the school."""
    return datetime.fromtimestamp(now_ns // SECOND_NS, zone).strftime("%Y-%m-%d")


def local_year(now_ns: int, zone: ZoneInfo) -> int:
    """Return the year of a time at the school."""
    return datetime.fromtimestamp(now_ns // SECOND_NS, zone).year


def span(zone: ZoneInfo, year: int, quarter: int | None = None) -> tuple[int, int]:
    """Return begin and end of a year or quarter."""
    first = 1 if quarter is None else 3 * quarter - 2
    begin = datetime(year, first, 1, tzinfo=zone)
    following = first + (12 if quarter is None else 3)
    end = datetime(year + (following > MONTHS), (following - 1) % MONTHS + 1, 1, tzinfo=zone)
    return int(begin.timestamp()) * SECOND_NS, int(end.timestamp()) * SECOND_NS
