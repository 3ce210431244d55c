"""Changes of accounts: end, lock and new password, each with its journal entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy import Connection, Engine, RowMapping, select, update

from alerts.database import journal
from alerts.database.row_changes import RowChange, digests
from alerts.database.schema import accounts
from alerts.errors import GuardFailed, Invalid, NotFound

from .administrators import require_admin
from .model import Account
from .passwords import password_fault
from .push_devices import PushDevices
from .second_factor import SecondFactors
from .sessions import Sessions


class AccountChanges:
    """Writes changes of accounts. Methods may be called from several threads."""

    def __init__(
        self,
        engine: Engine,
        clock: Callable[[], int],
        sessions: Sessions,
        second_factors: SecondFactors,
        hasher: PasswordHasher,
    ) -> None:
        self._engine, self._clock, self._hasher = engine, clock, hasher
        self._sessions, self._second_factors = sessions, second_factors
        self.push_devices = PushDevices(engine, clock)

    def end(self, username: str, *, by: str) -> Account:
        """End an account, its sessions and its Web Push. Idempotent.

        Raises NotFound, and GuardFailed for the last administrator.
        """
        with self._engine.begin() as connection:
            return self.end_in(connection, username, by=by)

    def end_in(self, connection: Connection, username: str, *, by: str) -> Account:
        """End an account in the caller's transaction. Raises as `end`."""
        before = known_account(connection, username)
        if before.ended_ns is not None:
            return before
        ended = replace(before, ended_ns=self._clock())
        self._second_factors.remove(connection, username)
        self._stop(connection, ended, "person.ended", {"ended_ns": ended.ended_ns}, by=by)
        return ended

    def lock(self, username: str, *, locked: bool, by: str) -> Account:
        """Lock an account with its sessions at once, or unlock it; audited. It keeps its posts and tickets. Idempotent.

        Raises NotFound, and GuardFailed for the last administrator and for an ended account.
        """
        with self._engine.begin() as connection:
            before = known_account(connection, username)
            if before.ended_ns is not None:
                raise GuardFailed("ended", "账号已注销", "the account has ended")
            if locked == (before.locked_ns is not None):
                return before
            after = replace(before, locked_ns=self._clock() if locked else None)
            kind = "person.locked" if locked else "person.unlocked"
            self._stop(connection, after, kind, {"locked_ns": after.locked_ns}, by=by)
        return after

    def change_password(self, account: Account, password: str) -> None:
        """Replace the own password, which the caller has verified; sessions and Web Push end. Raises Invalid."""
        if fault := password_fault(password, account.username):
            raise Invalid.in_both({"new_password": fault})
        hashed = self._hasher.hash(password)
        with self._engine.begin() as connection:
            change = RowChange(accounts.name, account.username, digests({"password": hashed}))
            self._sessions.forget(connection, account.username)
            self.push_devices.forget(connection, account.username)
            own = accounts.c.username == account.username
            connection.execute(update(accounts).where(own).values(password=hashed))
            self.record(connection, "person.password", change, by=account.username, facts={})

    def _stop(self, connection: Connection, after: Account, kind: str, values: Mapping[str, Any], *, by: str) -> None:
        """Write a change after which the account may no longer sign in, or may again; its sessions end."""
        require_admin(read_accounts(connection), after)
        self._sessions.forget(connection, after.username)
        self.push_devices.forget(connection, after.username)
        connection.execute(update(accounts).where(accounts.c.username == after.username).values(values))
        self.record(connection, kind, RowChange(accounts.name, after.username, values), by=by, facts={})

    def record(
        self, connection: Connection, kind: str, change: RowChange, *, by: str, facts: Mapping[str, Any]
    ) -> None:
        """Append the journal entry of a change."""
        journal.append(
            connection,
            at_ns=self._clock(),
            actor=by,
            kind=kind,
            site="",
            subject=change.key,
            facts=facts,
            rows=[change],
        )


def read_accounts(connection: Connection) -> list[Account]:
    """Return all accounts by name."""
    rows = connection.execute(select(accounts).order_by(accounts.c.username)).mappings()
    return [account_of(row) for row in rows]


def known_account(connection: Connection, username: str) -> Account:
    """Return an account. Raises NotFound."""
    row = connection.execute(select(accounts).where(accounts.c.username == username)).mappings().first()
    if row is None:
        raise NotFound("account", username)
    return account_of(row)


def account_of(row: Mapping[str, Any] | RowMapping) -> Account:
    """Return the account of a row."""
    sites = row["sites"]
    scope = None if sites is None else frozenset(sites)
    person = row["person"] or row["username"]
    roles, locked_ns = frozenset(row["roles"]), row["locked_ns"]
    return Account(row["username"], row["name"], roles, scope, row["ended_ns"], person, locked_ns=locked_ns)
