"""Sessions: hashed random tokens, revocable immediately, in memory while the database rejects writes."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, delete, insert, select, update

from alerts.database.schema import sessions
from alerts.database.storage_faults import UNWRITTEN

IDLE_NS = 30 * 60 * 1_000_000_000
LIFE_NS = 12 * 3_600 * 1_000_000_000
TOUCH_NS = 60 * 1_000_000_000
RETRY_NS = 5 * 1_000_000_000
"""Pause after a rejected write, so that a reader does not wait for another failure."""
KEPT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class _Row:
    """A session in memory. stored: the database has it with an older time of use."""

    username: str
    created_ns: int
    used_ns: int
    stored: bool

    def over(self, now_ns: int) -> bool:
        """Return whether the session has expired by age or idle time."""
        return now_ns - self.created_ns > LIFE_NS or now_ns - self.used_ns > IDLE_NS


class Sessions:
    """Sessions in the database. Methods may be called from several threads.

    A change goes to memory first and then to the database. If the database rejects writes (a full disk), the change
    stays in memory, is counted, and is written with the next successful write. So no request fails because of a time of
    use, sign-in permits reads, and sign-out is effective. A restart loses unwritten changes: a new session must sign
    in again, and an ended session lives until its idle limit.
    """

    def __init__(self, engine: Engine, clock: Callable[[], int], *, kept_max: int = KEPT_MAX) -> None:
        """kept_max: maximum of changes in memory; a further sign-in is rejected."""
        self._engine, self._clock, self._kept_max = engine, clock, kept_max
        self._reading = engine.execution_options(writes=False)
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._changed: dict[str, _Row] = {}
        self._ended: dict[str, None] = {}
        self._failed_ns: int | None = None
        self.unwritten_total = 0

    def open(self, username: str) -> tuple[str, int]:
        """Return a new token and its latest end. Raises the database's error when memory is full."""
        token, now_ns = secrets.token_urlsafe(32), self._clock()
        with self._lock:
            self._changed[_digest(token)] = _Row(username, now_ns, now_ns, stored=False)
        refused = self._write(now_ns, force=True)
        if refused is not None and len(self._changed) > self._kept_max:
            with self._lock:
                self._changed.pop(_digest(token), None)
            raise refused
        return token, now_ns + LIFE_NS

    def user(self, token: str, *, use: bool = True) -> str | None:
        """Return the username of the token; None after its end. use: False for a request without user activity."""
        digest, now_ns = _digest(token), self._clock()
        row = self._known(digest)
        if row is None:
            return None
        if row.over(now_ns):
            self.close(token)
            return None
        if use and now_ns - row.used_ns > TOUCH_NS:
            with self._lock:
                if len(self._changed) < self._kept_max:
                    self._changed[digest] = replace(row, used_ns=now_ns)
        if use and (self._changed or self._ended):
            self._write(now_ns)
        return row.username

    def alive(self, tokens: Collection[str]) -> frozenset[str]:
        """Return the tokens whose sessions have not ended, with one query. It counts as no user activity."""
        by_digest, now_ns = {_digest(token): token for token in tokens}, self._clock()
        found = self._rows(by_digest)
        return frozenset(by_digest[digest] for digest, row in found.items() if not row.over(now_ns))

    def close(self, token: str) -> None:
        """End a session immediately. Raises the database's error when memory is full."""
        digest = _digest(token)
        with self._lock:
            self._changed.pop(digest, None)
            self._ended[digest] = None
        refused = self._write(self._clock(), force=True)
        if refused is not None and len(self._ended) > self._kept_max:
            raise refused

    def forget(self, connection: Connection, username: str) -> None:
        """Delete every session of a person within the caller's transaction."""
        connection.execute(delete(sessions).where(sessions.c.username == username))
        with self._lock:
            self._changed = {digest: row for digest, row in self._changed.items() if row.username != username}

    def _known(self, digest: str) -> _Row | None:
        return self._rows((digest,)).get(digest)

    def _rows(self, digests: Collection[str]) -> dict[str, _Row]:
        """Return the sessions of these digests that nobody has ended, with their latest use."""
        with self._lock:
            wanted = [digest for digest in digests if digest not in self._ended]
            changed = {digest: self._changed[digest] for digest in wanted if digest in self._changed}
        rows = {digest: row for digest, row in changed.items() if not row.stored}
        stored = [digest for digest in wanted if digest not in rows]
        if not stored:
            return rows
        with self._reading.connect() as connection:
            for found in connection.execute(select(sessions).where(sessions.c.digest.in_(stored))):
                later = changed.get(found.digest)
                used_ns = max(found.used_ns, later.used_ns if later else 0)
                rows[found.digest] = _Row(found.username, found.created_ns, used_ns, stored=True)
        return rows

    def _write(self, now_ns: int, *, force: bool = False) -> Exception | None:
        """Write the changes in memory to the database; return the error of a rejected write.

        force: try although the last attempt has just failed.
        """
        recently = self._failed_ns is not None and 0 <= now_ns - self._failed_ns < RETRY_NS
        if not force and (recently or self._writing.locked()):
            return None
        with self._writing:
            return self._settle(now_ns)

    def _settle(self, now_ns: int) -> Exception | None:
        with self._lock:
            changed, ended = dict(self._changed), list(self._ended)
        try:
            with self._engine.begin() as connection:
                _store(connection, changed, ended, now_ns)
        except UNWRITTEN as error:
            self.unwritten_total += 1
            self._failed_ns = now_ns
            return error
        self._failed_ns = None
        with self._lock:
            for digest in ended:
                self._ended.pop(digest, None)
            for digest, row in changed.items():
                if self._changed.get(digest) == row:
                    del self._changed[digest]
        return None


def _store(connection: Connection, changed: dict[str, _Row], ended: list[str], now_ns: int) -> None:
    for digest, row in changed.items():
        if row.stored:  # an update only: a session that ended meanwhile stays deleted
            connection.execute(update(sessions).where(sessions.c.digest == digest).values(used_ns=row.used_ns))
        else:
            values = {"username": row.username, "created_ns": row.created_ns, "used_ns": row.used_ns}
            connection.execute(delete(sessions).where(sessions.c.digest == digest))
            connection.execute(insert(sessions).values(digest=digest, **values))
    for digest in ended:
        connection.execute(delete(sessions).where(sessions.c.digest == digest))
    connection.execute(delete(sessions).where(sessions.c.created_ns < now_ns - LIFE_NS))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
