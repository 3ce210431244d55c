"""Second factor of an account: a one-time code, or one of its recovery codes."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Row, Select, delete, insert, select, update

from alerts.database.schema import second_factors
from alerts.database.storage_faults import UNWRITTEN
from alerts.errors import AlertError

from .one_time_codes import matching_step, new_secret, otpauth_uri

RECOVERY_CODES = 10
_RECOVERY_BYTES = 8


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret that waits for its first code. uri: the same for authenticator apps."""

    secret: str
    uri: str


class SecondFactorNeeded(AlertError):  # noqa: N818 - names the state
    """The password is right and a one-time code is missing. enrolment: set if the account has no authenticator yet."""

    def __init__(self, enrolment: Enrolment | None) -> None:
        wanted = "enrol an authenticator, then sign in with its code" if enrolment else "a one-time code is needed"
        super().__init__(wanted)
        self.zh = "请先绑定身份验证器，再用其验证码登录" if enrolment else "请输入验证码"
        self.enrolment = enrolment


class SecondFactors:
    """Authenticators in the database. Methods may be called from several threads.

    Each code counts once. The last step of each account is also in memory, so that a database that rejects writes
    neither refuses a sign-in nor accepts a code again.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int]) -> None:
        self._engine, self._clock = engine, clock
        self._reading = engine.execution_options(writes=False)
        self._lock = threading.Lock()
        self._last_step: dict[str, int] = {}
        self._spent: set[str] = set()

    def enrolled(self, username: str) -> bool:
        """Return whether the account has a confirmed authenticator."""
        row = self._row(username)
        return row is not None and row.confirmed

    def begin(self, username: str) -> Enrolment:
        """Return a new secret, which waits for `confirm`; the present authenticator stays until then."""
        secret = new_secret()
        with self._engine.begin() as connection:
            if connection.execute(_of(username)).first() is None:
                values = {"secret": "", "pending": secret, "confirmed": False, "last_step": 0, "recovery": []}
                connection.execute(insert(second_factors).values(username=username, **values))
            else:
                _change(connection, username, pending=secret)
        return Enrolment(secret, otpauth_uri(secret, username))

    def confirm(self, username: str, code: str) -> Sequence[str] | None:
        """Confirm the pending authenticator; return its recovery codes, shown once. None for a wrong code."""
        with self._lock, self._engine.begin() as connection:
            row = connection.execute(_of(username)).first()
            step = None if row is None or not row.pending else matching_step(row.pending, code, self._clock())
            if row is None or step is None:
                return None
            fresh = [secrets.token_hex(_RECOVERY_BYTES) for _ in range(RECOVERY_CODES)]
            recovery = [_digest(one) for one in fresh]
            values = {"secret": row.pending, "pending": "", "confirmed": True, "last_step": step}
            _change(connection, username, **values, recovery=recovery)
            self._last_step[username] = step
        return fresh

    def check(self, username: str, code: str) -> bool:
        """Return whether the code is a one-time code or recovery code of the account, and use it up."""
        with self._lock:
            row = self._row(username)
            if row is None or not row.confirmed:
                return False
            step = matching_step(row.secret, code, self._clock())
            if step is not None:
                return self._use_step(row, step)
            return self._use_recovery(row, _digest(code.replace("-", "").replace(" ", "").lower()))

    def remove(self, connection: Connection, username: str) -> bool:
        """Delete the authenticator within the caller's transaction; return whether there was one."""
        self._last_step.pop(username, None)
        return connection.execute(delete(second_factors).where(second_factors.c.username == username)).rowcount > 0

    def _use_step(self, row: Row[Any], step: int) -> bool:
        if step <= max(row.last_step, self._last_step.get(row.username, 0)):
            return False
        self._last_step[row.username] = step
        self._store(row.username, last_step=step)
        return True

    def _use_recovery(self, row: Row[Any], digest: str) -> bool:
        rest = [kept for kept in row.recovery if not hmac.compare_digest(kept, digest)]
        if len(rest) == len(row.recovery) or digest in self._spent:
            return False
        self._spent.add(digest)
        self._store(row.username, recovery=rest)
        return True

    def _store(self, username: str, **values: Any) -> None:
        try:
            with self._engine.begin() as connection:
                _change(connection, username, **values)
        except UNWRITTEN:
            return  # memory refuses a second use until the next start

    def _row(self, username: str) -> Row[Any] | None:
        with self._reading.connect() as connection:
            return connection.execute(_of(username)).first()


def _of(username: str) -> Select[Any]:
    return select(second_factors).where(second_factors.c.username == username)


def _change(connection: Connection, username: str, **values: Any) -> None:
    connection.execute(update(second_factors).where(second_factors.c.username == username).values(**values))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
