"""Persons of accounts: identity for the rules of two persons, and accounts that can take a task."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from alerts.database.schema import accounts
from alerts.errors import Invalid
from alerts.model import Ticket

from .access import Actor


def persons(connection: Connection, usernames: Collection[str]) -> dict[str, str]:
    """Return the person of each account; an account without an entry is a person of its own name."""
    query = select(accounts.c.username, accounts.c.person).where(accounts.c.username.in_(usernames))
    known = {row.username: row.person or row.username for row in connection.execute(query)}
    return {username: known.get(username, username) for username in usernames}


def taking_part(tickets: Collection[Ticket], actor: Actor) -> set[str]:
    """Return the accounts of the actor and of the fixers and proposers of these tickets."""
    proposers = {ticket.proposal.by for ticket in tickets if ticket.proposal}
    return {actor.username} | proposers | {name for ticket in tickets for name in ticket.fixers}


def require_account(connection: Connection, username: str, *, role: str, site: str, field: str) -> None:
    """Raise Invalid for the field unless an account that may sign in has this role and site."""
    row = connection.execute(select(accounts).where(accounts.c.username == username)).first()
    able = row is not None and row.ended_ns is None and row.locked_ns is None and role in row.roles
    if not able or row is None or not (row.sites is None or site in row.sites):
        raise Invalid(
            {field: f"no account {username!r} with role {role} for {site}; GET /users?role={role} lists them"},
            zh={field: f"{site} 没有角色为 {role} 的账号 {username}"},
        )
