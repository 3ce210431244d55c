"""Local accounts and sign-in: argon2id, hashed random tokens, rate limits, immediate revocation."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine, RowMapping, delete, insert, select

from alerts.database.schema import accounts
from alerts.errors import Invalid

from .access import ROLES, Actor
from .attempts import SignInLimiter
from .sessions import Sessions

SHORTEST = 8
COMMON = frozenset(
    ("password", "12345678", "123456789", "1234567890", "11111111", "88888888", "qwertyui", "qwerty123", "iloveyou")
)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Account:
    """A person. name: display name by language; sites: None for all."""

    username: str
    name: Mapping[str, str]
    roles: frozenset[str]
    sites: frozenset[str] | None

    @property
    def actor(self) -> Actor:
        """Return the actor with the account's rights."""
        return Actor(self.username, self.roles, self.sites)


@dataclass(frozen=True, slots=True)
class Session:
    """A sign-in. token: bearer token, shown once; expires_ns: latest end (ns since 1970 UTC)."""

    token: str
    expires_ns: int
    account: Account


class People:
    """Accounts and sessions in the database. Methods may be called from several threads."""

    def __init__(self, engine: Engine, clock: Callable[[], int], *, hasher: PasswordHasher | None = None) -> None:
        self._engine, self._clock = engine, clock
        self._reading = engine.execution_options(writes=False)
        self.sessions = Sessions(engine, clock)
        self._hasher = hasher or PasswordHasher()
        self._nobody = _unmatched(self._hasher)
        self._limiter = SignInLimiter()

    def create(
        self,
        username: str,
        password: str,
        *,
        roles: Sequence[str],
        name: Mapping[str, str] | None = None,
        sites: Sequence[str] | None = None,
    ) -> Account:
        """Create an account, or replace its password and rights. Raises Invalid with every mistake."""
        wrong = _mistakes(username, password, roles)
        if wrong:
            raise Invalid(wrong)
        row = {
            "name": dict(name or {"zh": username, "en": username}),
            "password": self._hasher.hash(password),
            "roles": sorted(roles),
            "sites": None if sites is None else sorted(sites),
        }
        with self._engine.begin() as connection:
            self.sessions.forget(connection, username)
            connection.execute(delete(accounts).where(accounts.c.username == username))
            connection.execute(insert(accounts).values(username=username, **row))
        return _account({"username": username, **row})

    def accounts(self, *, role: str | None = None) -> list[Account]:
        """Return all accounts by name, of one role if given."""
        with self._reading.connect() as connection:
            found = connection.execute(select(accounts).order_by(accounts.c.username)).mappings().all()
        every = [_account(row) for row in found]
        return [account for account in every if role is None or role in account.roles]

    def sign_in(self, username: str, password: str, *, address: str) -> Session | None:
        """Return a session for the right password, None for a wrong one. Raises TooManyFailures."""
        with self._reading.connect() as connection:
            row = connection.execute(select(accounts).where(accounts.c.username == username)).mappings().first()
        # an unknown name takes the same time as a wrong password
        stored = row["password"] if row else self._nobody
        right = self._limiter.attempt(username, address, lambda: self._verified(stored, password) and row is not None)
        return self._open(_account(row)) if right and row is not None else None

    def who(self, token: str, *, use: bool = True) -> Account | None:
        """Return the account of a valid token, else None. use: False for a request without user activity."""
        username = self.sessions.user(token, use=use)
        if username is None:
            return None
        with self._reading.connect() as connection:
            row = connection.execute(select(accounts).where(accounts.c.username == username)).mappings().first()
        return _account(row) if row else None

    def sign_out(self, token: str) -> None:
        """Revoke a token immediately."""
        self.sessions.close(token)

    def _open(self, account: Account) -> Session:
        return Session(*self.sessions.open(account.username), account)

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _mistakes(username: str, password: str, roles: Sequence[str]) -> dict[str, str]:
    wrong = {}
    if not _NAME.fullmatch(username):
        wrong["username"] = "lower-case letters, digits, dot, dash and underscore, at most 64"
    if len(password) < SHORTEST:
        wrong["password"] = f"at least {SHORTEST} characters, better 15"
    elif password.lower() in COMMON or password.lower() == username:
        wrong["password"] = "not a common password"  # noqa: S105 - a sentence
    if not roles or set(roles) - set(ROLES):
        wrong["roles"] = f"one or more of {', '.join(ROLES)}"
    return wrong


def _unmatched(hasher: PasswordHasher) -> str:
    """Return a hash that no password matches, with the usual cost of a check (PHC string, argon2id 1.3)."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${digest}"


def _account(row: Mapping[str, Any] | RowMapping) -> Account:
    sites = row["sites"]
    return Account(row["username"], row["name"], frozenset(row["roles"]), None if sites is None else frozenset(sites))
