"""Accounts and sign-ins as the rest of the service sees them, without secrets of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .access import Actor


@dataclass(frozen=True, slots=True)
class Account:
    """A sign-in of a person or a display. name: shown name by language; sites: None for all.

    ended_ns, locked_ns: None while it may sign in; person: id of its person, "" for a display. Two accounts of one
    person count as one where a rule needs two persons.
    """

    username: str
    name: Mapping[str, str]
    roles: frozenset[str]
    sites: frozenset[str] | None
    ended_ns: int | None = None
    person: str = ""
    display: bool = False
    locked_ns: int | None = None

    @property
    def active(self) -> bool:
        """Whether the account may sign in: it has not ended and is not locked."""
        return self.ended_ns is None and self.locked_ns is None

    @property
    def actor(self) -> Actor:
        """Return the actor with the account's rights."""
        return Actor(self.username, self.roles, self.sites)


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in. token: bearer token, shown once; expires_ns: latest end (ns since 1970 UTC).

    browser: cookie of the known browser; recovery_codes: of an authenticator that this sign-in has confirmed.
    """

    token: str
    expires_ns: int
    account: Account
    browser: str = ""
    recovery_codes: Sequence[str] = ()
