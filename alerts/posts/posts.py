"""Posts of all sites: the responsibility list, its gaps, and the handover of a person who leaves."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, select

from alerts.database import journal, rows
from alerts.database.schema import accounts, tickets
from alerts.errors import GuardFailed, Invalid, NotFound, RosterError
from alerts.model import Ticket
from alerts.people.access import Actor, require
from alerts.people.model import Account
from alerts.people.persons import persons, require_account
from alerts.register.templates import post_names
from alerts.risk.registry import Registry
from alerts.rosters.model import Roster
from alerts.rosters.store import Rosters
from alerts.tickets import zone_people
from alerts.tickets.loop import FINAL
from alerts.tickets.tickets import Tickets
from alerts.training.training import Training

from .duties import TicketDuty, active_of, points_of, round_posts_of, ticket_groups_of, tickets_of
from .responsibility import WORKING, Gap, Post, Register, gaps, posts_of
from .roster_changes import replaced
from .zone_gaps import zone_gaps, zones_of

HANDED_OVER = "person.handed_over"
NOTE_LENGTH_MAX = 500


@dataclass(frozen=True, slots=True)
class Moved:
    """Tickets and posts that a handover moved at one site.

    tickets: numbers; posts, zones: ids; points, measures: number of those of the posts.
    """

    site: str
    tickets: tuple[str, ...]
    posts: tuple[str, ...]
    points: int
    measures: int
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Handing:
    """One handover within its transaction. leaver, successor: user names."""

    connection: Connection
    actor: Actor
    leaver: str
    successor: str
    note: str


class Posts:
    """Responsibility by post. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int],
        parts: tuple[Rosters, Training],
        ticketing: Callable[[Connection], Tickets],
        registry: Registry,
    ) -> None:
        self._engine, self._clock, self._ticketing, self._registry = engine, clock, ticketing, registry
        self._rosters, self._training = parts
        self._reading = engine.execution_options(writes=False)

    def of_site(self, actor: Actor, site: str) -> tuple[list[Post], list[Gap]]:
        """Return the posts of a site with their holders and duties, and the gaps. Raises Forbidden, NotFound."""
        require(actor, "see_posts")
        if not actor.sees(site):
            raise NotFound("site", site)
        with self._reading.connect() as connection:
            return self._of_site(connection, site)

    def counts(self, sites: Collection[str]) -> dict[str, tuple[int, int]]:
        """Return the numbers of posts and of gaps of each site; no names. The caller has checked the scope."""
        with self._reading.connect() as connection:
            groups = ticket_groups_of(connection, sites)
            found = self._sites(connection, sites, {site: [duty for duty, _ in own] for site, own in groups.items()})
        result = {}
        for site, (posts, open_gaps) in found.items():
            alike = {duty.id: number for duty, number in groups.get(site, ())}
            result[site] = len(posts), sum(alike[one.subject] if one.kind == "ticket" else 1 for one in open_gaps)
        return result

    def holds(self, connection: Connection, username: str) -> list[str]:
        """Return the sites at which an account has open tickets, zones, or a place in the roster."""
        found = {ticket.site for ticket in _tickets_of(connection, username)}
        for duty in self._rosters.duties_at(connection).values():
            if duty.roster.person_of(username) is not None:
                found.add(duty.roster.site)
        scope = connection.scalar(select(accounts.c.sites).where(accounts.c.username == username))
        zones = zone_people.zones_of(connection, self._registry, username)
        found |= {site for site in zones if scope is None or site in scope}
        return sorted(found)

    def hand_over(
        self,
        actor: Actor,
        leaver: str,
        successor: str,
        *,
        site: str | None = None,
        note: str = "",
        also: Callable[[Connection], object] | None = None,
    ) -> list[Moved]:
        """Move tickets, posts and deputies of an account to a successor, in one transaction; audited.

        site: one site, None for all of the leaver. also: a further act of the same transaction, such as the end of the
        account. Raises Forbidden, NotFound, GuardFailed for work outside of the actor's sites, and Invalid if the
        successor cannot take something: then nothing moves.
        """
        require(actor, "manage_people")
        if leaver == successor:
            raise Invalid({"successor": "another account than the leaver's"}, zh={"successor": "接任人应为另一账号"})
        if len(note) > NOTE_LENGTH_MAX:
            raise Invalid({"note": f"at most {NOTE_LENGTH_MAX} characters"}, zh={"note": f"最多 {NOTE_LENGTH_MAX} 字"})
        with self._engine.begin() as connection:
            held = self.holds(connection, leaver)
            sites = held if site is None else [site]
            if site is not None and not actor.sees(site):
                raise NotFound("site", site)
            if not all(actor.sees(one) for one in sites):
                raise _beyond(leaver)
            if site is not None and site not in held:
                wanted = f"{leaver!r} has no open ticket, no zone and no place in the roster of {site}"
                zh = f"{leaver} 在 {site} 没有未完成工单和负责区域，也不在值班表中"
                raise Invalid({"leaver": wanted}, zh={"leaver": zh})
            handing = Handing(connection, actor, leaver, successor, note)
            moved = [self._move(handing, one) for one in sites]
            if also is not None:
                also(connection)
        return moved

    def end(
        self, actor: Actor, leaver: Account, successor: str | None, end: Callable[[Connection], object]
    ) -> list[Moved]:
        """End an account by `end`, after a handover to the successor in the same transaction.

        Raises GuardFailed without a successor while the account has open tickets, zones or a place in a roster, and
        the errors of `hand_over`.
        """
        if leaver.ended_ns is None and successor:
            return self.hand_over(actor, leaver.username, successor, also=end)
        with self._engine.begin() as connection:
            if leaver.ended_ns is None and (held := self.holds(connection, leaver.username)):
                name, listed = leaver.username, ", ".join(one for one in held if actor.sees(one))
                if not listed:
                    raise _beyond(name)
                raise GuardFailed(
                    "holds",
                    f"{name} 在 {listed} 仍有未完成工单、负责区域或岗位，请指定接任人",
                    f"{name} still has open tickets, zones or a post at {listed}; name a successor",
                )
            end(connection)
        return []

    def _of_site(self, connection: Connection, site: str) -> tuple[list[Post], list[Gap]]:
        return self._sites(connection, [site], tickets_of(connection, [site]))[site]

    def _sites(
        self, connection: Connection, sites: Collection[str], own_tickets: Mapping[str, Sequence[TicketDuty]]
    ) -> dict[str, tuple[list[Post], list[Gap]]]:
        """Return posts and gaps of each site; the number of statements does not depend on the number of sites."""
        points = points_of(connection, sites)
        courses, rounds = self._training.of_sites(connection, sites), round_posts_of(connection, sites)
        duties = self._rosters.duties_at(connection, sites)
        named = {person.account for duty in duties.values() for person in duty.roster.persons.values()}
        named |= {name for own in own_tickets.values() for one in own for name in (one.fixer, one.acceptor)}
        zones = zones_of(self._registry, sites)
        handed = zone_people.handed_over(connection, zones)
        named |= {name for own in zones.values() for one in own for name in (one.officer, one.fixer)}
        named |= {successor for own in handed.values() for _, successor in own}
        active, found = active_of(connection, named), {}
        for site in sites:
            roster = duties[site].roster if site in duties else None
            register = Register(
                points.get(site, ()), courses.get(site, ()), rounds.get(site, ()), own_tickets.get(site, ()), roster
            )
            posts = posts_of(register, post_names())
            able = {name for name, of in active.items() if of is None or site in of}
            left = zone_gaps(self._registry, zones.get(site, ()), handed.get(site, ()), able)
            found[site] = posts, [*gaps(posts, register, able), *left]
        return found

    def _move(self, handing: Handing, site: str) -> Moved:
        connection, actor = handing.connection, handing.actor
        mine = [one for one in _tickets_of(connection, handing.leaver) if one.site == site]
        numbers = [self._ticket(handing, one) for one in mine]
        zones = self._zones(handing, site)
        before, _ = self._of_site(connection, site)
        person = self._moved_roster(handing, site)
        held = [post for post in before if person and person in {*post.persons, *post.deputies}]
        points = {one for post in held for one in post.points}
        measures = {one for post in held for one in post.measures}
        posts = tuple(post.id for post in held)
        moved = Moved(site, tuple(numbers), posts, len(points), len(measures), zones)
        facts: dict[str, Any] = {"successor": handing.successor, "tickets": numbers, "posts": [*moved.posts]}
        facts["zones"] = [*zones]
        facts |= {"points": sorted(points), "measures": sorted(measures), "note": handing.note}
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=actor.username,
            kind=HANDED_OVER,
            site=site,
            subject=handing.leaver,
            facts=facts,
        )
        return moved

    def _zones(self, handing: Handing, site: str) -> tuple[str, ...]:
        """Give the work of the leaver's zones to the successor; return their ids. The campus file stays."""
        connection, successor = handing.connection, handing.successor
        zones = zone_people.zones_of(connection, self._registry, handing.leaver).get(site, [])
        for _, role in zones:
            require_account(connection, successor, role=role, site=site, field="successor")
        if zones:
            people = handing.leaver, successor, handing.actor.username
            zone_people.note(connection, site, zones, people=people, now_ns=self._clock())
        return tuple(sorted({zone.id for zone, _ in zones}))

    def _moved_roster(self, handing: Handing, site: str) -> str | None:
        """Replace the leaver in the roster; return the person, None if the roster does not have the leaver."""
        connection, successor = handing.connection, handing.successor
        roster = self._roster(connection, site)
        person = None if roster is None else roster.person_of(handing.leaver)
        if roster is None or person is None:
            return None
        following = roster.person_of(successor)
        if following is None:
            raise Invalid(
                {"successor": f"the roster of {site} has no person with the account {successor!r}; add one first"},
                zh={"successor": f"{site} 的值班表中没有账号 {successor} 的人员，请先添加"},
            )
        stored = self._rosters.stored(connection, site)
        table = replaced(stored.table, person.id, following.id)
        self._rosters.write(connection, handing.actor, site, table, version=stored.version)
        return person.id

    def _ticket(self, handing: Handing, ticket: Ticket) -> str:
        """Move a ticket; return its number."""
        connection, successor = handing.connection, handing.successor
        changes: dict[str, Any] = {}
        if ticket.fixer == handing.leaver and ticket.state in WORKING:
            require_account(connection, successor, role="fixer", site=ticket.site, field="successor")
            changes = {"fixer": successor, "fixers": tuple(dict.fromkeys((*ticket.fixers, successor)))}
        if ticket.acceptor == handing.leaver:
            require_account(connection, successor, role="officer", site=ticket.site, field="successor")
            changes["acceptor"] = successor
        after = replace(ticket, **changes, version=ticket.version + 1)
        known = persons(connection, {after.acceptor, *after.fixers})
        if known[after.acceptor] in {known[one] for one in after.fixers}:
            raise Invalid(
                {"successor": f"{successor} would rectify and accept ticket {ticket.number}; choose another account"},
                zh={"successor": f"{successor} 将同时成为工单 {ticket.number} 的整改责任人和验收人，请另选他人"},
            )
        facts: dict[str, Any] = {"from": ticket.state, "to": ticket.state, "of": handing.leaver}
        shown = {name: changes[name] for name in ("fixer", "acceptor") if name in changes}
        facts["fields"] = shown | ({"note": handing.note} if handing.note else {})
        writer, by = self._ticketing(connection).writer, handing.actor.username
        writer.save(ticket, after, "ticket.hand_over", by, facts, now_ns=self._clock())
        return ticket.number

    def _roster(self, connection: Connection, site: str) -> Roster | None:
        with suppress(RosterError):
            duty = self._rosters.duty(connection, site)
            return None if duty is None else duty.roster
        return None


def _beyond(leaver: str) -> GuardFailed:
    """Return the refusal of a handover that moves work outside of the actor's sites; it names none of them."""
    return GuardFailed(
        "beyond_scope",
        f"{leaver} 在您权限以外的学校仍有未完成工单、负责区域或岗位，请由权限覆盖这些学校的管理员办理",
        f"{leaver} has open tickets, zones or a post outside of your sites; an administrator of those sites hands over",
    )


def _tickets_of(connection: Connection, username: str) -> list[Ticket]:
    """Return the open tickets that an account rectifies or accepts."""
    own = tickets.c
    mine = (own.acceptor == username) | ((own.fixer == username) & own.state.in_(sorted(WORKING)))
    query = select(tickets).where(mine, own.state.not_in(sorted(FINAL))).order_by(own.number)
    return [rows.record(Ticket, row) for row in connection.execute(query)]
