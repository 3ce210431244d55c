"""People of zones after handovers: the campus file names an account, its successor has the work."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, select

from alerts.database import journal
from alerts.database.schema import journal as journal_table
from alerts.risk.registry import Registry, Zone

HANDED_OVER = "zone.handed_over"
Role = Literal["officer", "fixer"]
ROLES: tuple[Role, ...] = ("officer", "fixer")
"""Roles of the people of a zone; each is the role that the account needs."""
Handed = Sequence[tuple[str, str]]
"""Leaver and successor of each handover at a site, the oldest first."""


def subject(site: str) -> str:
    """Return the subject of the journal entries about the people of the zones of a site."""
    return f"zones.{site}"


def handed_over(connection: Connection, sites: Collection[str]) -> Mapping[str, Handed]:
    """Return the handovers of sites; a site without one is missing."""
    own = journal_table.c
    subjects = [subject(site) for site in sites]
    query = select(own.seq, own.body).where(own.subject.in_(subjects), own.kind == HANDED_OVER).order_by(own.seq)
    found: dict[str, list[tuple[str, str]]] = {}
    for row in connection.execute(query):
        event = journal.entry(row.seq, row.body)
        found.setdefault(event.site, []).append((event.facts["leaver"], event.facts["successor"]))
    return found


def present(username: str, handed: Handed) -> str:
    """Return the account that has the work of an account of the campus file.

    >>> present("li", [("li", "wang"), ("wang", "zhao")])
    'zhao'
    >>> present("li", [("li", "wang"), ("wang", "li")])
    'li'
    """
    for leaver, successor in handed:
        if leaver == username:
            username = successor
    return username


def person_of(connection: Connection, zone: Zone | None, role: Role) -> str:
    """Return the account that has the work of a zone now, "" for a zone that names none."""
    named = str(getattr(zone, role)) if zone else ""
    if zone is None or not named:
        return ""
    return present(named, handed_over(connection, [zone.site]).get(zone.site, ()))


def zones_of(connection: Connection, registry: Registry, username: str) -> dict[str, list[tuple[Zone, Role]]]:
    """Return the zones whose work an account has now, by site, with its role there."""
    named = [(zone, role) for zone in [*registry.zones.values()] for role in ROLES if getattr(zone, role)]
    handed = handed_over(connection, {zone.site for zone, _ in named})
    found: dict[str, list[tuple[Zone, Role]]] = {}
    for zone, role in named:
        if present(getattr(zone, role), handed.get(zone.site, ())) == username:
            found.setdefault(zone.site, []).append((zone, role))
    return found


def note(
    connection: Connection, site: str, zones: Iterable[tuple[Zone, Role]], *, people: tuple[str, str, str], now_ns: int
) -> None:
    """Write the handover of zones to the journal. people: leaver, successor, and the person who does it."""
    leaver, successor, by = people
    facts: dict[str, Any] = {"leaver": leaver, "successor": successor}
    facts["zones"] = sorted(f"{zone.id}.{role}" for zone, role in zones)
    journal.append(
        connection,
        at_ns=now_ns,
        actor=by,
        kind=HANDED_OVER,
        site=site,
        subject=subject(site),
        facts=facts,
    )
