"""Local accounts and sign-in: argon2id, hashed random tokens, rate limits, immediate revocation."""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine, RowMapping, Select, String, cast, delete, insert, or_, select

from alerts.database.keyset import Column, Order, Page
from alerts.database.row_changes import added
from alerts.database.schema import accounts
from alerts.errors import Invalid

from .access import ROLES, SYSTEM, Actor
from .account_changes import AccountChanges, account_of, read_accounts
from .administrators import require_admin
from .attempts import SignInLimiter
from .browsers import KnownBrowsers
from .displays import PREFIX, Display, Displays
from .model import Account, Session
from .passwords import password_fault
from .second_factor import SecondFactorNeeded, SecondFactors
from .sessions import Sessions
from .settings import PeopleSettings

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
ACCOUNT_ORDER: Order[Account] = Order("users", (Column(accounts.c.username, str),), lambda one: (one.username,))
"""By user name."""
CHUNK = 500
"""Least number of accounts that one statement of a page reads."""
SITES_MAX = 50
"""Most sites of an actor for which the database leaves out accounts of other sites."""


class People:
    """Accounts and sessions in the database. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int],
        *,
        hasher: PasswordHasher | None = None,
        settings: PeopleSettings | None = None,
    ) -> None:
        self._settings = settings or PeopleSettings()
        self._engine, self._clock = engine, clock
        self._reading = engine.execution_options(writes=False)
        self.sessions = Sessions(engine, clock)
        self.displays = Displays(engine, clock)
        self._hasher = hasher or PasswordHasher()
        self._nobody = _unmatched(self._hasher)
        self._limiter = SignInLimiter()
        self._browsers = KnownBrowsers(engine)
        self.second_factors = SecondFactors(engine, clock)
        self.changes = AccountChanges(engine, clock, self.sessions, self.second_factors, self._hasher)
        self.push_devices = self.changes.push_devices

    def create(
        self,
        username: str,
        password: str,
        *,
        roles: Sequence[str],
        name: Mapping[str, str] | None = None,
        sites: Sequence[str] | None = None,
        person: str | None = None,
        by: str = SYSTEM.username,
    ) -> Account:
        """Create an account, or replace its password and rights; audited. Raises Invalid with every mistake.

        person: id of its person, such as the user name of the person's first account; None keeps the present one, which
        is the own user name at first. by: user name of the person who does it.
        """
        wrong = _mistakes(username, password, roles, person)
        if wrong:
            raise Invalid.in_both(wrong)
        row = {
            "username": username,
            "name": dict(name or {"zh": username, "en": username}),
            "password": self._hasher.hash(password),
            "roles": sorted(roles),
            "sites": None if sites is None else sorted(sites),
            "ended_ns": None,
            "locked_ns": None,
        }
        with self._engine.begin() as connection:
            known = {found.username: found for found in read_accounts(connection)}
            before = known.get(username)
            row["person"] = person or (before.person if before else username)
            account = account_of(row)
            if before is not None and before.ended_ns is not None:
                raise Invalid.in_both({"username": ("a name that no ended account has", "该账号名已注销，不能再用")})
            require_admin([*known.values()], account)
            self.sessions.forget(connection, username)
            connection.execute(delete(accounts).where(accounts.c.username == username))
            connection.execute(insert(accounts).values(row))
            facts = {field: row[field] for field in ("roles", "sites", "person")}
            self.changes.record(connection, "person.set", added(accounts, row), by=by, facts=facts)
        return account

    def end(self, username: str, *, by: str = SYSTEM.username) -> Account:
        """End an account and its sessions; its name stays for the audit, which has the act. Idempotent.

        Raises NotFound, and GuardFailed for the last administrator.
        """
        return self.changes.end(username, by=by)

    def reset_second_factor(self, username: str) -> bool:
        """Remove the authenticator of an account and end its sessions; return whether it had one."""
        with self._engine.begin() as connection:
            self.sessions.forget(connection, username)
            return self.second_factors.remove(connection, username)

    def accounts(self, *, role: str | None = None, ended: bool = False) -> list[Account]:
        """Return all accounts by name, of one role if given. ended: the ended ones as well."""
        with self._reading.connect() as connection:
            every = read_accounts(connection)
        return [
            account
            for account in every
            if (role is None or role in account.roles) and (ended or account.ended_ns is None)
        ]

    def page(self, actor: Actor, page: Page, *, role: str | None = None, ended: bool = False) -> list[Account]:
        """Return accounts that share a site with the actor, in ACCOUNT_ORDER. Raises Invalid for the cursor."""
        found, chunk = list[Account](), replace(page, limit=max(page.limit, CHUNK))
        while True:
            with self._reading.connect() as connection:
                query = ACCOUNT_ORDER.page(_near(actor, ended=ended), chunk)
                rows = [account_of(row) for row in connection.execute(query).mappings()]
            found += [one for one in rows if (role is None or role in one.roles) and _shares(actor, one)]
            if len(rows) < chunk.limit or len(found) >= page.limit:
                return found[: page.limit]
            chunk = replace(chunk, cursor=ACCOUNT_ORDER.cursor(rows[-1]))

    def names(self, usernames: Collection[str]) -> dict[str, Mapping[str, str]]:
        """Return the shown names of these accounts, also of ended ones."""
        query = select(accounts.c.username, accounts.c.name).where(accounts.c.username.in_(sorted(usernames)))
        with self._reading.connect() as connection:
            return {row.username: row.name for row in connection.execute(query)}

    def account(self, username: str) -> Account | None:
        """Return one account, also an ended one; None for an unknown name."""
        row = self._row(username)
        return account_of(row) if row else None

    def sign_in(
        self, username: str, password: str, *, address: str, code: str = "", browser: str = ""
    ) -> Session | None:
        """Return a session for the right password and code, None for a wrong one.

        code: one-time code, "" for none; browser: cookie of a known browser, "" for none. Raises TooManyFailures, and
        SecondFactorNeeded for the right password without the code that the account needs.
        """
        row = self._row(username)
        if row is not None and not account_of(row).active:
            row = None
        # an unknown name takes the same time as a wrong password
        stored = row["password"] if row else self._nobody
        known = self._browsers.browser(browser, username, row["password"]) if row else ""
        recovery: Sequence[str] = ()

        def accepted() -> bool:
            nonlocal recovery
            right, recovery = (False, ()) if row is None else self._second_factor(account_of(row), code)
            return right

        def verify() -> bool:
            right = self._verified(stored, password) and row is not None
            return right and self._limiter.attempt_code(username, accepted, browser=known)

        if not self._limiter.attempt(username, address, verify, browser=known) or row is None:
            return None
        account = account_of(row)
        if not code and (need := self._missing_factor(account)):
            raise need
        cookie = self._browsers.issue(browser, username, row["password"])
        return Session(*self.sessions.open(username), account, cookie, recovery)

    def verify(self, account: Account, password: str, *, address: str) -> bool:
        """Return whether this is the account's password, for a change that needs it. Raises TooManyFailures."""
        row = self._row(account.username)
        stored = row["password"] if row else self._nobody
        return self._limiter.attempt(account.username, address, lambda: self._verified(stored, password))

    def _second_factor(self, account: Account, code: str) -> tuple[bool, Sequence[str]]:
        """Return whether the code is acceptable, and the recovery codes of an authenticator that it confirms."""
        if not code:
            return True, ()  # the caller raises SecondFactorNeeded where one is needed
        if self.second_factors.enrolled(account.username):
            return self.second_factors.check(account.username, code), ()
        if not self._demands(account):
            return True, ()
        recovery = self.second_factors.confirm(account.username, code)
        return recovery is not None, recovery or ()

    def _missing_factor(self, account: Account) -> SecondFactorNeeded | None:
        """Return the error of a sign-in without a code, None for an account that needs none."""
        if self.second_factors.enrolled(account.username):
            return SecondFactorNeeded(None)
        if self._demands(account):
            return SecondFactorNeeded(self.second_factors.begin(account.username))
        return None

    def _demands(self, account: Account) -> bool:
        return bool(account.roles & frozenset(self._settings.second_factor))

    def who(self, token: str, *, use: bool = True) -> Account | None:
        """Return the account of a valid token, else None. use: False for a request without user activity.

        The code of a display is a token without expiry.
        """
        display = self.displays.find(token)
        if display is not None:
            return _of_display(display)
        username = self.sessions.user(token, use=use)
        if username is None:
            return None
        found = self.account(username)
        return found if found is not None and found.active else None

    def alive(self, tokens: Collection[str]) -> frozenset[str]:
        """Return the tokens and display codes that have not ended; it counts as no user activity."""
        codes = frozenset(token for token in tokens if token.startswith(PREFIX))
        shown = self.displays.alive(codes) if codes else frozenset()
        return shown | self.sessions.alive(frozenset(tokens) - codes)

    def sign_out(self, token: str) -> None:
        """Revoke a token immediately."""
        self.sessions.close(token)

    def _row(self, username: str) -> RowMapping | None:
        with self._reading.connect() as connection:
            return connection.execute(select(accounts).where(accounts.c.username == username)).mappings().first()

    def _verified(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _mistakes(username: str, password: str, roles: Sequence[str], person: str | None) -> dict[str, tuple[str, str]]:
    wrong: dict[str, tuple[str, str]] = {}
    form = (
        "lower-case letters, digits, dot, dash and underscore, at most 64",
        "小写字母、数字、点、短横和下划线，最多 64 个",
    )
    if person is not None and not _NAME.fullmatch(person):
        wrong["person"] = form
    if not _NAME.fullmatch(username):
        wrong["username"] = form
    elif username.startswith(PREFIX):
        wrong["username"] = (
            f"another beginning than {PREFIX!r}, which names displays in the audit",
            f"不能以 {PREFIX!r} 开头，它在审计中表示显示屏",
        )
    if fault := password_fault(password, username):
        wrong["password"] = fault
    if not roles or set(roles) - set(ROLES):
        wrong["roles"] = f"one or more of {', '.join(ROLES)}", f"须为其中至少一个：{'、'.join(ROLES)}"
    return wrong


def _unmatched(hasher: PasswordHasher) -> str:
    """Return a hash that no password matches, with the usual cost of a check (PHC string, argon2id 1.3)."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${digest}"


def _of_display(display: Display) -> Account:
    name = {"zh": display.name, "en": display.name}
    return Account(display.username, name, frozenset(("viewer",)), frozenset((display.site,)), display=True)


def _near(actor: Actor, *, ended: bool) -> Select[Any]:
    """Return a query for accounts that may share a site with the actor; `_shares` decides."""
    own = accounts.c
    query = select(accounts) if ended else select(accounts).where(own.ended_ns.is_(None))
    if actor.sites is None or len(actor.sites) > SITES_MAX:
        return query
    stored = cast(own.sites, String)
    wanted = (stored.contains(json.dumps(site), autoescape=True) for site in sorted(actor.sites))
    return query.where(or_(own.sites.is_(None), stored == "null", *wanted))


def _shares(actor: Actor, account: Account) -> bool:
    return actor.sites is None or account.sites is None or bool(actor.sites & account.sites)
